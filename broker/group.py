"""How far a group of consumers has come with a topic, as the broker has it; and who its members are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from aiokafka import TopicPartition
from kafka import KafkaAdminClient
from kafka import TopicPartition as KafkaPartition
from kafka.admin import OffsetSpec

from broker.async_client import async_broker_errors, started_consumer
from broker.client import broker_errors, client_options, is_listening
from broker.topics import group_id
from settings import Settings


class GroupOffsets:
    """Asks the broker again and again, over a connection of its own. An async context manager.

    Everything raises BrokerError, or BrokerAwayError where Kafka is away.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings = settings
        self._partitions = [TopicPartition(topic, number) for number in range(settings.kafka_partitions)]

    async def __aenter__(self) -> Self:
        # Nothing is subscribed: with a group, and partitions that are assigned by hand, it never joins.
        self._consumer = await started_consumer(self._settings, group_id=group_id(self._settings))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def read(self) -> tuple[Mapping[int, int], Mapping[int, int]]:
        """By partition: the log's end, and the committed offset (0 if there is none)."""
        with async_broker_errors(self._settings):
            ends = await self._consumer.end_offsets(self._partitions)
            committed = {tp.partition: await self._consumer.committed(tp) or 0 for tp in self._partitions}
        return {tp.partition: end for tp, end in ends.items()}, committed


class Member(NamedTuple):
    """A member of the group: its id, its host, and the partitions of the topic that it has."""

    name: str
    host: str
    partitions: tuple[int, ...]


class GroupView(NamedTuple):
    """The group at a moment: `lag` is by partition what is not committed, `ends` the log's end."""

    state: str
    members: tuple[Member, ...]
    ends: Mapping[int, int]
    lag: Mapping[int, int]


def group_view(settings: Settings, topic: str) -> GroupView:
    """The workers' group and its way through a topic. Raises BrokerError, or BrokerAwayError where Kafka is away."""
    group = group_id(settings)
    with broker_errors(settings):
        # A client tries for 15 s and more to reach a broker; `status` has to say at once that there is none.
        if not is_listening(settings.kafka_bootstrap):
            raise ConnectionRefusedError("nothing listens there")
    with broker_errors(settings), KafkaAdminClient(**client_options(settings)) as admin:
        found = admin.describe_groups([group])[group]
        partitions = [KafkaPartition(topic, number) for number in range(settings.kafka_partitions)]
        latest = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
        offsets = admin.list_group_offsets({group: partitions})[group]
    ends = {tp.partition: latest[tp].offset for tp in partitions}
    committed = {tp.partition: max(0, offsets[tp].offset) if tp in offsets else 0 for tp in partitions}
    members = tuple(sorted(_member(member, topic) for member in found["members"]))
    return GroupView(
        found["group_state"], members, ends, {number: max(0, end - committed[number]) for number, end in ends.items()}
    )


def _member(member: Mapping[str, Any], topic: str) -> Member:
    assignment = member["member_assignment"]
    # An empty assignment comes as bytes: the group is rebalancing.
    assigned = assignment["assigned_partitions"] if isinstance(assignment, Mapping) else ()
    mine = [number for part in assigned if part["topic"] == topic for number in part["partitions"]]
    return Member(
        member["group_instance_id"] or member["client_id"], member["client_host"].removeprefix("/"), tuple(sorted(mine))
    )
