"""The forecast table on another host: the compacted topic `forecasts` consumed into a database of our own.

No consumer group: every replica reads all partitions, from offsets that stand in the same atomic write as the rows, so that it
may be killed at any time. `ForecastReader` reads the result as it reads a table made here.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any, Final, Self

import msgspec
from kafka import KafkaConsumer, TopicPartition

from broker.client import broker_errors, client_options, is_listening
from broker.topics import FORECASTS, existing_topic, topic_name
from errors import DataError
from records import decode_forecast
from settings import Settings
from state.database import BOOKKEEPING, Database
from state.folder import FORECASTS as FORECASTS_FOLDER

logger = logging.getLogger(__name__)

_POSITION_KEY: Final = BOOKKEEPING + b"position"
_POLL_MS: Final = 200
_RECORDS: Final = 5000
#: An idle topic and a broker that is away look the same to a consumer; after so long it is worth a look.
_QUIET_SECONDS: Final = 30.0
#: After so long at most a new partition is noticed; Kafka's clients look every five minutes.
_METADATA_MS: Final = 5_000


class _Position(msgspec.Struct):
    """Up to where the topic of this id has been taken: the next offset of each partition."""

    topic_id: str
    offsets: list[int]


class ForecastReplica:
    """Keeps `forecasts.db` in the state folder in step with the topic. A context manager; one writer at a time.

    Raises StateLockedError, StateCorruptError, StateWriteError, SchemaError or BrokerError.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = topic_name(settings, FORECASTS)
        self._database = Database.open_writer(Path(settings.state_dir) / FORECASTS_FOLDER)
        try:
            topic = existing_topic(settings, FORECASTS)
            with broker_errors(settings):
                self._consumer = KafkaConsumer(
                    **client_options(settings),
                    group_id=None,
                    enable_auto_commit=False,
                    # Offsets that are out of range are those of another topic, and then so are the rows.
                    auto_offset_reset="none",
                    max_partition_fetch_bytes=settings.kafka_message_bytes,
                    metadata_max_age_ms=_METADATA_MS,
                )
        except BaseException:
            self._database.close()
            raise
        try:
            with broker_errors(settings):
                self._position = self._where_we_are(topic.id)
                self._take_over(topic.partitions)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the consumer and the database."""
        self._consumer.close()
        self._database.close()

    def run(self, stop: threading.Event) -> None:
        """Follow the topic until `stop` is set; a broker that is away is waited for, and told of now and then."""
        heard = time.monotonic()
        while not stop.is_set():
            if self.step():
                heard = time.monotonic()
            elif time.monotonic() - heard > _QUIET_SECONDS:
                heard = time.monotonic()
                if not is_listening(self._settings.kafka_bootstrap):
                    logger.warning("Kafka is away, its rows stay as they are bootstrap=%s", self._settings.kafka_bootstrap)

    def step(self) -> int:
        """Take what has come, waiting a moment for it; how many records that were."""
        with broker_errors(self._settings):
            partitions = len(self._consumer.partitions_for_topic(self._topic))
            if partitions > len(self._position.offsets):
                self._take_over(partitions)
            found = self._consumer.poll(timeout_ms=_POLL_MS, max_records=_RECORDS)
        changes: dict[bytes, bytes | None] = {}
        for partition, records in found.items():
            for record in records:
                self._take(record, changes)
            self._position.offsets[partition.partition] = records[-1].offset + 1
        if found:
            changes[_POSITION_KEY] = msgspec.json.encode(self._position)
            self._database.write(changes.items())
        return sum(len(records) for records in found.values())

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

    def _where_we_are(self, topic_id: str) -> _Position:
        """The stored position; the beginning, and no rows, where what is stored is not of this topic."""
        stored = self._database.get(_POSITION_KEY)
        if stored is not None:
            position = msgspec.json.decode(stored, type=_Position)
            if position.topic_id == topic_id and self._is_in_range(position):
                return position
            logger.warning("topic %s was made anew, or has lost messages: copied from its beginning", self._topic)
        gone = [(key, None) for key, _ in self._database.iterate()]
        begun = _Position(topic_id, [])
        self._database.write([*gone, (_POSITION_KEY, msgspec.json.encode(begun))])
        return begun

    def _is_in_range(self, position: _Position) -> bool:
        partitions = [TopicPartition(self._topic, number) for number in range(len(position.offsets))]
        begins, ends = self._consumer.beginning_offsets(partitions), self._consumer.end_offsets(partitions)
        # Compaction leaves the beginning where it is; messages before it were deleted, and with them tombstones perhaps.
        return all(begins[partition] <= position.offsets[partition.partition] <= ends[partition] for partition in partitions)

    def _take_over(self, partitions: int) -> None:
        """Read that many partitions from now on, each from where it was left, a new one from its beginning."""
        offsets = self._position.offsets
        every = [TopicPartition(self._topic, number) for number in range(partitions)]
        begins = self._consumer.beginning_offsets(every[len(offsets) :])
        offsets.extend(begins[partition] for partition in every[len(offsets) :])
        self._consumer.assign(every)
        for partition in every:
            self._consumer.seek(partition, offsets[partition.partition])
