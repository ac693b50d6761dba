"""What a command does before it loads anything that takes time."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

#: One process is one core: two processes with a thread per core each took 17 times as long. Read when the libraries load.
ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def begin() -> None:
    """Compute in one thread, and let Ctrl-C end this process silently (130) while its modules load.

    An import that is interrupted half-way fails in whatever way its library likes, and there is nothing to clean up yet.
    """
    os.environ.update(ONE_THREAD)
    signal.signal(signal.SIGINT, _leave)


def stop_quietly() -> None:
    """Let SIGTERM end this process with 0 until it has a handler of its own: told to stop, it had not begun anything."""
    signal.signal(signal.SIGTERM, _stop)


def loaded() -> None:
    """From here on Ctrl-C is a KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Import as if these were not installed, unless they are loaded already.

    Numba looks for scipy's BLAS and for cffi whether a kernel uses them or not: 18 MB in a process that lives for months.
    """
    hidden = [name for name in packages if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # so the import system's documentation forbids an import
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def _leave(_signal: int, _frame: FrameType | None) -> None:
    os._exit(128 + signal.SIGINT)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    os._exit(0)
