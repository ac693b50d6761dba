"""Faust's producer, made to keep trying: a message that was given to it is delivered, or the worker ends.

As Faust 0.15.3 sets aiokafka 0.14 up, a batch that is older than the request's time-out fails for good, while the broker is
away for a minute; so does a message that finds its batch full for so long. Faust logs that, and commits all the same. An
idempotent producer does not give a batch up, and the broker keeps its batches in order and once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import aiokafka
import faust
from aiokafka.errors import ProducerClosed
from faust.transport.drivers.aiokafka import Producer

#: A hundred years: never.
_FOREVER_MS: Final = 100 * 365 * 86_400_000


class PatientProducer(Producer):
    """Idempotent, and without a limit to how long a message may wait for its broker."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}

    def _new_producer(self, transactional_id: str | None = None) -> aiokafka.AIOKafkaProducer:
        made = super()._new_producer(transactional_id)
        # Requests keep their time-out; aiokafka has one setting for both.
        made._request_timeout_ms = _FOREVER_MS  # noqa: SLF001 - what a message waits for room in its batch
        made._message_accumulator._batch_ttl = math.inf  # noqa: SLF001 - what it waits for a leader
        return made

    async def on_stop(self) -> None:
        """What has not arrived by now will not: whoever stops has waited for it, and the messages behind it come again."""
        if self._producer is not None:
            self._producer._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001 - it would wait without end
        await super().on_stop()


def use_patient_producer(app: faust.App) -> None:
    """Must be called before the application starts."""
    app.transport.Producer = PatientProducer  # type: ignore[misc]  # of this application's transport alone
