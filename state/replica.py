"""The forecast table on another host: the compacted topic `forecasts` consumed into a database of our own.

No consumer group: every replica reads all partitions, from offsets that stand in the same atomic write as the rows, so that it
may be killed at any time. `ForecastReader` reads the result as it reads a table made here.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any, Final, Self

from kafka import KafkaConsumer, TopicPartition

from broker.client import broker_errors, client_options
from broker.topics import FORECASTS, topic_name
from errors import DataError
from records import decode_forecast
from settings import Settings
from state.database import BOOKKEEPING, Database

logger = logging.getLogger(__name__)

_OFFSET_PREFIX: Final = BOOKKEEPING + b"offset"
_POLL_MS: Final = 200
_RECORDS: Final = 5000


class ForecastReplica:
    """Keeps `forecasts.db` in the state folder in step with the topic. A context manager; one writer at a time.

    Raises StateLockedError, StateCorruptError, StateWriteError, SchemaError or BrokerError.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = topic_name(settings, FORECASTS)
        self._database = Database.open_writer(Path(settings.state_dir) / "forecasts.db")
        try:
            with broker_errors(settings):
                self._consumer = self._connected()
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()
        self._database.close()

    def run(self, stop: threading.Event) -> None:
        """Follow the topic until `stop` is set; a broker that is away is waited for."""
        while not stop.is_set():
            self.step()

    def step(self) -> int:
        """Take what has come, waiting a moment for it; how many records that were."""
        with broker_errors(self._settings):
            found = self._consumer.poll(timeout_ms=_POLL_MS, max_records=_RECORDS)
        changes: dict[bytes, bytes | None] = {}
        count = 0
        for partition, records in found.items():
            for record in records:
                count += 1
                self._take(record, changes)
            changes[_offset_key(partition.partition)] = b"%d" % (records[-1].offset + 1)
        if changes:
            self._database.write(changes.items())
        return count

    def _take(self, record: Any, changes: dict[bytes, bytes | None]) -> None:
        if not record.key or record.key.startswith(BOOKKEEPING):
            logger.warning("record without a ticker left out partition=%d offset=%d", record.partition, record.offset)
            return
        if record.value is not None:
            try:
                decode_forecast(record.value)
            except DataError as error:
                logger.warning("record left out partition=%d offset=%d reason=%s", record.partition, record.offset, error)
                return
        changes[record.key] = record.value

    def _connected(self) -> Any:
        options = client_options(self._settings)
        consumer = KafkaConsumer(**options, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest")
        partitions = [TopicPartition(self._topic, number) for number in range(self._settings.kafka_partitions)]
        consumer.assign(partitions)
        for partition in partitions:
            stored = self._database.get(_offset_key(partition.partition))
            consumer.seek(partition, int(stored or b"0"))
        return consumer


def _offset_key(partition: int) -> bytes:
    return _OFFSET_PREFIX + b"%d" % partition
