"""The parts of the storm: the same seed makes the same round, and the checker finds each kind of difference."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from broker.topics import partition_of
from history.pipeline import absorb
from history.ticker_state import TickerState, same_state
from producers.sources import read_source
from records import Bars, decode_batch
from settings import Settings, load_settings
from state.folder import StateFolder
from streams.embedded.engine import EmbeddedEngine
from tests.conftest import ROOT
from tests.kafka.cluster import QUICK
from tests.kafka.storm import wire
from tests.kafka.storm.checker import Snapshot, differences, row_differences, truth, truth_differences
from tests.kafka.storm.damage import FILES, damage
from tests.kafka.storm.kafka_side import letter_differences
from tests.kafka.storm.market import LONG, Delivery, deliveries
from tests.kafka.storm.plan import WEIGHTS, Plan, draw_faults, draw_plan
from tests.kafka.storm.processes import CLOCKS
from tests.kafka.storm.sending import Schedule, read_deliveries, write_deliveries, write_file
from tests.made.rows import forecast

TODAY = dt.date(2026, 1, 2)


def plan_of(seed: int) -> Plan:
    return draw_plan(seed, today=TODAY, seconds=60.0, workers=(1, 3), every=(5.0, 15.0))


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(**{name.lower(): value for name, value in QUICK.items()})


@pytest.fixture(scope="module")
def sent() -> list[Delivery]:
    return deliveries(random.Random(5), today=TODAY, partitions=4, tickers=4)


def states_of(messages: Iterable[Delivery], settings: Settings) -> dict[str, TickerState]:
    found: dict[str, TickerState | None] = {}
    for one in messages:
        if one.good:
            batch = decode_batch(one.value or b"", key=one.key)
            found[one.ticker], _ = absorb(found.get(one.ticker), batch, today=TODAY, settings=settings)
    return {ticker: state for ticker, state in found.items() if state is not None}


def test_a_seed_makes_the_same_round_again():
    assert plan_of(3) == plan_of(3)
    assert plan_of(3).deliveries != plan_of(4).deliveries
    assert plan_of(3).faults != plan_of(4).faults


def test_every_kind_of_fault_is_drawn():
    faults = draw_faults(random.Random(1), seconds=4000.0, every=(5.0, 15.0), kinds=WEIGHTS)
    assert {fault.kind for fault in faults} == set(WEIGHTS)
    gaps = [later.at - earlier.at for earlier, later in pairwise(faults)]
    assert 5 <= min(gaps) < max(gaps) <= 15


def test_the_strangers_partitioner_is_kafkas():
    keys = [bytes(random.Random(number).randbytes(number % 30)) for number in range(500)]
    assert [wire.partition_of(key, 7) for key in keys] == [partition_of(key, 7) for key in keys]


@pytest.mark.parametrize("seed", range(3))
def test_the_good_messages_end_in_one_state_in_any_order(seed: int, settings: Settings) -> None:
    """Else the comparison with the embedded engine would be worthless."""
    rng = random.Random(seed)
    messages = deliveries(rng, today=TODAY, partitions=4, tickers=2)
    expected = states_of(messages, settings)
    assert truth_differences(messages, expected) == []
    for _ in range(2):
        long = [one for one in messages if one.ticker == LONG]
        messages = [one for one in messages if one.ticker != LONG]
        rng.shuffle(messages)
        messages += long
        found = states_of(messages, settings)
        assert all(same_state(found[ticker], state) for ticker, state in expected.items())
        assert differences(Snapshot(expected), Snapshot(found)) == []


def test_a_long_history_stays_the_same_when_all_of_it_comes_again(sent: list[Delivery], settings: Settings) -> None:
    long = [one for one in sent if one.ticker == LONG]
    once, twice = states_of(long, settings)[LONG], states_of(long + long, settings)[LONG]
    assert once.first_index > 0
    assert differences(Snapshot({LONG: once}), Snapshot({LONG: twice})) == []
    assert truth_differences(long, {LONG: once}) == []


def test_a_market_has_what_markets_have(sent: list[Delivery]) -> None:
    good = [json.loads(one.value or b"") for one in sent if one.good]
    editions = [(message["ticker"], date) for message in good for date in message["date"]]
    assert len(set(editions)) < len(editions), "bars come again"
    assert any("split" in message for message in good)
    assert any("dividend" in message for message in good)
    assert any(one.good and one.dead for one in sent)
    assert {one.channel for one in sent} == {wire.PROJECT, wire.INDEPENDENT, wire.COMMAND, *wire.TRANSACTIONS}
    assert all((one.key, one.value) in {(o.key, o.value) for o in sent if o.channel != wire.ABORTED} for one in sent)
    assert max(date for message in good for date in message["date"] if date[0] == "2") == TODAY.isoformat()


def test_a_lost_bar_is_found(sent: list[Delivery], settings: Settings) -> None:
    whole = states_of(sent, settings)
    last = max(truth(sent)["S01"])
    lacking = [one for one in sent if one.ticker != "S01" or last.encode() not in (one.value or b"")]
    found = states_of(lacking, settings)
    assert any(f"S01: 1 bars lost ({last})" in line for line in differences(Snapshot(whole), Snapshot(found)))
    assert any(line.startswith(f"S01: not the last editions on {last}") for line in truth_differences(sent, found))


def test_a_lost_correction_is_found(sent: list[Delivery], settings: Settings) -> None:
    whole = states_of(sent, settings)
    # The newest edition of a bar in the middle never came.
    state = whole["S02"]
    close = state.delivered.close.copy()
    close[200] = np.nextafter(close[200], 0)
    found = whole | {"S02": replace(state, delivered=replace(state.delivered, close=close))}
    day = str(np.datetime64(int(state.delivered.day[200]), "D"))
    (line,) = differences(Snapshot(whole), Snapshot(found))
    assert line.startswith(f"S02: delivered.close differs on {day}: first {close[200]}, not ")
    assert truth_differences(sent, found) == [f"S02: not the last editions on {day} (1 days)"]


def test_a_bar_that_counts_twice_is_found(sent: list[Delivery], settings: Settings) -> None:
    whole = states_of(sent, settings)
    state = whole["S00"]
    right = state.counters.accepted
    twice = replace(state, counters=msgspec.structs.replace(state.counters, accepted=right + 1))
    found = whole | {"S00": twice}
    assert differences(Snapshot(whole), Snapshot(found)) == [f"S00: {right + 1} bars counted as accepted, not {right}"]
    (line,) = truth_differences(sent, found)
    assert line == f"S00: {right + 1} bars counted as accepted, but {right} were published"


@pytest.mark.parametrize("part", ["feature_state", "snapshots", "fetched"])
def test_a_spoilt_array_is_found(sent: list[Delivery], settings: Settings, part: str) -> None:
    whole = states_of(sent, settings)
    values = getattr(whole["S03"], part).copy()
    values.flat[-1] += 1.0
    found = whole | {"S03": replace(whole["S03"], **{part: values})}
    (line,) = differences(Snapshot(whole), Snapshot(found))
    assert line.startswith(f"S03: {part} differs")


def test_a_row_that_differs_is_missing_or_too_much_is_found() -> None:
    rows = {ticker: msgspec.json.encode(forecast(ticker, annual_return=0.1)) for ticker in ("A", "B")}
    other = msgspec.json.encode(forecast("A", annual_return=math.nextafter(0.1, 1)))
    (line,) = row_differences(rows, rows | {"A": other})
    assert line.startswith("A: the forecast row differs in annual_return: annual_return is 0.1")
    assert row_differences(rows, {"A": rows["A"]}) == ["B: no forecast row"]
    assert row_differences({"A": rows["A"]}, rows) == ["B: a forecast row that should not be"]


def test_a_snapshot_of_a_folder_sees_a_corrupted_row(sent: list[Delivery], settings: Settings, tmp_path: Path) -> None:
    good = sorted((one for one in sent if one.good), key=lambda one: one.ticker)

    @contextmanager
    def silent(total, description):  # type: ignore[no-untyped-def]
        yield lambda count: None

    with StateFolder(tmp_path).open_writer() as writer:
        engine = EmbeddedEngine(writer, settings, state_dir=tmp_path, today=TODAY, pool=None, progress=silent)
        engine.run(decode_batch(one.value or b"") for one in good)
    before = Snapshot.of(tmp_path)
    assert sorted(before.rows) == sorted(before.histories) == ["FILED", "LONG", "S00", "S01", "S02", "S03"]
    assert differences(before, Snapshot.of(tmp_path)) == []
    assert truth_differences(sent, before.histories) == []
    with StateFolder(tmp_path).open_writer() as writer:
        row = writer.forecasts.get("S02")
        assert row is not None
        writer.forecasts.put(msgspec.structs.replace(row, last_close=math.nextafter(row.last_close, 0)))
    (line,) = differences(before, Snapshot.of(tmp_path))
    assert line.startswith("S02: the forecast row differs in last_close")


def test_a_folder_without_a_state_is_an_empty_snapshot(tmp_path: Path) -> None:
    assert Snapshot.of(tmp_path) == Snapshot()


def test_dead_letters_are_compared_both_ways() -> None:
    dead, good = (b"A", b"poison"), (b"A", b"bars")
    assert letter_differences([dead, dead], [dead]) == []
    assert letter_differences([], [dead]) == ["no dead letter of the message key=b'A' value=b'poison'"]
    (line,) = letter_differences([dead, good], [dead])
    assert line.startswith("a good message is among the dead letters")


def test_damage_reaches_every_file_in_every_way(tmp_path: Path) -> None:
    names = ["CURRENT", "MANIFEST-000005", "000009.sst", "000008.log", "OPTIONS-000007", "IDENTITY", "LOCK"]
    assert len(names) == len(FILES)
    seen = set()
    for seed in range(400):
        rng = random.Random(seed)
        database = tmp_path / str(seed) / "tables" / "history-0.db"
        database.mkdir(parents=True)
        for name in names:
            (database / name).write_bytes(b"" if name == "LOCK" else name.encode() * 20)
        before = {name: (database / name).read_bytes() for name in names}
        done = damage(tmp_path / str(seed), [rng.random() for _ in range(5)])
        after = {path.name: path.read_bytes() for path in database.iterdir()}
        changed = [name for name in names if after.get(name) != before[name]]
        assert changed == [done.rpartition("/")[2]] or done.endswith("LOCK")
        seen.add((done.split()[0], done.rpartition("/")[2]))
    ways = ("flipped", "cut", "emptied", "deleted")
    assert seen == {(way, name) for way in ways for name in names if name != "LOCK"} | {
        ("emptied", "LOCK"),
        ("deleted", "LOCK"),
    }


def test_a_sender_goes_on_where_it_was_killed(sent: list[Delivery], tmp_path: Path) -> None:
    write_deliveries(tmp_path / "deliveries", sent)
    assert read_deliveries(tmp_path / "deliveries") == sent
    schedule = Schedule(sent, tmp_path / "notes", began=-1000.0, seconds=1.0)
    assert schedule.due() == sent
    schedule.acknowledged(sent[:7])
    assert Schedule(sent, tmp_path / "notes", began=-1000.0, seconds=1.0).due() == sent[7:]


def test_a_file_has_the_bars_and_the_moment_of_its_message(sent: list[Delivery], tmp_path: Path) -> None:
    (filed,) = [one for one in sent if one.channel == wire.COMMAND]
    write_file(tmp_path / "bars.csv", filed)
    (batch,) = read_source("file", path=tmp_path / "bars.csv", today=TODAY)
    assert msgspec.structs.replace(batch, source="storm") == decode_batch(filed.value or b"")


def test_a_wrong_clock_is_wrong_for_everything_but_what_counts_time(tmp_path: Path) -> None:
    script = (
        "import datetime as dt, json, time, msgspec\n"
        "kinds = [dt.datetime.now(dt.UTC).date(), dt.datetime.today().date(), dt.date.today()]\n"
        "kinds += [dt.datetime.fromtimestamp(t, dt.UTC).date() for t in (time.time(), time.time_ns() / 1e9)]\n"
        "print(json.dumps({'days': [str(kind) for kind in kinds], 'ticks': time.monotonic()}))\n"
        "assert type(msgspec.json.decode(b'\"2020-01-01\"', type=dt.date)) is dt.date\n"
    )
    clock = tmp_path / "clock"
    clock.write_text(str(-1000 * 86400))
    environment = os.environ | {"STORM_CLOCK": str(clock), "PYTHONPATH": f"{CLOCKS}{os.pathsep}{ROOT}", "TZ": "UTC"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    expected = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1000)
    assert {abs((dt.date.fromisoformat(day) - expected).days) for day in found["days"]} <= {0, 1}
    assert len(found["days"]) == 5


def test_the_checker_compares_every_column_of_a_bar() -> None:
    """A column that is added later is compared, too: the truth has all columns."""
    assert {field.name for field in fields(Bars)} - {"day"} == {"open", "high", "low", "close", "volume", "dividend", "split"}
