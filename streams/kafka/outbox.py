"""What a worker sends besides its tables' changelogs: forecasts for anyone, requests to itself, dead letters."""

from __future__ import annotations

import logging
from typing import Any

import faust
from faust.types import EventT

from broker.topics import FORECASTS, REJECTED, TRAINING_REQUESTS, topic_name
from settings import Settings
from state.ticker_state import DueTraining
from streams.kafka.messages import dead_letter_headers, encode_request

logger = logging.getLogger(__name__)


class Outbox:
    """Every message goes to the partition of the ticker it is about, so that it meets the ticker's tables there."""

    def __init__(self, app: faust.App, settings: Settings) -> None:
        self._forecasts = raw_topic(app, settings, FORECASTS)
        self._rejected = raw_topic(app, settings, REJECTED)
        self.requests = raw_topic(app, settings, TRAINING_REQUESTS)
        self.rejected_messages = 0

    def forecast(self, partition: int, ticker: str, payload: bytes) -> None:
        """Publish a forecast row."""
        self._forecasts.send_soon(key=ticker.encode(), value=payload, partition=partition)

    def request_training(self, partition: int, ticker: str, due: DueTraining) -> None:
        """Ask the worker of this partition, most likely ourselves, for a training."""
        self.requests.send_soon(key=ticker.encode(), value=encode_request(ticker, due), partition=partition)

    def reject(self, event: EventT[Any], reason: str) -> None:
        """Keep a message that cannot be handled, with the reason and where it came from."""
        message = event.message
        self.rejected_messages += 1
        logger.warning(
            "rejected topic=%s partition=%d offset=%d reason=%s", message.topic, message.partition, message.offset, reason
        )
        self._rejected.send_soon(
            key=event.key,
            value=event.value,
            partition=message.partition,
            headers=dead_letter_headers(message.topic, message.partition, message.offset, reason),
        )


def raw_topic(app: faust.App, settings: Settings, short: str) -> Any:
    """A topic of plain bytes; it exists already."""
    return app.topic(
        topic_name(settings, short),
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        partitions=settings.kafka_partitions,
        allow_empty=True,
    )
