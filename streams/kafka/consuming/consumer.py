"""Faust's consumer with the deliveries of this project: what is read, handed over and committed follows from ledgers alone.

What Faust 0.15.3 and aiokafka 0.14 do, and what is done here instead (`tests/kafka/consuming/test_consumer.py` has each):

- Faust drops a fetched batch when its flow is suspended or the generation changes meanwhile, although aiokafka's position
  is behind the batch already; it then takes the gap for offsets without messages (`_add_gap`) and commits past them
  (`_new_offset`). Here every answer of the broker is written down in the consumer's thread, with the position before and
  after it, and the ledgers know which of its messages have not arrived.
- `seek_to_committed` leaves a partition alone that has no committed offset, or 0: what had been fetched of it was never seen
  again.
- An offset outside the log (a topic that was made anew, or has lost its beginning) is moved by aiokafka without a word.
- A commit that the group refuses ends the worker. Here it is tried again with the next one.
- A fetch that fails half-way has moved the position already.
- mode races each hand-over against the end of the flow, with four tasks for each message; here it is one where there is room.
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
#: A broker that answers with an error is asked again after this.
_PAUSE_SECONDS = 0.5
#: Between two looks for partitions of which nothing comes.
_STALL_SECONDS = 2.0
#: What is not committed by then is dealt with again.
_LAST_COMMIT_SECONDS = 1.0


class EpochListener(ConsumerRebalanceListener):
    """Begins a new epoch before anything else happens: at once, in the consumer's own thread."""

    def on_partitions_revoked(self, revoked: Iterable[Any]) -> Any:
        """What is under way counts no more."""
        _delivering(self._thread.consumer).membership.unsettle()
        return super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Another epoch, also where the group has kept its number; the group has just answered."""
        membership = _delivering(self._thread.consumer).membership
        membership.unsettle()
        membership.renew(membership.now())
        await super().on_partitions_assigned(assigned)


class QuietFetcher(Fetcher):
    """Ends when it is cancelled.

    Faust's wakes a supervisor that it does not have if partitions are being dealt anew, which ended a worker stopped at
    such a moment with an error.
    """

    @Service.task
    async def _fetcher(self) -> None:
        try:
            await _delivering(self.app.consumer)._drain_messages(self)  # noqa: SLF001 - as Faust's does
        finally:
            self.set_shutdown()


class DeliveringConsumer(Consumer):
    """`membership` and `deliveries` are set by `use_delivering_consumer`, for one application."""

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
        """Read the assigned partitions of these topics from their committed offsets on, in this epoch."""
        wanted = [tp for tp in self.assignment() if tp.topic in set(topics)]
        starts = await self.delivering.start_reading(wanted) if wanted else {}
        if epoch == self.membership.epoch:
            # Faust's streams drop messages of another generation than this one.
            self.app.consumer_generation_id = epoch
            self.deliveries.restart(starts, epoch)

    async def watch(self) -> None:
        """For ever: fetch again what was lost on its way."""
        await self.deliveries.run(self.delivering.positions, self.refetch)

    async def watch_fetching(self) -> None:
        """For ever: partitions of which nothing comes although there is something are fetched again, whatever holds them up."""
        before: dict[TP, int] = {}
        while True:
            await asyncio.sleep(_STALL_SECONDS)  # mode's own returns at once when the service has ended
            epoch, idle = self.deliveries.epoch, self.deliveries.idle()
            quiet = [tp for tp, offset in idle.items() if before.get(tp) == offset]
            before = idle
            if quiet and self.membership.is_settled and epoch == self.membership.epoch:
                await self._fetch_stalled(quiet, epoch)

    async def _fetch_stalled(self, quiet: list[TP], epoch: int) -> None:
        try:
            ends = await self.delivering.ends(quiet)
        except KafkaError as error:
            logger.warning("looking for stalled partitions failed reason=%r", error)
            return
        still = self.deliveries.idle()
        stalled = {tp: still[tp] for tp in quiet if tp in still and still[tp] < ends[tp]}
        if stalled and epoch == self.membership.epoch:
            logger.warning("nothing came although there is something, fetched anew places=%s", self._describe(stalled))
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
        """Fetch again from these offsets on, unless partitions are dealt anew by now."""
        if epoch == self.membership.epoch:
            await self.delivering.move(places)

    async def read_again(self, partition: TP, forget: Callable[[], None]) -> None:
        """Commit a partition's beginning, and read from there: whatever dies from now on, everything in it is read again.

        `forget` is called between the two, unless partitions are dealt anew: what was taken before it is taken once more.
        """
        epoch = self.membership.epoch
        begin = await self.delivering.beginning(partition)
        while epoch == self.membership.epoch:
            async with self._committing:  # a later offset must not be committed behind this one
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
        """Held while offsets are on their way to the group."""
        return asyncio.Lock()

    async def perform_seek(self) -> None:
        """Nothing: `start_reading` is called where Faust would seek."""

    def ack(self, message: Any) -> bool:  # noqa: ARG002 - as Faust calls it
        """Nothing: agents report to the deliveries."""
        return False

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002 - as in Faust
        """Commit what the ledgers say."""
        async with self._committing:
            epoch = self.deliveries.epoch
            offsets = self.deliveries.committable()
            if not offsets or epoch != self.membership.epoch:
                return False
            done = await self.delivering.commit(offsets)
            if done:
                self.deliveries.committed(offsets, epoch)
            return done

    async def commit_last(self) -> None:
        """Commit what is dealt with before partitions go to others; the group still takes it from the former owner."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_COMMIT_SECONDS), self._committing:
                offsets = self.deliveries.committable()
                if offsets:
                    await self.delivering.commit(offsets)

    async def _drain_messages(self, fetcher: Any) -> None:
        """For ever: what the broker answers goes to the ledgers, and what they want of it to the agents."""
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
                "log begun anew or messages lost, read from its beginning topic=%s partition=%d", tp.topic, tp.partition
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
        """As in mode, which makes four tasks for each message; here it is one where the message's queue has room for it."""
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
    """What was never begun is no coroutine that somebody forgot to await."""
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
    # Of this application's transport alone.
    app.transport.Consumer = type("AppConsumer", (DeliveringConsumer,), parts)  # type: ignore[misc]
    app.transport.Fetcher = QuietFetcher  # type: ignore[misc]
