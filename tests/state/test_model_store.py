from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from errors import SchemaError, StateCorruptError
from state.database import Database
from state.model_store import MEMORY_ENTRIES, STORED_VERSION, ModelStore
from tests.made.clocks import Clock

DAY = 86_400.0


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000_000.0)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open_writer(tmp_path / "models.db") as database:
        yield database


def test_a_model_serves_however_old_and_is_due_again_after_its_time(database: Database, clock: Clock) -> None:
    store = ModelStore(database, clock=clock)
    store.put("AAA", b"model")
    clock.now += DAY - 1
    assert (store.get("AAA"), store.has_expired("AAA")) == (b"model", False)
    clock.now += 1
    assert (store.get("AAA"), store.has_expired("AAA")) == (b"model", True)


def test_a_missing_model_is_due(database: Database, clock: Clock) -> None:
    store = ModelStore(database, ttl_seconds=10, clock=clock)
    assert (store.get("BBB"), store.has_expired("BBB")) == (None, True)


def test_a_new_model_replaces_the_old_model_and_its_age(database: Database, clock: Clock) -> None:
    store = ModelStore(database, ttl_seconds=10, clock=clock)
    store.put("AAA", b"old")
    clock.now += 8
    store.put("AAA", b"new")
    clock.now += 8
    assert (store.get("AAA"), store.has_expired("AAA")) == (b"new", False)


def test_the_age_outlives_the_process(database: Database, clock: Clock) -> None:
    ModelStore(database, clock=clock).put("AAA", b"model")
    clock.now += 7_000
    later = ModelStore(database, clock=clock)
    assert (later.get("AAA"), later.has_expired("AAA")) == (b"model", False)
    clock.now += DAY
    assert ModelStore(database, clock=clock).has_expired("AAA")


def test_a_clock_that_was_set_back_does_not_keep_a_model_for_ever(database: Database, clock: Clock) -> None:
    ModelStore(database, clock=clock).put("AAA", b"model")
    clock.now -= 60
    assert not ModelStore(database, clock=clock).has_expired("AAA")
    clock.now -= 30 * DAY
    assert ModelStore(database, clock=clock).has_expired("AAA")


def test_memory_serves_for_its_time_and_then_the_disk_is_asked(database: Database, clock: Clock) -> None:
    store = ModelStore(database, memory_ttl_seconds=3600, clock=clock)
    store.put("AAA", b"model")
    database.write([(b"AAA", None)])
    clock.now += 3599
    assert store.get("AAA") == b"model"
    clock.now += 1
    assert store.get("AAA") is None


def test_memory_is_bounded_and_nothing_is_lost_by_it(database: Database, clock: Clock) -> None:
    store = ModelStore(database, clock=clock)
    tickers = [f"T{number}" for number in range(MEMORY_ENTRIES + 10)]
    for ticker in tickers:
        store.put(ticker, ticker.encode())
    database.write((ticker.encode(), None) for ticker in tickers)
    assert [ticker for ticker in tickers if store.get(ticker) is not None] == tickers[10:]


def test_a_newer_model_is_refused_and_a_broken_model_named(database: Database, clock: Clock) -> None:
    newer = msgspec.msgpack.encode([STORED_VERSION + 1, 0.0, b"model", "a field of later"])
    database.write([(b"AAA", newer), (b"BBB", b"nonsense")])
    store = ModelStore(database, clock=clock)
    with pytest.raises(SchemaError, match="AAA: its stored model has schema version 2"):
        store.get("AAA")
    with pytest.raises(StateCorruptError, match=r"BBB: .*delete the folder models\.db and run again"):
        store.get("BBB")
    assert database.get(b"AAA") == newer
