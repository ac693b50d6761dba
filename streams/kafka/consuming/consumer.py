"""Faust's consumer, with ledgers that alone decide what is read, handed to agents and committed.

What Faust 0.15.3 and aiokafka 0.14 do, and what this consumer does instead (`tests/kafka/consuming/` tests it):

- Faust drops a fetched batch if its flow is suspended or the generation changes before the hand-over. aiokafka's position is
  behind the batch by then. Faust takes the gap for offsets without messages (`_add_gap`) and commits past them
  (`_new_offset`). Here the consumer's thread records every answer of the broker, with the position before and after it, so
  the ledgers know which messages have not arrived.
- `seek_to_committed` skips a partition whose committed offset is missing or 0: its fetched messages never came again.
- aiokafka moves an offset outside the log (the topic was recreated, or has lost its beginning) and logs nothing.
- A commit that the group refuses ends the worker. Here it is retried with the next commit.
- A fetch that fails half-way has already moved the position.
- mode races each hand-over against the end of the flow, with four tasks for each message. Here one task is enough if the
  queue has room.
- Faust logs an error if a partition's first message comes minutes after the start: it takes that for a stall. Here
  `monitoring.progress` judges from the ledgers whether a partition stands still.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

import faust
from aiokafka.errors import ConsumerStoppedError, KafkaError
from faust.transport.consumer import Fetcher
from faust.transport.drivers.aiokafka import Consumer, ConsumerRebalanceListener
from faust.types import TP
from mode import Service
from mode.services import WaitResults

from streams.kafka.consuming.consumer_thread import DeliveringThread

if TYPE_CHECKING:
    from streams.kafka.consuming.deliveries import Deliveries, Fetched
    from streams.kafka.consuming.membership import Membership

logger = logging.getLogger(__name__)

_FETCH_SECONDS = 1.0
#: The wait after an error of the broker.
_PAUSE_SECONDS = 0.5
#: The interval of the checks for stalled partitions.
_STALL_SECONDS = 2.0
#: Messages that are not committed by then are processed again.
_LAST_COMMIT_SECONDS = 1.0


class EpochListener(ConsumerRebalanceListener):
    """Begins a new epoch at once, in the consumer's thread, before anything else happens."""

    def on_partitions_revoked(self, revoked: Iterable[Any]) -> Any:
        """Begin an epoch: work in progress is no longer valid."""
        _delivering(self._thread.consumer).membership.begin_epoch()
        return super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Begin an epoch, even if the group kept its generation number. The group has just answered, so renew the lease."""
        membership = _delivering(self._thread.consumer).membership
        membership.begin_epoch()
        membership.renew(membership.now())
        await super().on_partitions_assigned(assigned)


class QuietFetcher(Fetcher):
    """Ends when it is cancelled.

    Faust's fetcher wakes a supervisor that does not exist if it is stopped during a rebalance; the worker then ended with an
    error.
    """

    @Service.task
    async def _fetcher(self) -> None:
        try:
            await _delivering(self.app.consumer)._drain_messages(self)  # noqa: SLF001 - as Faust's does
        finally:
            self.set_shutdown()


class DeliveringConsumer(Consumer):
    """Faust's consumer, driven by ledgers. `use_delivering_consumer` sets `membership` and `deliveries` for one application."""

    membership: Membership
    deliveries: Deliveries
    RebalanceListener: ClassVar[type[ConsumerRebalanceListener]] = EpochListener

    def _new_consumer_thread(self) -> DeliveringThread:
        return DeliveringThread(self, self.membership, loop=self.loop, beacon=self.beacon)

    @property
    def delivering(self) -> DeliveringThread:
        """The thread that talks to the broker."""
        return cast("DeliveringThread", self._thread)

    async def start_reading(self, topics: Iterable[str], epoch: int) -> None:
        """Read the assigned partitions of these topics from their committed offsets, in this epoch."""
        wanted = [tp for tp in self.assignment() if tp.topic in set(topics)]
        starts = await self.delivering.start_reading(wanted) if wanted else {}
        if epoch == self.membership.epoch:
            # Faust's streams drop messages of any other generation.
            self.app.consumer_generation_id = epoch
            self.deliveries.restart(starts, epoch)

    async def run_refetching(self) -> None:
        """Run for ever: fetch lost messages again."""
        await self.deliveries.run(self.delivering.positions, self.refetch)

    async def run_stall_checks(self) -> None:
        """Run for ever: fetch partitions again that have messages but deliver none, whatever the reason."""
        before: dict[TP, int] = {}
        while True:
            await asyncio.sleep(_STALL_SECONDS)  # mode's own sleep returns at once after the service has ended
            epoch, idle = self.deliveries.epoch, self.deliveries.idle()
            quiet = [tp for tp, offset in idle.items() if before.get(tp) == offset]
            before = idle
            if quiet and self.membership.is_active and epoch == self.membership.epoch:
                await self._refetch_stalled(quiet, epoch)

    async def _refetch_stalled(self, quiet: list[TP], epoch: int) -> None:
        try:
            ends = await self.delivering.ends(quiet)
        except KafkaError as error:
            logger.warning("looking for stalled partitions failed reason=%r", error)
            return
        still = self.deliveries.idle()
        stalled = {tp: still[tp] for tp in quiet if tp in still and still[tp] < ends[tp]}
        if stalled and epoch == self.membership.epoch:
            logger.warning("partition stalled, fetched again places=%s", self._describe(stalled))
            self._buffered_partitions.difference_update(stalled)
            self.resume_partitions(stalled)
            await self.refetch(stalled, epoch)

    def _describe(self, places: Mapping[TP, int]) -> str:
        active = self._get_active_partitions()
        return ", ".join(
            f"{tp.topic}-{tp.partition} from {offset} (active={tp in active}, buffered={tp in self._buffered_partitions}, "
            f"position={self.delivering.positions().get(tp)})"
            for tp, offset in places.items()
        )

    async def refetch(self, places: Mapping[TP, int], epoch: int) -> None:
        """Fetch again from these offsets, unless another epoch has begun."""
        if epoch == self.membership.epoch:
            await self.delivering.move(places)

    async def read_again(self, partition: TP, forget: Callable[[], None]) -> None:
        """Commit a partition's beginning and read from there. After a crash the whole partition is read again, too.

        `forget` is called after the commit and before the first read, unless another epoch has begun.
        """
        epoch = self.membership.epoch
        begin = await self.delivering.beginning(partition)
        while epoch == self.membership.epoch:
            async with self._committing:  # no later offset may be committed after this commit
                if await self.delivering.commit({partition: begin}):
                    if epoch == self.membership.epoch:
                        self.deliveries.rewind(partition, begin)
                        forget()
                    break
            await asyncio.sleep(_PAUSE_SECONDS)
        if epoch == self.membership.epoch:
            await self.delivering.move({partition: begin})

    @cached_property
    def _committing(self) -> asyncio.Lock:
        """Held while a commit is in progress."""
        return asyncio.Lock()

    async def perform_seek(self) -> None:
        """Do nothing: `start_reading` replaces it."""

    def ack(self, message: Any) -> bool:  # noqa: ARG002 - as Faust calls it
        """Do nothing: agents report to the deliveries."""
        return False

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002 - as in Faust
        """Commit the offsets that the ledgers give. Returns whether any were committed."""
        async with self._committing:
            epoch = self.deliveries.epoch
            offsets = self.deliveries.committable()
            if not offsets or epoch != self.membership.epoch:
                return False
            done = await self.delivering.commit(offsets)
            if done:
                self.deliveries.committed(offsets, epoch)
            return done

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust's check for stalls is left out."""

    async def commit_last(self) -> None:
        """Commit settled offsets before partitions move to another worker; the group still accepts them from here."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_COMMIT_SECONDS), self._committing:
                offsets = self.deliveries.committable()
                if offsets:
                    await self.delivering.commit(offsets)

    async def _drain_messages(self, fetcher: Any) -> None:
        """Run for ever: record the broker's answers in the ledgers, and hand the messages that they choose to the agents."""
        while not (self.should_stop or fetcher.should_stop):
            try:
                answers, _ = await self._wait_next_records(_FETCH_SECONDS)
            except ConsumerStoppedError:
                if self.app.should_stop:
                    return
                raise
            except KafkaError as error:
                logger.warning("fetching failed, tried again reason=%r", error)
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            await asyncio.sleep(0)
            if answers:
                await self._hand_over(cast("Mapping[TP, Fetched]", answers))

    async def _hand_over(self, answers: Mapping[TP, Fetched]) -> None:
        epoch = self.deliveries.epoch
        for tp in [tp for tp, answer in answers.items() if answer.rewound]:
            logger.warning(
                "log recreated or messages lost, read from its beginning topic=%s partition=%d", tp.topic, tp.partition
            )
            self.deliveries.rewind(tp, answers[tp].begin)
        wanted = self.deliveries.fetched(answers)
        try:
            for count, (tp, record) in enumerate(self.scheduler.iterate(wanted)):
                if not self.flow_active or epoch != self.membership.epoch:
                    break
                message = self._to_message(tp, record)
                message.generation_id = epoch
                self.deliveries.handed(tp, record.offset)
                await self.wait_first(self.callback(message), self.suspend_flow.wait())
                if count % 100 == 99:
                    await asyncio.sleep(0)
        finally:
            self.deliveries.handed_all()

    async def wait_first(self, *awaited: Any, timeout: Any = None) -> WaitResults:
        """As in mode, but with one task for each message, not four, if the message's queue has room."""
        first, *others = awaited
        if not asyncio.iscoroutine(first):
            return await super().wait_first(*awaited, timeout=timeout)
        begun = asyncio.create_task(first)
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            begun.cancel()
            _discard(others)
            raise
        if not begun.done():
            return await super().wait_first(begun, *others, timeout=timeout)
        _discard(others)
        return WaitResults([begun], [begun.result()], stopped=False)


def _discard(awaited: Iterable[Any]) -> None:
    """Close coroutines that were never started, so that Python does not warn of a forgotten await."""
    for coroutine in filter(asyncio.iscoroutine, awaited):
        coroutine.close()


def _delivering(consumer: Any) -> DeliveringConsumer:
    return cast("DeliveringConsumer", consumer)


def consumer_of(app: faust.App) -> DeliveringConsumer:
    """The application's consumer."""
    return cast("DeliveringConsumer", app.consumer)


def use_delivering_consumer(app: faust.App, membership: Membership, deliveries: Deliveries) -> None:
    """Must be called before the application starts."""
    parts = {"membership": membership, "deliveries": deliveries}
    # On this application's transport only.
    app.transport.Consumer = type("AppConsumer", (DeliveringConsumer,), parts)  # type: ignore[misc]
    app.transport.Fetcher = QuietFetcher  # type: ignore[misc]
