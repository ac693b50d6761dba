"""The messages that a worker sends besides changelogs: training requests and dead letters."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

import faust
from faust.types import EventT

from broker.topics import REJECTED, TRAINING_REQUESTS
from history.ticker_state import DueTraining
from monitoring.reason_class import rejection_class
from settings import Settings
from streams.kafka.sending.messages import dead_letter_headers, encode_request
from streams.kafka.sending.sender import Sender, raw_topic

logger = logging.getLogger(__name__)


class Outbox:
    """Every message goes to its ticker's partition, where the ticker's tables are."""

    def __init__(self, app: faust.App, settings: Settings, sender: Sender) -> None:
        self._sender = sender
        self._rejected = raw_topic(app, settings, REJECTED)
        self.requests = raw_topic(app, settings, TRAINING_REQUESTS)
        self.rejected: Counter[str] = Counter()

    @property
    def rejected_messages(self) -> int:
        """Since the start; `rejected` has them by class of reason."""
        return self.rejected.total()

    def request_training(self, partition: int, ticker: str, due: DueTraining) -> None:
        """Request a training from the owner of this partition, most likely this worker."""
        self._sender.send(self.requests, partition, ticker.encode(), encode_request(ticker, due))

    def reject(self, event: EventT[Any], reason: str) -> None:
        """Keep a message that cannot be processed as a dead letter, with the reason and its origin."""
        message = event.message
        self.rejected[rejection_class(reason)] += 1
        logger.warning(
            "rejected topic=%s partition=%d offset=%d reason=%s", message.topic, message.partition, message.offset, reason
        )
        headers = dead_letter_headers(message.topic, message.partition, message.offset, reason)
        self._sender.send(self._rejected, message.partition, event.key, event.value, headers)
