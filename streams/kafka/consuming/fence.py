"""The fence: a worker that was frozen must not write, because another worker may own its partitions by then.

After SIGSTOP and SIGCONT, or on a machine that was suspended, a process does not notice the pause. Without the fence a worker
wrote for 1.5 s after SIGCONT, into tables that then differed from their changelogs.

The fence needs a clock that runs during the pause. On Linux `time.monotonic` (CLOCK_MONOTONIC) stops while the machine is
suspended; CLOCK_BOOTTIME does not. A virtual machine that its host stops may have no such clock: there the fence sees nothing.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final, Self

logger = logging.getLogger(__name__)

#: Service managers restart a process that exits with 75 (EX_TEMPFAIL).
EXIT_FENCED: Final = 75
_BEAT_SECONDS: Final = 0.5
#: The group waits for the whole session before it moves partitions; the rest is left for clocks and messages on their way.
_SESSION_SHARE: Final = 0.6


def boot_seconds() -> float:
    """Seconds since some moment, including the time in which the machine was suspended, if the system knows it."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


def _leave() -> None:
    # No ordinary exit: nothing may be flushed or committed on the way out.
    os._exit(EXIT_FENCED)


class Fence:
    """Ends the process if it has not run for most of its session, by `clock`. A context manager.

    A thread records the time twice a second: the event loop may be busy while the process is not frozen.
    """

    def __init__(
        self, session_seconds: float, *, clock: Callable[[], float] = boot_seconds, leave: Callable[[], None] = _leave
    ) -> None:
        self._limit = session_seconds * _SESSION_SHARE
        self._clock = clock
        self._leave = leave
        self._mutex = threading.Lock()
        self._beat = clock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fence", daemon=True)

    def __enter__(self) -> Self:
        self._beat = self._clock()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        """Call before every write. Does not return if the process was frozen for too long."""
        self._observe(beat=False)

    def _observe(self, *, beat: bool) -> None:
        with self._mutex:
            now = self._clock()
            pause = now - self._beat
            if pause <= self._limit:
                if beat:
                    self._beat = now
                return
        logger.critical("frozen for too long, leaving before anything is written seconds=%.1f limit=%.1f", pause, self._limit)
        self._leave()

    def _run(self) -> None:
        while not self._stop.wait(_BEAT_SECONDS):
            self._observe(beat=True)
