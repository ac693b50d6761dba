"""A backlog of live days taken at once: the same state to the byte as day by day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history.catch_up import absorb_all
from history.pipeline import Absorbed, Output, absorb
from history.ticker_state import TickerState, same_state
from records import BarBatch, RejectedBar
from settings import load_settings
from tests.kafka.cluster import TODAY
from tests.made.bars import made_bars

SETTINGS = load_settings(lookback=252, minimum_bars=252, history_bars=504, models="har")
HISTORY = made_bars(1, 700, size=700)[0]
COLUMNS = ("date", "open", "high", "low", "close", "volume")


def part(first: int, last: int, as_of: dt.date) -> BarBatch:
    columns = {name: getattr(HISTORY, name)[first:last] for name in COLUMNS}
    return msgspec.structs.replace(HISTORY, **columns, dividend=None, split=None, as_of=as_of)


def days(first: int, last: int) -> list[BarBatch]:
    """Live days of the history, each fetched in its evening."""
    return [part(row, row + 1, dt.date.fromisoformat(HISTORY.date[row])) for row in range(first, last)]


def one_by_one(state: TickerState | None, batches: Sequence[BarBatch]) -> tuple[TickerState | None, list[list[Output]]]:
    outputs = []
    for batch in batches:
        state, called_for = absorb(state, batch, today=TODAY, settings=SETTINGS)
        outputs.append(called_for)
    return state, outputs


def begun(bars: int) -> TickerState | None:
    """The state after so many bars that were fetched in the evening of the last."""
    return one_by_one(None, [part(0, bars, dt.date.fromisoformat(HISTORY.date[bars - 1]))])[0] if bars else None


def assert_equal(state: TickerState | None, batches: Sequence[BarBatch]) -> list[list[Output]]:
    expected, each = one_by_one(state, batches)
    found, outputs = absorb_all(state, batches, today=TODAY, settings=SETTINGS)
    assert len(outputs) == len(batches)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert same_state(found, expected)
        assert found.counters == expected.counters
    for kind in ("accepted", "duplicate", "corrected", "expired"):
        assert counted(outputs, kind) == counted(each, kind)
    assert refused(outputs) == refused(each)
    return outputs


def counted(outputs: Sequence[Sequence[Output]], kind: str) -> int:
    return sum(getattr(output, kind) for called_for in outputs for output in called_for if isinstance(output, Absorbed))


def refused(outputs: Sequence[Sequence[Output]]) -> list[list[RejectedBar]]:
    return [[output for output in called_for if isinstance(output, RejectedBar)] for called_for in outputs]


@pytest.mark.parametrize(("held", "more"), [(0, 3), (100, 20), (120, 300), (560, 70), (600, 2)])
def test_later_days_are_one_update(held: int, more: int) -> None:
    outputs = assert_equal(begun(held), days(held, held + more))
    assert [bool(called_for) for called_for in outputs] == [False] * (more - 1) + [True]


def with_split(batch: BarBatch) -> BarBatch:
    return msgspec.structs.replace(batch, split=[2.0])


def broken(batch: BarBatch) -> BarBatch:
    return msgspec.structs.replace(batch, close=[-1.0])


def with_dividend(batch: BarBatch) -> BarBatch:
    return msgspec.structs.replace(batch, dividend=[0.2], split=[1.0])


def from_tomorrow(batch: BarBatch) -> BarBatch:
    return msgspec.structs.replace(batch, as_of=TODAY + dt.timedelta(days=9))


def without_a_split(batch: BarBatch) -> BarBatch:
    return msgspec.structs.replace(batch, split=[1.0])


@pytest.mark.parametrize("change", [with_split, without_a_split, broken, with_dividend, from_tomorrow])
@pytest.mark.parametrize("row", [0, 4, 9])
def test_a_day_unlike_the_others_counts_as_ever(change: Callable[[BarBatch], BarBatch], row: int) -> None:
    live = days(200, 210)
    live[row] = change(live[row])
    assert_equal(begun(200), live)


def test_bars_fetched_before_the_kept_bars_are_absorbed_one_by_one() -> None:
    state, _ = one_by_one(None, [part(0, 200, dt.date(2025, 1, 2))])
    assert_equal(state, days(200, 210))


def test_which_days_speak_of_splits_is_known_of_each() -> None:
    live = [without_a_split(day) if row % 3 else day for row, day in enumerate(days(200, 230))]
    assert_equal(begun(200), live)
    state, _ = absorb_all(begun(200), live, today=TODAY, settings=SETTINGS)
    assert state is not None
    said = state.split_fetched[200:] == state.fetched[200:]
    assert said.tolist() == [bool(row % 3) for row in range(30)]


@pytest.mark.parametrize("late", [0, 1, 5, 9])
def test_each_batch_is_judged_by_the_day_on_which_it_came(late: int) -> None:
    live = days(200, 210)
    came = [day.as_of for day in live]
    came[late] -= dt.timedelta(days=1)
    state, outputs = absorb_all(begun(200), live, today=came, settings=SETTINGS)
    assert [bar.date for called_for in refused(outputs) for bar in called_for] == live[late].date
    assert state is not None
    assert state.total_bars == 209
    expected, last = begun(200), []
    for day, today in zip(live, came, strict=True):
        expected, last = absorb(expected, day, today=today, settings=SETTINGS)
    assert expected is not None
    assert same_state(state, expected)
    assert last
    _, outputs = absorb_all(begun(200), live, today=[day.as_of for day in live], settings=SETTINGS)
    assert [bool(called_for) for called_for in outputs] == [False] * 9 + [True]  # one update, none refused


STATE = begun(170)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(150, 190), st.booleans()), max_size=12), st.integers(0, 1))
def test_any_days_in_any_order_and_again(rows: list[tuple[int, bool]], split: int) -> None:
    live = [without_a_split(day) if speaks else day for row, speaks in rows for day in days(row, row + 1)]
    if split and live:
        live[len(live) // 2] = with_split(live[len(live) // 2])
    assert_equal(STATE, live)
