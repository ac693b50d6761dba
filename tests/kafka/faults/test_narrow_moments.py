"""Moments of some milliseconds: a partition is lost in them, a record lands late, a turn is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from broker.claims import Claim
from errors import StateCorruptError
from history.catch_up import absorb_all
from settings import load_settings
from state.partition_copy import Record
from state.record_codec import record_key
from streams.kafka.agents.bars_agent import BarsAgent
from streams.kafka.agents.sweep import Sweep
from streams.kafka.consuming.consumer import DeliveringConsumer
from streams.kafka.consuming.deliveries import Deliveries, Fetched
from streams.kafka.consuming.membership import Membership
from streams.kafka.tables import restoration as restoring
from streams.kafka.tables.partition_log import PartitionLog
from streams.kafka.tables.partition_logs import PartitionLogs
from streams.kafka.tables.restoration import Restoration
from streams.kafka.tables.ticker_tables import TickerTables
from tests.kafka.cluster import made_bars
from tests.kafka.tables.changelog import PLACE, Topic, claimed, fresh_reader, opened

BARS = TP("bars", 0)
Simple: Any = SimpleNamespace


def settled() -> Membership:
    membership = Membership(10.0)
    membership.activate(membership.epoch, {BARS})
    return membership


def reading(membership: Membership, start: int, end: int) -> tuple[Deliveries, list[Any]]:
    """Messages from `start` on that an agent's queue has."""
    deliveries = Deliveries(membership, shared={"bars"})
    deliveries.restart({BARS: start}, membership.epoch)
    return deliveries, handed(deliveries, membership, start, end)


def handed(deliveries: Deliveries, membership: Membership, start: int, end: int) -> list[Any]:
    records = [Simple(offset=offset) for offset in range(start, end)]
    wanted = deliveries.fetched({BARS: Fetched(start, records, end)}).get(BARS, [])
    for record in wanted:
        deliveries.handed(BARS, record.offset)
    deliveries.handed_all()
    epoch = membership.epoch
    return [
        Simple(value=b"", key=b"A", message=Simple(tp=BARS, offset=record.offset, partition=0, generation_id=epoch))
        for record in wanted
    ]


# -- A changelog's void records -------------------------------------------------------------------------------------------


async def held(topic: Topic, folder: Path, writer: str = "me") -> PartitionLog:
    log = opened(topic, folder, writer)
    await claimed(log, topic)
    return log


def test_a_void_record_before_the_next_owners_claim_is_written_over(tmp_path: Path) -> None:
    async def scene() -> None:
        topic = Topic()
        first = await held(topic, tmp_path, "a")
        first.put(b"K", b"old")
        await topic.acknowledge()
        second = await held(topic, tmp_path, "b")
        second.put(b"K", b"good")
        second.put(b"L", b"other")
        await topic.acknowledge()
        first.put(b"K", b"zombie")  # held up by the network
        third = await held(topic, tmp_path, "c")  # before the second has looked at the log's end
        assert third.get(b"K") == b"good"
        third.put(b"L", b"newer")
        await topic.acknowledge()
        copy = fresh_reader(topic, tmp_path)
        assert (copy.get(b"K"), copy.verify()) == (b"good", None)

    asyncio.run(scene())


def test_an_owner_that_dies_before_it_writes_over_a_void_record(tmp_path: Path) -> None:
    async def scene() -> None:
        topic = Topic()
        first = await held(topic, tmp_path, "a")
        second = await held(topic, tmp_path, "b")
        second.put(b"K", b"good")
        await topic.acknowledge()
        first.put(b"K", b"zombie")
        before = len(topic.records)
        second.apply(topic.records[second.copy.next_offset :], before)
        assert topic.records[before].value == b"good"
        del topic.records[before:]  # killed before it was sent
        second.close()
        again = await held(topic, tmp_path, "b")
        again.put(b"L", b"other")
        await topic.acknowledge()
        copy = fresh_reader(topic, tmp_path)
        assert (copy.get(b"K"), copy.verify()) == (b"good", None)

    asyncio.run(scene())


async def behind_a_zombie(topic: Topic, folder: Path, key: bytes) -> PartitionLog:
    """A log whose owner has just deleted, at the log's end, a key that only another writer has written."""
    log = await held(topic, folder)
    topic.records.append(Record(len(topic.records), key, b"zombie", Claim(0, 0, 1, 5)))
    log.apply(topic.records[-1:], len(topic.records))
    return log


def test_what_is_under_way_behind_a_deletion_is_read_back(tmp_path: Path) -> None:
    async def scene() -> None:
        topic = Topic()
        log = await behind_a_zombie(topic, tmp_path, b"NEW")
        log.put(b"NEW", b"first turn")
        await topic.acknowledge(1)  # the deletion's batch has arrived, the value's has not
        assert log.get(b"NEW") == b"first turn"
        log.put(b"NEW", b"second turn")
        await topic.acknowledge()
        assert log.copy.verify() is None
        assert log.get(b"NEW") == b"second turn"

    asyncio.run(scene())


def test_the_second_turn_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    async def scene() -> None:
        batches = made_bars(1, 30)
        state, _ = absorb_all(None, batches, today=[dt.date.max] * len(batches), settings=load_settings())
        assert state is not None
        topic = Topic()
        log = await behind_a_zombie(topic, tmp_path, record_key(state.ticker))
        tables = TickerTables.__new__(TickerTables)
        tables._states, tables._models = OrderedDict(), OrderedDict()
        tables._settings = Simple(kafka_partitions=1)
        tables.history = Simple(
            get_in=lambda _, key: log.get(key), put_in=lambda _, key, value: log.put(key, value), data=Simple(logs={0: log})
        )
        tables.save(state, changed_from=0)
        await topic.acknowledge(1)
        tables._states.clear()  # other tickers of the turn have taken its place
        again = tables.state(state.ticker)
        assert again is not None
        assert len(again.bars) == len(state.bars)

    asyncio.run(scene())


# -- A partition that is begun anew ---------------------------------------------------------------------------------------


def test_queued_messages_of_a_former_log_do_not_settle_those_of_the_new_one() -> None:
    membership = settled()
    deliveries, queued = reading(membership, 500, 510)
    deliveries.rewind(BARS, 0)
    deliveries.begin(queued)
    deliveries.end(queued, done=queued)
    new = handed(deliveries, membership, 0, 510)
    assert [event.message.offset for event in new] == list(range(510))


class Thread:
    """The consumer's thread: one commit after the other, each takes a moment."""

    def __init__(self) -> None:
        self.committed: list[dict[TP, int]] = []
        self._one = asyncio.Lock()

    async def beginning(self, _: TP) -> int:
        return 0

    async def move(self, _: dict[TP, int]) -> None:
        pass

    async def commit(self, offsets: dict[TP, int]) -> bool:
        async with self._one:
            await asyncio.sleep(0.01)
            self.committed.append(dict(offsets))
            await asyncio.sleep(0)
            return True


@pytest.mark.parametrize("commit", [DeliveringConsumer.commit, DeliveringConsumer.commit_last])
def test_no_later_offset_is_committed_behind_the_beginning(commit: Callable[[DeliveringConsumer], Awaitable[object]]) -> None:
    async def scene() -> None:
        membership = settled()
        consumer = object.__new__(DeliveringConsumer)
        deliveries = Deliveries(membership, shared={"bars"})
        deliveries.restart({BARS: 400}, membership.epoch)
        deliveries._ledgers[BARS].settle(range(400, 500))
        thread = Thread()
        consumer.membership, consumer.deliveries, consumer._thread = membership, deliveries, thread  # type: ignore[assignment]
        forgotten: list[bool] = []

        async def timer() -> None:
            await asyncio.sleep(0.005)
            await commit(consumer)

        task = asyncio.create_task(timer())
        await consumer.read_again(BARS, lambda: forgotten.append(True))
        await task
        assert forgotten
        assert thread.committed[-1][BARS] == 0

    asyncio.run(scene())


# -- What must not end a worker, or leave something open --------------------------------------------------------------------


class ListedLogs(list[PartitionLog]):
    """Logs that nobody opens or closes; `changed` is set by the restoration."""

    changed: Any = None


def test_a_partition_that_is_lost_while_foreign_records_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        membership, failures = settled(), list[Exception]()
        log = await held(Topic(), tmp_path)
        place = log.copy.next_offset
        parts: Any = Simple(), ListedLogs([log]), membership, Simple(), Simple()
        restoration = Restoration(*parts, bars="bars", topics=["bars"], failed=failures.append, restored=print)

        class Reader:
            async def ends(self, _: object) -> dict[TP, int]:
                return {PLACE: place + 1}

            async def read(self, _: object, take: Callable[[TP, list[Record], int], None]) -> None:
                await asyncio.sleep(0)
                membership.begin_epoch()
                log.close()
                take(PLACE, [Record(place, b"A", b"a zombie's", Claim(0, 0, 1, 5))], place + 1)

        @contextlib.asynccontextmanager
        async def reader(_: object) -> AsyncIterator[Reader]:
            yield Reader()

        monkeypatch.setattr(restoring, "changelog_reader", reader)
        with contextlib.suppress(RuntimeError):
            await restoration._read_foreign([log])
        assert failures == []

    asyncio.run(scene())


def test_keys_that_cannot_be_read_are_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        log = await held(Topic(), tmp_path)

        def fails() -> Iterator[tuple[bytes, bytes]]:
            raise StateCorruptError("block checksum mismatch")
            yield b"", b""

        monkeypatch.setattr(log.copy, "items", fails)
        with pytest.raises(StateCorruptError):
            log.all_keys()
        assert log.failure is not None

    asyncio.run(scene())


def test_a_sweep_over_a_damaged_copy_does_not_end_the_worker() -> None:
    def tickers() -> list[str]:
        raise StateCorruptError("block checksum mismatch")

    asyncio.run(Sweep(settled(), Simple(), Simple(tickers=tickers), Simple(), Simple()).run())


def test_logs_may_change_while_they_are_listed() -> None:
    logs = PartitionLogs.__new__(PartitionLogs)
    table = Simple(data=Simple(logs={0: "a", 1: "b"}))
    logs._tables = [table]
    walk = iter(logs)
    found: list[object] = [next(walk)]
    table.data.logs[2] = "c"
    assert [*found, *walk][:2] == ["a", "b"]


def test_a_turn_that_is_cancelled_while_it_waits_for_the_one_before_is_put_down(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        membership = settled()
        deliveries, events = reading(membership, 0, 2)
        never = asyncio.Event()

        class Ownership:
            sent = 1

            async def delivered(self, _: int) -> None:
                await never.wait()

            async def settled(self) -> None:
                pass

            def ours(self, found: list[Any]) -> list[Any]:
                return list(found)

            def is_behind(self, _: object) -> bool:
                return False

        nothing: Any = None
        ownership: Any = Ownership()
        agent = BarsAgent(
            Simple(worker_batch_messages=1), nothing, nothing, nothing, ownership, deliveries, nothing, today=nothing
        )

        async def take(turn: list[Any]) -> list[Any]:
            return list(turn)

        monkeypatch.setattr(agent, "_take", take)

        class Source:
            channel = Simple(queue=asyncio.Queue())

            async def events(self) -> AsyncIterator[Any]:
                for event in events:
                    yield event
                await never.wait()

        actor = asyncio.create_task(agent.run(Simple(noack=Source)))
        await asyncio.sleep(0.05)
        actor.cancel()
        await asyncio.gather(actor, return_exceptions=True)
        assert not agent.busy
        assert deliveries.missing() == {BARS: 0}
        assert deliveries.describe()["bars-0"]["out"] == 0

    asyncio.run(scene())
