"""How the C library of this process keeps memory: in few heaps, and what is free goes back to the system.

Its defaults are not meant for hundreds of threads that allocate megabytes now and then, nor for a backfill, whose memory it
would keep: 40 MB of a worker's. Measured of the service, with 200 streams and 50 clients:
348 MB with a heap for each thread, 212 MB with two heaps; under three minutes of optimizations 513 MB and growing where
matrices lie in those heaps. C libraries without these calls (musl) do not have the problem.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_M_ARENA_MAX: Final = -8
_ARENAS: Final = 2
_M_MMAP_THRESHOLD: Final = -3
#: A matrix of 256 tickers. With twice as much, heaps in pieces held 20 MB more under ten minutes of optimizations.
_LARGE_BYTES: Final = 1 << 19
#: Some milliseconds of work each time, beside the interpreter's lock.
_TRIM_SECONDS: Final = 5.0


@contextmanager
def sparing() -> Iterator[None]:
    """Two heaps for all threads, large blocks outside them, and within this free pages given back every few seconds.

    To be entered before threads start: each chooses its heap with its first allocation.
    """
    library = ctypes.CDLL(None)
    trim = getattr(library, "malloc_trim", None)
    if trim is None:
        yield
        return
    library.mallopt(_M_ARENA_MAX, _ARENAS)
    library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
    ended = threading.Event()

    def give_back() -> None:
        while not ended.wait(_TRIM_SECONDS):
            trim(0)

    thread = threading.Thread(target=give_back, name="memory", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
