"""Void records at a changelog's end: the owner writes its value behind them."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path

from cachetools import LRUCache

from broker.claims import Claim
from history.catch_up import absorb_all
from settings import load_settings
from state.partition_copy import Record
from state.record_codec import record_key
from streams.kafka.tables.partition_log import PartitionLog
from streams.kafka.tables.ticker_tables import TickerTables
from tests.kafka.consuming.queued import Simple
from tests.kafka.tables.changelog import Topic, fresh_reader, held
from tests.made.bars import made_bars


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
        first.put(b"K", b"zombie")  # delayed by the network
        third = await held(topic, tmp_path, "c")  # before the second owner has read the log's end
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
        del topic.records[before:]  # the owner is killed before it sends
        second.close()
        again = await held(topic, tmp_path, "b")
        again.put(b"L", b"other")
        await topic.acknowledge()
        copy = fresh_reader(topic, tmp_path)
        assert (copy.get(b"K"), copy.verify()) == (b"good", None)

    asyncio.run(scene())


async def behind_a_zombie(topic: Topic, folder: Path, key: bytes) -> PartitionLog:
    """A log whose owner has just deleted a key that only another writer has written."""
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
        tables._states, tables._models = LRUCache(64), LRUCache(64)
        tables._settings = Simple(kafka_partitions=1)
        tables.history = Simple(
            get_in=lambda _, key: log.get(key), put_in=lambda _, key, value: log.put(key, value), data=Simple(logs={0: log})
        )
        tables.save(state, changed_from=0)
        await topic.acknowledge(1)
        tables._states.clear()  # other tickers of the turn have displaced it
        again = tables.state(state.ticker)
        assert again is not None
        assert len(again.bars) == len(state.bars)

    asyncio.run(scene())
