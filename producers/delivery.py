"""Delivery of messages to Kafka that counts acknowledgements one by one and sends unacknowledged messages again.

kafka-python's own `flush` was seen to hang for minutes after a broker's outage, and its retries to lose messages. So a message
is delivered when its own acknowledgement has come; a producer that makes no progress is replaced and everything unacknowledged
is sent again. That may repeat a message or swap two of them, which the readers of `bars` are made for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self

from kafka import KafkaProducer
from kafka import errors as kafka_errors

from broker.client import broker_errors, client_options, explain
from errors import BrokerError
from settings import KafkaCompression, Settings

logger = logging.getLogger(__name__)

#: A request that is not answered by then failed; its messages are sent again by a new producer.
_STALL_SECONDS: Final = 20.0
#: Small requests cost most of the time of a backfill, a long linger the latency of a live bar.
_LINGER_MS: Final = 5
_REQUEST_BYTES: Final = 256 * 1024

#: Time zones and leap days explain less.
_WRONG_CLOCK_SECONDS: Final = 12 * 3600

#: Errors that sending again cannot mend.
_FINAL: Final = (
    kafka_errors.AuthorizationError,
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.InvalidTopicError,
    kafka_errors.SaslAuthenticationFailedError,
)


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent."""

    topic: str
    key: bytes
    value: bytes


class Delivery:
    """Sends messages with `acks=all` and idempotence; `send` blocks while `publish_buffer_messages` are unacknowledged.

    For one thread. A context manager: leaving it in good order waits for every acknowledgement; after an exception what is
    under way is given up.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._changed = threading.Condition()
        self._pending: dict[int, Message] = {}
        self._failed: set[int] = set()
        self._fatal: BaseException | None = None
        self._next = 0
        self._attempt = 0
        self._acknowledged = 0
        self._progress = time.monotonic()
        self._producer_since = self._progress
        self._has_warned = False
        self._producer = self._new_producer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self._close_producer()

    @property
    def acknowledged(self) -> int:
        """Messages that the brokers have confirmed."""
        with self._changed:
            return self._acknowledged

    def send(self, message: Message) -> None:
        """Hand a message over. Raises BrokerError when it can never be delivered or nothing is for the deadline."""
        self._wait_until_below(self._settings.publish_buffer_messages)
        with self._changed:
            number = self._next
            self._next += 1
            if not self._pending:
                self._progress = time.monotonic()
            self._pending[number] = message
        self._hand_over(number, message)

    def flush(self) -> None:
        """Wait until every message is acknowledged. Raises BrokerError as `send` does."""
        self._wait_until_below(1)

    def _wait_until_below(self, limit: int) -> None:
        started = time.monotonic()
        while True:
            with self._changed:
                self._raise_fatal()
                if len(self._pending) < limit and not self._failed:
                    return
                if not self._failed:
                    self._changed.wait(timeout=0.5)
                now = time.monotonic()
                stalled = bool(self._failed) or now - max(self._progress, self._producer_since) > _STALL_SECONDS
                silent = now - max(self._progress, started)
                waiting = len(self._pending)
            if silent > self._settings.publish_deadline_seconds:
                raise BrokerError(
                    f"{self._settings.kafka_bootstrap}: {waiting} messages unacknowledged for "
                    f"{self._settings.publish_deadline_seconds:g} s; is Kafka running? Publish again when it is: what arrived "
                    "is skipped"
                )
            if stalled and waiting:
                self._send_again()

    def _raise_fatal(self) -> None:
        if self._fatal is not None:
            raise explain(self._fatal, self._settings) from self._fatal

    def _send_again(self) -> None:
        logger.warning("publishing stalled, sending again messages=%d", len(self._pending))
        self._close_producer()
        try:
            self._producer = self._new_producer()
        except BrokerError as error:
            logger.warning("broker away, trying again reason=%s", error)
            return
        with self._changed:
            self._attempt += 1
            self._producer_since = time.monotonic()
            self._failed.clear()
            waiting = list(self._pending.items())
        for number, message in waiting:
            self._hand_over(number, message)

    def _hand_over(self, number: int, message: Message) -> None:
        with broker_errors(self._settings):
            try:
                future = self._producer.send(message.topic, key=message.key, value=message.value)
            except kafka_errors.KafkaTimeoutError as error:
                self._on_error(number, self._attempt, error)
                return
        future.add_callback(self._on_acknowledged, number)
        future.add_errback(self._on_error, number, self._attempt)

    def _on_acknowledged(self, number: int, metadata: Any) -> None:
        self._compare_clocks(metadata.timestamp / 1000)
        with self._changed:
            if self._pending.pop(number, None) is not None:
                self._failed.discard(number)
                self._acknowledged += 1
                self._progress = time.monotonic()
            self._changed.notify()

    def _compare_clocks(self, broker_time: float) -> None:
        """The topic's records have the broker's time; one of two clocks that are half a day apart is wrong."""
        ahead = self._clock() - broker_time
        if abs(ahead) > _WRONG_CLOCK_SECONDS and not self._has_warned:
            self._has_warned = True
            logger.warning(
                "this machine's clock differs from Kafka's: set it and publish again, bars may have been refused hours=%+.1f",
                ahead / 3600,
            )

    def _on_error(self, number: int, attempt: int, error: BaseException) -> None:
        with self._changed:
            if isinstance(error, _FINAL):
                self._fatal = error
            elif attempt == self._attempt and number in self._pending:
                # Else a replaced producer gives up what its successor has sent since, or delivered itself.
                self._failed.add(number)
            self._changed.notify()

    def _new_producer(self) -> KafkaProducer:
        compression = self._settings.kafka_compression
        with broker_errors(self._settings):
            return KafkaProducer(
                **client_options(self._settings),
                acks="all",
                enable_idempotence=True,
                compression_type=None if compression is KafkaCompression.NONE else compression.value,
                linger_ms=_LINGER_MS,
                batch_size=_REQUEST_BYTES,
                max_request_size=self._settings.kafka_message_bytes,
                max_block_ms=int(_STALL_SECONDS * 1000),
                request_timeout_ms=int(_STALL_SECONDS * 500),
                delivery_timeout_ms=int(_STALL_SECONDS * 1000),
                allow_auto_create_topics=False,
            )

    def _close_producer(self) -> None:
        try:
            self._producer.close(timeout=1.0)
        except kafka_errors.KafkaError as error:
            # Its thread is a daemon and ends with the process; waiting for it is what hangs.
            logger.warning("a producer did not close reason=%s", error)
