"""Waits for a Kafka that is away, and logs that it waits. Any other error passes at once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from broker.client import is_listening
from errors import BrokerAwayError
from settings import Settings

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

SECONDS_BETWEEN_LINES: Final = 15.0
_PAUSE_SECONDS: Final = 0.5


class Reminder:
    """Limits a log line: at once, and then every 15 seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: float | None = None

    def is_due(self) -> bool:
        """Whether to log the line now. A True counts as logged."""
        now = self._clock()
        if self._said is not None and now - self._said < SECONDS_BETWEEN_LINES:
            return False
        self._said = now
        return True


def once_kafka_answers(
    settings: Settings, action: Callable[[], Result], *, stop: threading.Event | None = None
) -> Result | None:
    """The result of `action`, which is retried while it raises BrokerAwayError; None if `stop` is set first.

    Any other error passes: waiting does not help against a refusal.
    """
    stop = stop or threading.Event()
    reminder = Reminder()
    while not stop.is_set():
        reason: object = "nothing listens there"
        # A client takes 15 s to give up, and kafka-python leaves the sockets of refused connections open.
        if is_listening(settings.kafka_bootstrap):
            try:
                return action()
            except BrokerAwayError as error:
                reason = error
        if reminder.is_due():
            logger.warning("Kafka is away, waiting for it bootstrap=%s reason=%s", settings.kafka_bootstrap, reason)
        stop.wait(_PAUSE_SECONDS)
    return None
