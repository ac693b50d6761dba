"""The thread that talks to the broker. It fetches, and records the positions before and after each answer."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from streams.kafka.consuming.deliveries import Fetched

if TYPE_CHECKING:
    from streams.kafka.consuming.membership import Membership

logger = logging.getLogger(__name__)

_IDLE_FETCH_MS: Final = 250


class DeliveringThread(AIOKafkaConsumerThread):
    """Faust's thread around aiokafka's consumer. Methods with an underscore run in the thread itself."""

    def __init__(self, consumer: Any, membership: Membership, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._membership = membership
        # Valid for `_assignment` only: aiokafka's positions change with the assignment.
        self._positions: dict[TP, int] = {}
        self._assignment: Any = None

    async def on_start(self) -> None:
        """Start aiokafka's consumer, and watch its heartbeats."""
        await super().on_start()
        # A fetch that waits for partitions without messages delays the broker's other partitions.
        self._ensure_consumer()._fetcher._fetch_max_wait_ms = _IDLE_FETCH_MS  # noqa: SLF001 - Faust has 1,500
        self._membership.watch_heartbeats(self._ensure_consumer()._coordinator)  # noqa: SLF001 - aiokafka has no hook for it

    def positions(self) -> dict[TP, int]:
        """The positions of the next fetches. Answers on their way from the thread are not included."""
        return dict(self._positions)

    async def start_reading(self, partitions: Iterable[TP]) -> Mapping[TP, int]:
        """Go to the committed offsets, or to the beginning if there is none or it lies outside the log. Returns the offsets."""
        starts: Mapping[TP, int] = await self._call(self._start_reading, list(partitions))
        return starts

    async def move(self, places: Mapping[TP, int]) -> None:
        """Go to these offsets, in the partitions that are still assigned."""
        await self._call(self._move, dict(places))

    async def commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit offsets. False if the group refused them: they are then committed again with the next commit."""
        done: bool = await self._call(self._commit_offsets, dict(offsets))
        return done

    async def ends(self, partitions: Iterable[TP]) -> Mapping[TP, int]:
        """The offset after the last message of each partition."""
        ends: Mapping[TP, int] = await self._call(self._ensure_consumer().end_offsets, list(partitions))
        return ends

    async def beginning(self, partition: TP) -> int:
        """The first offset that the partition's log still has."""
        begins: Mapping[TP, int] = await self._call(self._ensure_consumer().beginning_offsets, [partition])
        return begins[partition]

    async def _call(self, function: Any, *arguments: Any) -> Any:
        return await self.call_thread(function, *arguments)

    async def _start_reading(self, partitions: list[TP]) -> dict[TP, int]:
        consumer = self._ensure_consumer()
        begins = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        starts: dict[TP, int] = {}
        for tp in partitions:
            committed = await consumer.committed(tp)
            start = begins[tp] if committed is None else committed
            if not begins[tp] <= start <= ends[tp]:
                logger.warning(
                    "committed offset outside its log, read from its beginning topic=%s partition=%d offset=%d "
                    "first=%d last=%d",
                    tp.topic,
                    tp.partition,
                    start,
                    begins[tp],
                    ends[tp],
                )
                start = begins[tp]
            starts[tp] = start
        self._assignment = self._current_assignment()
        # A seek to the current position would drop fetched messages, and the next answer might wait for an idle fetch to end.
        self._positions = {tp: offset for tp, offset in starts.items() if self._is_at(tp, offset)}
        await self._move({tp: offset for tp, offset in starts.items() if tp not in self._positions})
        return starts

    def _is_at(self, tp: TP, offset: int) -> bool:
        plain = TopicPartition(tp.topic, tp.partition)
        if self._assignment is None or plain not in self._assignment.tps:
            return False
        state = self._assignment.state_value(plain)
        return bool(state.has_valid_position and state.position == offset)

    async def _move(self, places: dict[TP, int]) -> None:
        consumer = self._ensure_consumer()
        assignment = self._current_assignment()
        if assignment is None or assignment is not self._assignment:
            return
        for tp, offset in places.items():
            if TopicPartition(tp.topic, tp.partition) in assignment.tps:
                consumer.seek(TopicPartition(tp.topic, tp.partition), offset)
                self._positions[tp] = offset

    def _current_assignment(self) -> Any:
        subscription = self._ensure_consumer()._subscription.subscription  # noqa: SLF001 - aiokafka's public API gives sets only
        return None if subscription is None else subscription.assignment

    async def _commit_offsets(self, offsets: dict[TP, int]) -> bool:
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        chosen = {
            TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, "")
            for tp, offset in offsets.items()
            if tp in assigned
        }
        if len(chosen) != len(offsets):
            return False
        try:
            await consumer.commit(chosen)
        except KafkaError as error:
            logger.warning("commit refused, retried with the next commit reason=%r", error)
            return False
        now = monotonic()
        self.tp_last_committed_at.update(dict.fromkeys(offsets, now))
        return True

    async def _fetch_records(  # type: ignore[override]  # the answers with their positions, not the records alone
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> dict[TP, Fetched]:
        if not self.consumer.flow_active:
            return {}
        fetcher = consumer._fetcher  # noqa: SLF001 - as in Faust
        if consumer._closed or fetcher._closed:  # noqa: SLF001 - as in Faust
            raise ConsumerStoppedError
        with fetcher._subscriptions.fetch_context():  # noqa: SLF001 - as in Faust
            try:
                records = await fetcher.fetched_records(active_partitions, timeout=timeout, max_records=max_records)
            except KafkaError:
                # The messages that it took before it failed are lost, and its position is after them.
                await self._move(dict(self._positions))
                raise
        return self._answers(records)

    def _answers(self, records: Mapping[Any, list[Any]]) -> dict[TP, Fetched]:
        """Every change of a position since the last call, with the records that were passed."""
        assignment = self._current_assignment()
        if assignment is None or assignment is not self._assignment:
            return {}  # reading has not started in this assignment
        found = {TP(tp.topic, tp.partition): batch for tp, batch in records.items()}
        answers: dict[TP, Fetched] = {}
        for tp, begin in list(self._positions.items()):
            state = assignment.state_value(TopicPartition(tp.topic, tp.partition))
            if state is None or not state.has_valid_position:
                continue
            end, batch = state.position, found.get(tp, [])
            if end < begin:
                answers[tp] = Fetched(batch[0].offset if batch else end, batch, end, rewound=True)
            elif end > begin or batch:
                answers[tp] = Fetched(begin, batch, end)
            self._positions[tp] = end
        return answers
