"""A worker that was frozen must not write: its partitions belong to another one by then.

After SIGSTOP and SIGCONT, or on a machine that was suspended, a process believes that nothing has happened. It was seen to
write for 1.5 s after it was continued, into tables that then silently differed from their changelogs.

The clock must go on meanwhile. On Linux `time.monotonic` (CLOCK_MONOTONIC) stands still while the machine is suspended;
CLOCK_BOOTTIME goes on. A virtual machine that its host stops may have no clock that goes on: there the fence sees nothing.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final, Self

logger = logging.getLogger(__name__)

#: A service manager takes 75 (EX_TEMPFAIL) for what it should simply start again.
EXIT_FENCED: Final = 75
_BEAT_SECONDS: Final = 0.5
#: The session is over for the others only after its whole length; what is between is for clocks and messages under way.
_SESSION_SHARE: Final = 0.6


def boot_seconds() -> float:
    """Seconds since some moment, those in which the machine was suspended included, where the system can tell."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


def _leave() -> None:
    # Nothing may be flushed or committed on the way out, so no ordinary exit.
    os._exit(EXIT_FENCED)


class Fence:
    """Ends the process as soon as it finds that it has not run for most of its session, by `clock`. A context manager.

    A thread beats, because the event loop may be busy for a while without the process being frozen.
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
        """Call before every write. Does not return when the process has been frozen for too long."""
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
