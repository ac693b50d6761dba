"""The forecast table on another host: consumes the compacted topic `forecasts` into a local database.

There is no consumer group: every replica reads all partitions. Offsets are written atomically with the rows, so a replica may
be killed at any time. `ForecastReader` reads the result like any other table. A replica waits while the broker is away, and
copies the topic again if its database is damaged. Other errors are raised.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import OffsetOutOfRangeError

from broker.claims import decode_claim
from broker.client import broker_errors, client_options, is_listening
from broker.patience import once_kafka_answers
from broker.topics import FORECASTS, existing_topic, topic_name
from errors import BrokerAwayError, BrokerError, StateCorruptError
from settings import Settings
from state.folder import FORECASTS as FORECASTS_FOLDER
from state.partition_copy import Record
from state.replica_rows import Row, select_rows
from state.replica_store import Position, Progress, ReplicaStore
from state.replica_watch import ReplicaWatch

logger = logging.getLogger(__name__)

_POLL_MS: Final = 200
_RECORDS: Final = 5000
#: How often to check the topic: to a consumer an idle topic, a recreated topic and an absent broker look the same.
_LOOK_SECONDS: Final = 30.0
#: How often to compare the copy with the ends of the topic.
_ASK_SECONDS: Final = 5.0
#: Longer than this the copy must not wait for that answer.
_ANSWER_MS: Final = 5_000
#: A consumer by itself reconnects up to half a minute after its broker returns.
_PROBE_SECONDS: Final = 5.0
#: How soon a new partition is noticed; by default Kafka's clients look every five minutes.
_METADATA_MS: Final = 5_000


class ForecastReplica:
    """Keeps `forecasts.db` in the state folder equal to the topic. A context manager; one writer at a time.

    Raises StateLockedError, StateWriteError, SchemaError, BrokerError, or StateCorruptError if a new copy is damaged at once.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.watch = ReplicaWatch(settings.state_dir)
        self._topic = topic_name(settings, FORECASTS)
        self._store = ReplicaStore(Path(settings.state_dir) / FORECASTS_FOLDER)
        self._consumer: KafkaConsumer | None = None
        self._may_repair = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the consumer and the database."""
        self._disconnect()
        self._store.close()

    def run(self, stop: threading.Event) -> None:
        """Follow the topic until `stop` is set; wait while the broker is away, with a warning now and then."""
        looked = probed = asked = time.monotonic()
        while not stop.is_set():
            try:
                if self._consumer is None:
                    once_kafka_answers(self._settings, self.step, stop=stop)
                elif self.step():
                    probed = time.monotonic()
                elif time.monotonic() - probed > _PROBE_SECONDS:
                    probed = time.monotonic()
                    if not is_listening(self._settings.kafka_bootstrap):
                        self._disconnect()
                if self._consumer is not None and time.monotonic() - asked > _ASK_SECONDS:
                    asked = time.monotonic()
                    self._ask_how_far()
                if self._consumer is not None and time.monotonic() - looked > _LOOK_SECONDS:
                    looked = time.monotonic()
                    self._look_at_topic()
            except BrokerAwayError as error:
                logger.warning("Kafka is away, the rows stay unchanged reason=%s", error)
                self._disconnect()

    def step(self) -> int:
        """Take new records, waiting a moment for them. Returns their number. A damaged copy is rebuilt."""
        try:
            consumer = self._connect() if self._consumer is None else self._consumer
            self._store.look()
            found = self._poll(consumer)
            if found:
                self._take(found)
                self._may_repair = True
            return sum(len(records) for records in found.values())
        except StateCorruptError as error:
            if not self._may_repair:
                raise
            reason = str(error)
        self._may_repair = False
        self._disconnect()
        self.watch.note_copy()
        self._store.make_anew(reason)
        return 0

    def _poll(self, consumer: KafkaConsumer) -> dict[TopicPartition, list[Any]]:
        with broker_errors(self._settings):
            partitions = len(consumer.partitions_for_topic(self._topic))
            if partitions > len(self._store.position.partitions):
                self._assign(consumer, partitions)
            try:
                found: dict[TopicPartition, list[Any]] = consumer.poll(timeout_ms=_POLL_MS, max_records=_RECORDS)
            except OffsetOutOfRangeError:
                self._disconnect()  # connecting again checks which topic this is
                return {}
        return found

    def _take(self, found: Mapping[TopicPartition, Sequence[Any]]) -> None:
        partitions = list(self._store.position.partitions)
        rows: dict[bytes, Row] = {}
        left_out = void = 0
        for number, records in ((partition.partition, records) for partition, records in found.items()):
            selected = select_rows(
                (Record(record.offset, record.key or b"", record.value, decode_claim(record.headers)) for record in records),
                partitions[number].standing,
            )
            rows |= selected.rows
            left_out += len(selected.left_out)
            void += len(selected.void)
            partitions[number] = Progress(records[-1].offset + 1, *selected.standing)
            for offset, reason in selected.left_out:
                logger.warning("record left out partition=%d offset=%d reason=%s", number, offset, reason)
            if selected.void:
                logger.warning(
                    "void records left out partition=%d count=%d first=%d last=%d reason=%s",
                    number,
                    len(selected.void),
                    selected.void[0],
                    selected.void[-1],
                    "their worker had lost the partition",
                )
        self._store.write(rows, partitions)
        self.watch.note_records(
            sum(len(records) for records in found.values()), rows=self._store.position.rows, left_out=left_out, void=void
        )

    def _connect(self) -> KafkaConsumer:
        topic = existing_topic(self._settings, FORECASTS)
        with broker_errors(self._settings):
            consumer = self._consumer = KafkaConsumer(
                **client_options(self._settings),
                group_id=None,
                enable_auto_commit=False,
                # Offsets out of range belong to another topic, and then so do the rows.
                auto_offset_reset="none",
                max_partition_fetch_bytes=self._settings.kafka_message_bytes,
                metadata_max_age_ms=_METADATA_MS,
            )
            try:
                self._begin(consumer, topic.id)
                self._assign(consumer, topic.partitions)
            except BaseException:
                self._disconnect()
                raise
        return consumer

    def _disconnect(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def _begin(self, consumer: KafkaConsumer, topic_id: str) -> None:
        """Begin without rows, at the beginning of the topic, unless the stored position belongs to this topic."""
        position = self._store.position
        if position.topic_id == topic_id and self._is_in_range(consumer, position):
            return
        if position.topic_id:
            self.watch.note_copy()
            logger.warning("topic was recreated or has lost messages, copied from its beginning topic=%s", self._topic)
        self._store.begin(topic_id)

    def _is_in_range(self, consumer: KafkaConsumer, position: Position) -> bool:
        partitions = self._numbered(len(position.partitions))
        begins, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        # Compaction does not move the beginning. Messages before it were deleted, perhaps with tombstones.
        return all(
            begins[partition] <= position.partitions[partition.partition].offset <= ends[partition] for partition in partitions
        )

    def _assign(self, consumer: KafkaConsumer, count: int) -> None:
        """Read that many partitions, each from its stored offset, a new partition from its beginning."""
        known = self._store.position.partitions
        every = self._numbered(count)
        new = every[len(known) :]
        if new:
            begins = consumer.beginning_offsets(new)
            self._store.write({}, [*known, *(Progress(begins[partition]) for partition in new)])
        consumer.assign(every)
        for partition in every:
            consumer.seek(partition, self._store.position.partitions[partition.partition].offset)

    def _numbered(self, count: int) -> list[TopicPartition]:
        return [TopicPartition(self._topic, number) for number in range(count)]

    def _ask_how_far(self) -> None:
        """Compare the copy with the ends of the topic's partitions, as the broker has them."""
        consumer = self._consumer
        assert consumer is not None, "asked while connected"
        partitions = self._numbered(len(self._store.position.partitions))
        try:
            with broker_errors(self._settings):
                ends = consumer.end_offsets(partitions, timeout_ms=_ANSWER_MS)
                # Not the stored offset: compaction may leave a log that ends without a record.
                done = {each.partition: consumer.position(each, timeout_ms=_ANSWER_MS) or 0 for each in partitions}
        except BrokerError as error:
            # The page shows the silence; whether the broker is away is for `run` to find out.
            logger.debug("no answer to how far the copy is reason=%s", error)
            return
        self.watch.note_offsets(done, {each.partition: end for each, end in ends.items()}, self._store.position.rows)

    def _look_at_topic(self) -> None:
        """Disconnect if the topic was recreated: a consumer would continue in another topic of the same name."""
        if not is_listening(self._settings.kafka_bootstrap):
            self._disconnect()  # a client would need a quarter of a minute to notice
        elif existing_topic(self._settings, FORECASTS).id != self._store.position.topic_id:
            self._disconnect()
