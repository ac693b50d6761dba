"""Files of one history, read in any order, on any days, any number of times: the file that was written last counts."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from history.pipeline import Absorbed, absorb
from history.ticker_state import TickerState, same_state
from producers.sources import read_source
from records import BarBatch, Bars, date_of
from tests.made.bars import batch, scaled, walk
from tests.made.histories import SMALL, as_fetched_with, deliver

SPLIT_AT = 290
SHARES = 2.0
BARS = walk(330)
LAST = date_of(BARS.day[-1])
HEADER = "date,open,high,low,close,volume,dividends"

Reading = tuple[str, int]


def write(folder: Path, name: str, bars: Bars, written: dt.datetime) -> None:
    columns = (getattr(bars, column).tolist() for column in ("open", "high", "low", "close", "volume", "dividend"))
    rows = zip(np.datetime_as_string(bars.day.astype("datetime64[D]")).tolist(), *columns, strict=True)
    path = folder / name / "ABC.csv"
    path.parent.mkdir()
    path.write_text("\n".join([HEADER, *(",".join(map(str, row)) for row in rows)]))
    os.utime(path, (written.timestamp(), written.timestamp()))


def before_split(bars: Bars) -> Bars:
    printed = scaled(bars, slice(None), SHARES)
    return Bars.of(
        bars.day,
        **{name: getattr(printed, name) for name in ("open", "high", "low", "close", "dividend")},
        volume=bars.volume / SHARES,
    )


@pytest.fixture(scope="module", params=[dt.timedelta(days=120), dt.timedelta(hours=8)], ids=["days apart", "on one day"])
def files(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Before and after a split that none of them tells of, and the latter with one bar mended."""
    folder = tmp_path_factory.mktemp("files")
    written = dt.datetime.combine(LAST, dt.time(9), dt.UTC)
    write(folder, "old", before_split(BARS[:SPLIT_AT]), written)
    wrong = BARS.volume.copy()
    wrong[300] *= 3
    columns = {name: getattr(BARS, name) for name in ("open", "high", "low", "close", "dividend")}
    write(folder, "new", Bars.of(BARS.day, **columns, volume=wrong), written + request.param)
    write(folder, "mended", BARS, written + request.param + dt.timedelta(minutes=1))
    return folder


def read(folder: Path, readings: list[Reading], state: TickerState | None = None) -> tuple[TickerState, list[Absorbed]]:
    """The state after files were read, each so many days after the last bar, and what became of their bars."""
    done: list[Absorbed] = []
    for name, days in readings:
        today = LAST + dt.timedelta(days=days)
        for item in read_source("file", path=folder / name / "ABC.csv", today=today):
            assert isinstance(item, BarBatch)
            state, outputs = absorb(state, item, today=today, settings=SMALL)
            done += [output for output in outputs if isinstance(output, Absorbed)]
    assert state is not None
    return state, done


@given(
    st.permutations(["old", "new", "mended"]),
    st.lists(st.tuples(st.sampled_from(["old", "new", "mended"]), st.integers(200, 500)), max_size=3),
    st.lists(st.integers(200, 500), min_size=3, max_size=3),
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_file_that_was_written_last_counts(files: Path, order: list[str], again: list[Reading], days: list[int]) -> None:
    state, _ = read(files, [*zip(order, days, strict=True), *again])
    assert state.bars == BARS
    fresh, _ = read(files, [("mended", 300)])
    assert same_state(as_fetched_with(state, fresh), fresh)


def test_two_files_leave_the_same_state_in_either_order(files: Path) -> None:
    one, _ = read(files, [("old", 200), ("mended", 400)])
    other, _ = read(files, [("mended", 200), ("old", 400)])
    assert same_state(one, other)


def test_a_file_read_again_on_another_day_changes_nothing(files: Path) -> None:
    state, _ = read(files, [("old", 200), ("mended", 200)])
    for name in ("mended", "old"):
        again, done = read(files, [(name, 400)], state)
        assert same_state(again, state)
        assert {(one.accepted, one.corrected, one.changed_from) for one in done} == {(0, 0, None)}


def test_a_split_that_comes_live_reaches_a_file_that_was_written_before_it_and_is_read_after(tmp_path: Path) -> None:
    eve, day = (date_of(BARS.day[row]) for row in (SPLIT_AT - 1, SPLIT_AT))
    write(tmp_path, "old", before_split(BARS[:SPLIT_AT]), dt.datetime.combine(eve, dt.time(22), dt.UTC))
    split = np.ones(len(BARS))
    split[SPLIT_AT] = SHARES
    live = batch(replace(BARS, split=split)[SPLIT_AT:], as_of=day)
    after, _ = read(tmp_path, [("old", 500)], deliver([live], SMALL)[0])
    before = deliver([live], SMALL, read(tmp_path, [("old", 0)])[0])[0]
    assert same_state(after, before)
    np.testing.assert_array_equal(after.bars.close, BARS.close)
