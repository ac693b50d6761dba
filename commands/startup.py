"""The first steps of a command, before it loads large libraries."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

#: One thread a process: two processes with a thread for each core took 17 times as long. Libraries read this when they load.
ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def begin() -> None:
    """Compute in one thread, and let Ctrl-C end this process silently (130) while its modules load.

    An interrupted import fails in a way that depends on the library, and there is nothing to clean up yet.
    """
    os.environ.update(ONE_THREAD)
    signal.signal(signal.SIGINT, _leave)


def stop_quietly() -> None:
    """Let SIGTERM end this process with 0 until it has its own handler: it has not begun anything yet."""
    signal.signal(signal.SIGTERM, _stop)


def loaded() -> None:
    """Ctrl-C is a KeyboardInterrupt from now on."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Hide these packages from imports within the block, unless they are loaded already.

    Numba imports scipy and cffi if they are installed, even if no kernel uses them: 18 MB in a process that runs for months.
    """
    hidden = [name for name in packages if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # None forbids the import, as the import system documents
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def uncollected() -> Iterator[None]:
    """Import within the block without garbage collections, a fifth of the CPU time of a worker's imports.

    The 200,000 objects of libraries stay for ever, and each collection visits them.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    os._exit(128 + signal.SIGINT)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    os._exit(0)
