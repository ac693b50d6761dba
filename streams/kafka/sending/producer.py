"""Faust's producer without time limits: a message that it accepted is delivered, or the worker ends.

With Faust 0.15.3's configuration of aiokafka 0.14, a batch older than the request time-out fails for good if the broker is
away for a minute. A message whose batch is full for that long fails too. Faust logs the failure and commits nevertheless. An
idempotent producer retries for ever, and the broker stores its batches once and in order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import aiokafka
import faust
from aiokafka.errors import ProducerClosed
from faust.transport.drivers.aiokafka import Producer

#: A hundred years.
_FOREVER_MS: Final = 100 * 365 * 86_400_000


class PatientProducer(Producer):
    """Idempotent, without a limit to the time that a message may wait for its broker."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}

    def _new_producer(self, transactional_id: str | None = None) -> aiokafka.AIOKafkaProducer:
        made = super()._new_producer(transactional_id)
        # aiokafka has one setting for this and for requests; requests keep their time-out.
        made._request_timeout_ms = _FOREVER_MS  # noqa: SLF001 - the wait of a message for room in its batch
        made._message_accumulator._batch_ttl = math.inf  # noqa: SLF001 - the wait of a batch for a leader
        return made

    async def on_stop(self) -> None:
        """Fail messages that have not arrived: the caller has waited for them, and the messages behind them come again."""
        if self._producer is not None:
            self._producer._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001 - it would wait for ever
        await super().on_stop()


def use_patient_producer(app: faust.App) -> None:
    """Must be called before the application starts."""
    app.transport.Producer = PatientProducer  # type: ignore[misc]  # on this application's transport only
