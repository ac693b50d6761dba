"""After each rebalance: tables are proven complete and streams sent to their offsets before the worker continues.

For each partition that the worker owns now: its changelog is read to the end, claimed, and read up to the claim. So everything
that another worker wrote before the claim counts, and everything that it writes later is void. Then the copy is proven by the
count and digest in the changelog. A copy that fails is dropped and read from the changelog's beginning. The same steps repair a
copy that is found damaged while the worker runs, and read another writer's records that acknowledgements have revealed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final

import faust
from faust.types import TP
from mode import Service

from errors import BrokerError, ForecastingError, StateCorruptError, StateError
from state.partition_copy import Record
from streams.kafka.consuming.consumer import consumer_of
from streams.kafka.consuming.deliveries import Deliveries
from streams.kafka.consuming.membership import Membership
from streams.kafka.sending.sender import Sender
from streams.kafka.tables.changelog_reader import ChangelogReader, changelog_reader
from streams.kafka.tables.in_thread import in_thread
from streams.kafka.tables.inspection import Inspection
from streams.kafka.tables.partition_log import PartitionLog
from streams.kafka.tables.partition_logs import PartitionLogs

logger = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 1.0
_LEASE_LOOK_SECONDS: Final = 0.02
#: How often a quiet changelog's end is checked for records of a worker that had lost the partition.
_TAIL_SECONDS: Final = 10.0
#: The interval of the inspection of copies.
_INSPECTION_SECONDS: Final = 3.0


class Restoration(Service):
    """Replaces Faust's recovery. `failed` is called with an error that this worker cannot repair."""

    def __init__(
        self,
        app: faust.App,
        logs: PartitionLogs,
        membership: Membership,
        deliveries: Deliveries,
        sender: Sender,
        *,
        bars: str,
        topics: Collection[str],
        failed: Callable[[Exception], None],
        restored: Callable[[], None],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._app = app
        self._logs = logs
        self._membership = membership
        self._deliveries = deliveries
        self._sender = sender
        self._bars = bars
        self._topics = topics
        self._failed = failed
        self._restored = restored
        self._assigned: frozenset[TP] = frozenset()
        self._wanted = asyncio.Event()
        self._changed = asyncio.Event()
        logs.changed = self._changed.set
        self.completed = asyncio.Event()
        self.is_restoring = False
        self.last_seconds: float | None = None
        self.completed_times = 0
        self.moved_at = time.monotonic()

    # -- As Faust calls it ----------------------------------------------------------------------------------------------

    def on_partitions_revoked(self, revoked: Collection[TP]) -> None:
        """Do nothing: the epoch has ended already."""

    async def on_rebalance(
        self,
        assigned: Collection[TP],
        revoked: Collection[TP],  # noqa: ARG002 - as Faust calls it
        newly_assigned: Collection[TP],  # noqa: ARG002
        generation_id: int = 0,  # noqa: ARG002
    ) -> None:
        """Partitions were assigned: restore them."""
        self._assigned = frozenset(tp for tp in assigned if tp.topic in self._topics)
        self._wanted.set()

    def again(self) -> None:
        """Restore all partitions again. Work in progress is no longer valid."""
        self._membership.begin_epoch()
        self._app.consumer.stop_flow()
        self._app.flow_control.suspend()
        self._app.flow_control.clear()
        self._wanted.set()

    async def crash(self, reason: BaseException) -> None:
        """End the worker: without one of these tasks it would look healthy and stop at the next rebalance."""
        await super().crash(reason)
        self._failed(reason if isinstance(reason, Exception) else BrokerError(f"restoration ended: {reason!r}"))

    # -- The work -------------------------------------------------------------------------------------------------------

    @Service.task
    async def _run(self) -> None:
        """One restoration at a time; a new restoration cancels the current restoration."""
        under_way: asyncio.Task[None] | None = None
        try:
            while not self.should_stop:
                await self._wanted.wait()
                self._wanted.clear()
                if under_way is not None:
                    under_way.cancel()
                    await asyncio.gather(under_way, return_exceptions=True)
                under_way = asyncio.create_task(self._restore(), name="restoration")
        finally:
            if under_way is not None:
                under_way.cancel()
                await asyncio.gather(under_way, return_exceptions=True)

    async def _restore(self) -> None:
        self.is_restoring = True
        started = time.monotonic()
        try:
            epoch = self._membership.epoch
            partitions = {tp.partition for tp in self._assigned if tp.topic == self._bars}
            await self._prove(partitions)
            await self._go_on(epoch)
            self.last_seconds = time.monotonic() - started
            self.completed_times += 1
            logger.info("ready partitions=%d seconds=%.2f", len(partitions), self.last_seconds)
        except ForecastingError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - the worker must go on, whatever a library raises
            logger.warning("restoring failed, tried again reason=%r", error)
            await asyncio.sleep(_RETRY_SECONDS)
            self._wanted.set()
        finally:
            self.is_restoring = False

    async def _prove(self, partitions: Collection[int]) -> None:
        await self._sender.delivered()
        await in_thread(self._logs.open, partitions)
        logs = list(self._logs)
        if not logs:
            return
        for log in [log for log in logs if log.failure is not None]:
            logs[logs.index(log)] = self._logs.replace(log, str(log.failure))
        async with changelog_reader(self._app) as reader:
            ends = await reader.ends([log.partition for log in logs])
            for number, log in enumerate(logs):
                if log.copy.next_offset > ends[log.partition]:
                    logs[number] = self._logs.replace(log, "its changelog ends before it")
            logs = await self._read(reader, logs, [ends[log.partition] for log in logs])
            logs = await self._claim(reader, logs)
            for log in [log for log in logs if not log.is_ours]:
                await self._verify(reader, log)

    async def _read(self, reader: ChangelogReader, logs: Sequence[PartitionLog], ends: Iterable[int]) -> list[PartitionLog]:
        """Read each log up to its end; from its beginning if its copy is found damaged."""
        current = {log.partition: log for log in logs}
        targets = dict(zip(current, ends, strict=True))
        left = set(current)
        while left:
            damaged: set[TP] = set()

            def take(tp: TP, records: list[Record], up_to: int, damaged: set[TP] = damaged) -> None:
                self.moved_at = time.monotonic()
                if tp in damaged:
                    return
                try:
                    current[tp].apply(records, up_to)
                except StateCorruptError as error:
                    damaged.add(tp)
                    current[tp] = self._logs.replace(current[tp], str(error))

            await reader.read({tp: (current[tp].copy.next_offset, targets[tp]) for tp in left}, take)
            left = damaged
        return [current[log.partition] for log in logs]

    async def _claim(self, reader: ChangelogReader, logs: list[PartitionLog]) -> list[PartitionLog]:
        """Claim every log without a standing claim of ours, until each claim stands."""
        found: list[PartitionLog] = []
        left = [log for log in logs if not log.is_ours]
        found += [log for log in logs if log.is_ours]
        while left:
            for log in left:
                if log.is_rebuilt:
                    raise BrokerError(f"{log.partition.topic}: the tables were rebuilt meanwhile; start again")
            while not self._membership.has_lease:
                await asyncio.sleep(_LEASE_LOOK_SECONDS)  # another worker may own the partition by now
            ends = await asyncio.gather(*(log.send_claim() for log in left))
            left = await self._read(reader, left, ends)
            standing = [log for log, end in zip(left, ends, strict=True) if log.stands(end)]
            left = [log for log, end in zip(left, ends, strict=True) if not log.stands(end)]
            found += standing
        return found

    async def _verify(self, reader: ChangelogReader, log: PartitionLog) -> None:
        """Prove a copy, after reading it from the changelog's beginning if it fails. Then begin to write it."""
        problem = await in_thread(log.copy.verify)
        if problem is not None:
            end = log.copy.next_offset
            (log,) = await self._read(reader, [self._logs.replace(log, problem)], [end])
            problem = await in_thread(log.copy.verify)
        if problem is not None:
            logger.critical(
                "changelog incomplete, stop the workers and run `python -m streams rebuild` topic=%s partition=%d reason=%s",
                log.partition.topic,
                log.partition.partition,
                problem,
            )
        log.begin()

    async def _go_on(self, epoch: int) -> None:
        app, consumer = self._app, consumer_of(self._app)
        tables: Any = app.tables
        if epoch != self._membership.epoch:
            return  # another restoration follows
        await app.on_rebalance_complete.send()
        consumer.resume_partitions(set(self._assigned))
        await consumer.start_reading(self._topics, epoch)
        if epoch != self._membership.epoch:
            return
        self._restored()
        app.flow_control.resume()
        consumer.resume_flow()
        await app._fetcher.maybe_start()  # noqa: SLF001 - as Faust's recovery does
        tables.on_actives_ready()
        tables.on_standbys_ready()
        self._membership.activate(epoch, self._assigned)
        app.in_recovery = False
        app.on_rebalance_end()
        self.completed.set()

    # -- While it runs --------------------------------------------------------------------------------------------------

    @Service.task
    async def _watch(self) -> None:
        """Read other writers' records as soon as acknowledgements reveal them, and look for them regularly."""
        while not self.should_stop:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _TAIL_SECONDS)
            self._changed.clear()
            if not self._membership.is_active or self.is_restoring:
                continue
            logs = list(self._logs)
            if any(log.failure is not None or not log.is_ours for log in logs):
                logger.warning("a table is damaged or another worker has claimed it: proven again")
                self.again()
                continue
            try:
                await self._read_foreign(logs)
            except StateError as error:
                self._failed(error)
            except Exception as error:  # noqa: BLE001 - the broker is away: look again later
                logger.warning("looking for other writers' records failed reason=%r", error)

    @Service.task
    async def _inspect(self) -> None:
        """Read the copies as other processes read them: damage of a file on disk harms only those."""
        inspection = Inspection(self._logs)
        while not self.should_stop:
            await self.sleep(_INSPECTION_SECONDS)
            if self._membership.is_active and not self.is_restoring:
                await inspection.look()

    async def _read_foreign(self, logs: Sequence[PartitionLog]) -> None:
        async with changelog_reader(self._app) as reader:
            ends = await reader.ends([log.partition for log in logs])
            behind = []
            for log in logs:
                end = log.gap[1] if log.gap is not None else ends[log.partition]
                if log.is_quiet or log.gap is not None:
                    behind.append((log, end))
            found = [(log, end) for log, end in behind if log.copy.next_offset < end]
            if found:
                await self._read(reader, [log for log, _ in found], [end for _, end in found])
        current = list(self._logs)  # a damaged copy was replaced meanwhile
        for log in current:
            log.flush()
        if not all(log.is_ours for log in current):
            self._changed.set()
