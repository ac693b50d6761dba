"""The content of Kafka, read with a plain client: offsets of the group, messages, dead letters."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

_READ_SECONDS: Final = 30.0
Message = tuple[bytes | None, bytes | None]


class KafkaSide:
    """The topics of one prefix."""

    def __init__(self, bootstrap: str, prefix: str, partitions: int) -> None:
        self._options = {"bootstrap_servers": bootstrap}
        self._prefix = prefix
        self._partitions = partitions
        self.group = f"{prefix}tidecast"

    def committed(self) -> dict[int, int]:
        """The group's offset of each partition of `bars` that has one."""
        topic = f"{self._prefix}bars"
        with KafkaAdminClient(**self._options) as admin:
            found = admin.list_group_offsets(self.group)[self.group]
        return {partition.partition: place.offset for partition, place in found.items() if partition.topic == topic}

    def uncommitted(self) -> list[str]:
        """The partitions in which the group's offset is before the last message. Offsets without messages do not count."""
        committed = self.committed()
        found: list[str] = []
        consumer = self._consumer()
        try:
            partitions = self._all("bars")
            consumer.assign(partitions)
            ends = consumer.end_offsets(partitions)
            for partition in partitions:
                done, end = committed.get(partition.partition, 0), ends[partition]
                if done > end:
                    found.append(f"partition {partition.partition}: committed {done}, beyond the end {end}")
                elif done < end and (first := _first_message(consumer, partition, done, end)) is not None:
                    found.append(
                        f"partition {partition.partition}: committed {done}, but there is a message at {first}, end {end}"
                    )
        finally:
            consumer.close()
        return found

    def messages(self, short: str) -> list[Message]:
        """Key and value of every message of a topic, in any order."""
        found: list[Message] = []
        consumer = self._consumer()
        try:
            partitions = self._all(short)
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            ends = consumer.end_offsets(partitions)
            deadline = time.monotonic() + _READ_SECONDS
            while any(consumer.position(partition) < ends[partition] for partition in partitions):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{short} could not be read in {_READ_SECONDS:g} s")
                for records in consumer.poll(timeout_ms=200).values():
                    found += [(record.key, record.value) for record in records]
        finally:
            consumer.close()
        return found

    def forget_offsets(self, draw: float, patience: float) -> str:
        """Delete the group, or set its offsets back to the beginning or the middle, as soon as it has no members."""
        deadline = time.monotonic() + patience
        while True:
            try:
                outcome, done = self._forget_offsets(draw)
            except KafkaError as error:  # the broker was just killed: its coordinator is starting
                outcome, done = repr(error), False
            if done:
                return outcome
            if time.monotonic() > deadline:
                return f"not done, the group has members or no coordinator: {outcome}"
            time.sleep(0.5)

    def _forget_offsets(self, draw: float) -> tuple[str, bool]:
        with KafkaAdminClient(**self._options) as admin:
            if draw <= 0.4:
                outcome = str(admin.delete_groups([self.group]))
                return ("the group deleted", True) if "NonEmptyGroup" not in outcome else (outcome, False)
            places = dict.fromkeys(self._all("bars"), 0)
            if draw < 0.7:
                places = {place: self.committed().get(place.partition, 0) // 2 for place in places}
            wanted = {place: OffsetAndMetadata(offset, "", -1) for place, offset in places.items()}
            outcome = str(admin.alter_group_offsets(self.group, wanted))
            done = "Error" not in outcome.replace("NoError", "")
            return (f"offsets set to {sorted(places.values())}", True) if done else (outcome, False)

    def delete_topics(self) -> None:
        """Delete all topics and the group of this prefix."""
        with KafkaAdminClient(**self._options) as admin:
            admin.delete_topics([name for name in admin.list_topics() if name.startswith(self._prefix)])

    def _all(self, short: str) -> list[TopicPartition]:
        return [TopicPartition(f"{self._prefix}{short}", number) for number in range(self._partitions)]

    def _consumer(self) -> KafkaConsumer:
        return KafkaConsumer(**self._options, group_id=None, auto_offset_reset="earliest", enable_auto_commit=False)


def _first_message(consumer: KafkaConsumer, partition: TopicPartition, start: int, end: int) -> int | None:
    """The offset of the first message at or after `start`, None if only transaction marks follow."""
    consumer.assign([partition])
    consumer.seek(partition, start)
    deadline = time.monotonic() + _READ_SECONDS
    while consumer.position(partition) < end and time.monotonic() < deadline:
        for records in consumer.poll(timeout_ms=200).values():
            if records:
                return int(records[0].offset)
    return None


def letter_differences(letters: Iterable[Message], dead: Iterable[Message]) -> list[str]:
    """Bad messages without a dead letter, and good messages with one."""
    kept = set(letters)
    expected = set(dead)
    found = [f"no dead letter of the message {_short(one)}" for one in expected - kept]
    found += [f"a good message is among the dead letters: {_short(one)}" for one in kept - expected]
    return sorted(found)


def _short(message: Message) -> str:
    key, value = message
    return f"key={key!r} value={(value or b'')[:160]!r}"
