"""The windows of models, and the training that is due: whatever the delivery, the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history.pipeline import Absorbed, ForecastStale, TrainingDue
from history.schedule import due_training
from history.windows import training_window, window_of, window_of_bars
from records import date_of
from settings import CalendarPeriod
from tests.made.bars import batch, cut, walk
from tests.made.histories import SMALL, backfill, deliver, due_of


@pytest.mark.parametrize("count", [1, 63, 64, 65, 126, 200])
def test_windows_are_replayed_to_the_bit(count: int) -> None:
    bars = walk(1100)
    state = backfill(bars)
    replayed, whole = window_of(state, count), window_of_bars("ABC", bars).last(count)
    assert len(replayed) == count
    for name in ("day", "close", "log_return", "range_variance", "features"):
        assert getattr(replayed, name).tobytes() == np.ascontiguousarray(getattr(whole, name)).tobytes(), name


def test_the_training_window_is_whole_however_late_in_its_period() -> None:
    month = SMALL.model_copy(update={"window": CalendarPeriod.MONTH})
    bars = walk(1300)
    for stop in range(1230, 1300, 7):
        state = backfill(bars[:stop], month)
        window = training_window(state, due_of(state), month)
        assert len(window) == month.lookback
        assert (
            window.features.tobytes()
            == np.ascontiguousarray(
                window_of_bars("ABC", bars)
                .until(int(np.searchsorted(bars.day, window.day[-1])) + 1)
                .last(month.lookback)
                .features
            ).tobytes()
        )


def test_a_window_of_a_young_ticker_is_all_of_it() -> None:
    bars = walk(30)
    assert len(window_of(backfill(bars), 756)) == 30
    assert len(window_of(backfill(bars), 756, stop=0)) == 0


def test_training_is_due_when_a_week_ages_out_and_not_before() -> None:
    bars = walk(200)  # begins on a Monday
    state = backfill(bars[:196])
    assert date_of(state.bars.day[-1]).weekday() == 0
    assert state.due is not None
    assert date_of(state.due.cutoff).weekday() == 4
    for i in range(196, 200):
        state, outputs = deliver([batch(bars[i : i + 1])], SMALL, state)
        assert [type(output) for output in outputs] == [Absorbed, ForecastStale]
    monday = walk(201)[200:]
    state, outputs = deliver([batch(monday)], SMALL, state)
    (due,) = [output for output in outputs if isinstance(output, TrainingDue)]
    assert due.due == state.due
    assert due.due.cutoff == bars.day[-1]


def test_no_training_is_due_with_too_few_bars() -> None:
    bars = walk(140)
    assert backfill(bars[:130]).due is None  # 125 up to the last whole week
    assert backfill(bars[:131]).due is not None


def test_a_correction_inside_the_training_window_is_a_new_training_and_one_after_it_is_not() -> None:
    bars = walk(199)
    state = backfill(bars)
    assert state.due is not None
    last = replace(bars[198:], volume=bars.volume[198:] + 1)
    assert not any(isinstance(output, TrainingDue) for output in deliver([batch(last)], SMALL, state)[1])
    for row in (10, 150):  # 10 lies before the window, but its features look back to it
        changed = replace(bars[row : row + 1], volume=bars.volume[row : row + 1] + 1)
        after, outputs = deliver([batch(changed)], SMALL, state)
        assert any(isinstance(output, TrainingDue) for output in outputs)
        assert after.due is not None
        assert after.due.cutoff == state.due.cutoff
        assert after.due.digest != state.due.digest


def test_a_correction_that_only_the_slowest_features_remember_is_a_new_training() -> None:
    # Bar 10 lies before the window and before all that its sliding features look back to, but not before its means.
    bars = walk(470)
    state = backfill(bars)
    assert state.first_index == 0
    changed = replace(bars[10:11], close=(bars.low[10:11] + bars.high[10:11]) / 2)
    after, _ = deliver([batch(changed)], SMALL, state)
    assert state.due is not None
    assert after.due is not None
    assert after.due.digest != state.due.digest
    assert (
        training_window(after, after.due, SMALL).features.tobytes()
        != training_window(state, state.due, SMALL).features.tobytes()
    )


@given(st.integers(140, 1100), st.lists(st.integers(0, 1200), max_size=6), st.sampled_from(CalendarPeriod))
@settings(max_examples=25)
def test_the_due_training_does_not_depend_on_batching_or_trimming(count: int, cuts: list[int], period: CalendarPeriod) -> None:
    chosen = SMALL.model_copy(update={"window": period})
    bars = walk(count)
    state, _ = deliver([batch(part) for part in cut(bars, cuts)], chosen)
    untrimmed = backfill(bars, chosen.model_copy(update={"history_bars": 5000}))
    assert state.due == due_training(state, chosen) == due_training(untrimmed, chosen)
