"""The changelogs of the workers' tables as a replica reads them: all partitions, without a consumer group."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import OffsetOutOfRangeError

from broker.claims import decode_claim
from broker.client import broker_errors, client_options, is_listening
from broker.topics import FORECASTS as FORECASTS_TOPIC
from broker.topics import TABLES, ExistingTopic, changelog_name, existing_topic, existing_topics, topic_name
from errors import BrokerAwayError, BrokerError
from settings import Settings
from state.notices import Notices
from state.partition_copy import Record
from state.replica.tables import FORECASTS, Place

logger = logging.getLogger(__name__)

_POLL_MS: Final = 200
_RECORDS: Final = 5000
#: In memory at once; a client's default is 50 MB.
_FETCH_BYTES: Final = 8 << 20
#: Longer than this the copies must not wait for an answer about offsets.
_ANSWER_MS: Final = 5_000
#: How soon a new partition is noticed; by default Kafka's clients look every five minutes.
_METADATA_MS: Final = 5_000


class Changelogs:
    """A client of Kafka that may be connected.

    All methods but `close` raise BrokerError, or BrokerAwayError if Kafka is away.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        #: The short name of each table's changelog, in the order in which the tables are followed.
        self._topics = {FORECASTS: FORECASTS_TOPIC}
        if settings.replica_bars:
            self._topics |= {table: changelog_name(table) for table in TABLES}
        self._table_of = {topic_name(settings, topic): table for table, topic in self._topics.items()}
        self._consumer: KafkaConsumer | None = None
        self._notices = Notices(logger)

    @property
    def is_connected(self) -> bool:
        """Whether there is a consumer; the broker may be away."""
        return self._consumer is not None

    @property
    def left_out(self) -> set[str]:
        """The tables that this replica does not follow."""
        return {FORECASTS, *TABLES} - self._topics.keys()

    def listens(self) -> bool:
        """Whether anything accepts a connection at the broker's address."""
        return is_listening(self._settings.kafka_bootstrap)

    def connect(self) -> None:
        """Begin to consume, as yet no partition."""
        with broker_errors(self._settings):
            self._consumer = KafkaConsumer(
                **client_options(self._settings),
                group_id=None,
                enable_auto_commit=False,
                # Offsets out of range belong to another topic, and then so do the values.
                auto_offset_reset="none",
                fetch_max_bytes=_FETCH_BYTES,
                max_partition_fetch_bytes=self._settings.kafka_message_bytes,
                metadata_max_age_ms=_METADATA_MS,
            )
            # A broker that creates topics on request would bring back a changelog that a rebuild has just deleted. The client
            # has no setting for it that reaches its requests.
            self._consumer._cluster.config["allow_auto_create_topics"] = False  # noqa: SLF001

    def close(self) -> None:
        """Close the consumer; idempotent."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def existing(self) -> dict[str, ExistingTopic]:
        """The changelogs that exist, by table; there must be that of the forecasts."""
        found = existing_topics(self._settings, self._topics.values())
        if FORECASTS_TOPIC not in found:
            existing_topic(self._settings, FORECASTS_TOPIC)
        for table, topic in self._topics.items():
            if topic not in found:
                # A rebuild deletes it and creates it again.
                self._notices.warn(table, "changelog missing, looked for again table=%s topic=%s", table, self._name(table))
            else:
                self._notices.clear(table)
        return {table: found[topic] for table, topic in self._topics.items() if topic in found}

    def partitions(self, table: str) -> int:
        """The number of a table's partitions, as the client knows it."""
        with broker_errors(self._settings):
            return len(self._connected.partitions_for_topic(self._name(table)) or ())

    def led(self, places: Collection[Place]) -> set[Place]:
        """The partitions that have a leader, as the client knows it. No broker answers for any other partition."""
        known: dict[str, set[int]] = {}
        with broker_errors(self._settings):
            for topic in {self._name(place.table) for place in places}:
                self._connected.partitions_for_topic(topic)  # asks the broker about a new topic
                # The client has no method for it.
                known[topic] = self._connected._cluster.available_partitions_for_topic(topic) or set()  # noqa: SLF001
        return {place for place in places if place.partition in known[self._name(place.table)]}

    def assign(self, places: Iterable[Place]) -> None:
        """Consume exactly these partitions; `seek` each before the next poll."""
        with broker_errors(self._settings):
            self._connected.assign([self._partition(place) for place in places])

    def bounds(self, places: Iterable[Place]) -> dict[Place, tuple[int, int]]:
        """The first offset of each partition's log, and the offset after its last record."""
        partitions = {place: self._partition(place) for place in places}
        with broker_errors(self._settings), self._known_topics({each.topic for each in partitions.values()}):
            begins = self._connected.beginning_offsets(list(partitions.values()))
            ends = self._connected.end_offsets(list(partitions.values()))
            return {place: (begins[partition], ends[partition]) for place, partition in partitions.items()}

    @contextmanager
    def _known_topics(self, topics: Iterable[str]) -> Iterator[None]:
        """The client has seen these topics. Raises BrokerAwayError if it has not: a topic was deleted, or is not there yet."""
        for topic in topics:
            self._connected.partitions_for_topic(topic)  # asks the broker about a new topic
        try:
            yield
        except KeyError as error:
            raise BrokerAwayError(f"{error} is not there: it was deleted, or is being created") from error

    def seek(self, place: Place, offset: int) -> None:
        """Continue a partition at an offset."""
        with broker_errors(self._settings):
            self._connected.seek(self._partition(place), offset)

    def poll(self) -> dict[Place, list[Record]]:
        """The next records, waiting a moment for them. Closes the consumer if an offset is out of range."""
        with broker_errors(self._settings):
            try:
                found = self._connected.poll(timeout_ms=_POLL_MS, max_records=_RECORDS)
            except OffsetOutOfRangeError:
                self.close()  # connecting again shows which topic this is
                return {}
        return {
            Place(self._table_of[partition.topic], partition.partition): [
                Record(each.offset, each.key or b"", each.value, decode_claim(each.headers)) for each in records
            ]
            for partition, records in found.items()
        }

    def progress(self, places: Iterable[Place]) -> dict[Place, tuple[int, int]] | None:
        """By partition, the next offset to be consumed and the log's end; None if the broker does not answer in time."""
        partitions = {place: self._partition(place) for place in places}
        try:
            with broker_errors(self._settings), self._known_topics(()):
                ends = self._connected.end_offsets(list(partitions.values()), timeout_ms=_ANSWER_MS)
                # Not the copy's offset: compaction may leave a log that ends without a record.
                return {
                    place: (self._connected.position(partition, timeout_ms=_ANSWER_MS) or 0, ends[partition])
                    for place, partition in partitions.items()
                }
        except BrokerError as error:
            # The page shows the silence; whether the broker is away is found out elsewhere.
            logger.debug("no answer to how far the copies are reason=%s", error)
            return None

    @property
    def _connected(self) -> KafkaConsumer:
        assert self._consumer is not None, "connected"
        return self._consumer

    def _partition(self, place: Place) -> TopicPartition:
        return TopicPartition(self._name(place.table), place.partition)

    def _name(self, table: str) -> str:
        return topic_name(self._settings, self._topics[table])
