"""A worker's departure: in order if it can, at once at a second signal or after a deadline.

Faust's stop waits for Kafka in several places, some of them without a limit: a worker whose Kafka went away while it stopped
would never end. Leaving at once is safe, as `kill -9` is: messages that are not committed are read again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

#: A stop in order takes a few seconds. Service managers kill after a minute or more (`TimeoutStopSec` in docs/operations.md).
DEADLINE_SECONDS: Final = 30.0
#: What is left of it if Kafka does not answer.
HURRY_SECONDS: Final = 5.0


class Departure:
    """Waits for SIGTERM or Ctrl-C, and ends the process if the stop does not. Create it inside the event loop.

    `leave` ends the process with an exit code: 0 after a signal, 1 if the worker stops for another reason.
    """

    def __init__(self, deadline_seconds: float = DEADLINE_SECONDS, leave: Callable[[int], object] = os._exit) -> None:
        self._leave = leave
        self._asked = asyncio.Event()
        self._timer = self._new_timer(deadline_seconds, "the stop took too long")
        self._hurried: threading.Timer | None = None

    @property
    def is_asked(self) -> bool:
        """Whether a signal has come."""
        return self._asked.is_set()

    async def asked(self) -> None:
        """Wait for a signal."""
        await self._asked.wait()

    def listen(self) -> None:
        """Handle SIGTERM and Ctrl-C from now on."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ask)

    def ask(self) -> None:
        """What a signal does: the first asks the worker to stop, the second ends the process."""
        if self._asked.is_set():
            self._leave_at_once("a second signal")
        logger.info("stopping")
        self._asked.set()
        self.begin()

    def begin(self) -> None:
        """The stop begins now, for whatever reason; idempotent."""
        if self._timer.ident is None:
            self._timer.start()

    def hurry(self, seconds: float = HURRY_SECONDS) -> None:
        """Kafka does not answer: end the process after `seconds`, or at the deadline if that comes first."""
        self._hurried = self._new_timer(seconds, "Kafka does not answer")
        self._hurried.start()

    def cancel(self) -> None:
        """The worker has stopped, and the process goes on."""
        self._timer.cancel()
        if self._hurried is not None:
            self._hurried.cancel()

    def _new_timer(self, seconds: float, reason: str) -> threading.Timer:
        # A thread: the event loop may be the part that hangs.
        timer = threading.Timer(seconds, self._leave_at_once, [reason])
        timer.daemon = True
        return timer

    def _leave_at_once(self, reason: str) -> None:
        logger.error("left before the stop was done, what is not committed is read again reason=%s", reason)
        self._leave(0 if self.is_asked else 1)
