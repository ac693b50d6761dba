"""What a command does before it loads anything that takes time."""

from __future__ import annotations

import os
import signal
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


def _leave(_signal: int, _frame: FrameType | None) -> None:
    os._exit(128 + signal.SIGINT)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    os._exit(0)
