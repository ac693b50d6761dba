"""Ctrl-C beside a library's locks."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

#: A wait within `deferred` is no longer than this, so that Ctrl-C works at once for a person.
LONGEST_SECONDS: Final = 0.1


@contextmanager
def deferred() -> Iterator[None]:
    """Let Ctrl-C wait for the end of the block.

    A KeyboardInterrupt is raised between any two steps of the main thread. Where a library has just taken a lock, the lock then
    stays closed, and the next thread that needs it waits for ever: pools of processes hung at their end. In another thread,
    where none is raised, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[FrameType | None] = []
    before = signal.signal(signal.SIGINT, lambda _signal, frame: came.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        # The handler is called and no signal is raised again: an event loop would count it twice.
        if came and callable(before):
            before(signal.SIGINT, came[0])
        elif came and before is signal.SIG_DFL:
            signal.raise_signal(signal.SIGINT)
