"""The operator on a ticker's bars: whatever the delivery, the state of a fresh backfill of the same bars."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errors import StateCorruptError
from history.features import STATE_SIZE
from history.pipeline import TOO_OLD, Absorbed, absorb
from history.schedule import kept_bars
from history.ticker_state import BLOCK_BARS, TickerState, same_state
from history.windows import window_of
from records import Bars, RejectedBar, date_of, day_number
from tests.made.bars import FETCHED, TODAY, accidents, batch, cut, walk
from tests.made.histories import SMALL, backfill, deliver


def absorbed(outputs: list[object]) -> Absorbed:
    (found,) = [output for output in outputs if isinstance(output, Absorbed)]
    return found


# -- Batching, repetition, order ----------------------------------------------------------------------------------------


@given(accidents(longest=1100), st.lists(st.integers(0, 1200), max_size=10), st.data())
@settings(max_examples=40)
def test_any_batching_with_any_repeats_gives_the_same_state(bars: Bars, cuts: list[int], data: st.DataObject) -> None:
    parts = [batch(part) for part in cut(bars, cuts)]
    repeats = data.draw(st.lists(st.integers(0, len(parts) - 1), max_size=5))
    sequence = list(parts)
    for number in repeats:  # a redelivery comes after the first delivery, at the earliest
        first = next(i for i, part in enumerate(sequence) if part is parts[number])
        sequence.insert(data.draw(st.integers(first + 1, len(sequence))), parts[number])
    assert same_state(deliver(sequence, SMALL)[0], backfill(bars))


@given(accidents(longest=400), st.lists(st.integers(0, 500), min_size=1, max_size=8), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_any_order_gives_the_same_state(bars: Bars, cuts: list[int], shuffled: object) -> None:
    parts = [batch(part) for part in cut(bars, cuts)]
    shuffled.shuffle(parts)  # type: ignore[attr-defined]
    assert same_state(deliver(parts, SMALL)[0], backfill(bars))


@given(st.integers(300, 900), st.integers(0, 2**32 - 1), st.data())
@settings(max_examples=30)
def test_a_correction_gives_the_state_of_the_corrected_history(count: int, seed: int, data: st.DataObject) -> None:
    good = walk(count, seed)
    at = data.draw(st.integers(max(0, count - 200), count - 1))
    bad = Bars(*(getattr(good, f.name).copy() for f in fields(good)))
    columns = {f.name: getattr(bad, f.name).copy() for f in fields(bad)}
    columns["close"][at] = columns["low"][at]
    bad = Bars(**columns)
    state, _ = deliver([batch(bad), batch(good[at : at + 1])], SMALL)
    assert same_state(state, backfill(good))
    assert state.counters.corrected == int(bad.close[at] != good.close[at])


@given(st.integers(300, 900), st.integers(0, 2**32 - 1), st.data())
@settings(max_examples=30)
def test_late_bars_give_the_state_of_the_full_history(count: int, seed: int, data: st.DataObject) -> None:
    bars = walk(count, seed)
    missing = data.draw(st.lists(st.integers(max(0, count - 200), count - 1), min_size=1, max_size=5, unique=True))
    there = np.ones(count, dtype=np.bool_)
    there[missing] = False
    state, _ = deliver([batch(bars[there]), batch(bars[~there])], SMALL)
    assert same_state(state, backfill(bars))


def test_the_same_bars_again_change_nothing_and_call_for_nothing() -> None:
    bars = walk(500)
    before = backfill(bars)
    after, outputs = deliver([batch(bars)], SMALL, before)
    assert outputs == [Absorbed("ABC", 0, len(after.bars), 0, 500 - len(after.bars), None)]
    assert same_state(before, after)
    assert after.counters.duplicate == len(after.bars)


def test_an_older_edition_of_a_bar_does_not_undo_a_correction() -> None:
    wrong, right = walk(200), walk(200)
    wrong = Bars(
        **{f.name: getattr(wrong, f.name) * (2.0 if f.name == "volume" else 1) for f in fields(wrong)} | {"day": wrong.day}
    )
    first, second = dt.date(2025, 1, 1), dt.date(2025, 2, 1)
    state, _ = deliver([batch(wrong, as_of=first), batch(right, as_of=second), batch(wrong, as_of=first)], SMALL)
    assert state.bars == right


# -- What is kept -------------------------------------------------------------------------------------------------------


def test_trimming_depends_on_the_number_of_bars_alone() -> None:
    bars = walk(1200)
    state, _ = deliver([batch(bars[i : i + 1]) for i in range(len(bars))], SMALL)
    assert same_state(state, backfill(bars))
    keep = kept_bars(SMALL)
    assert keep >= SMALL.history_bars
    assert keep <= len(state.bars) < keep + BLOCK_BARS
    assert state.first_index % BLOCK_BARS == 0
    assert state.total_bars == 1200
    assert len(state.snapshots) == -(-len(state.bars) // BLOCK_BARS)


def test_bars_older_than_the_kept_bars_are_counted_and_ignored() -> None:
    bars = walk(1200)
    state = backfill(bars)
    after, outputs = deliver([batch(bars[:300])], SMALL, state)
    assert absorbed(outputs).expired == 300
    assert same_state(after, state)


def test_a_correction_too_old_to_replay_is_refused_by_name() -> None:
    bars = walk(1200)
    state = backfill(bars)
    old = state.bars[10:11]
    changed = replace(old, volume=old.volume * 2)
    after, outputs = deliver([batch(changed)], SMALL, state)
    assert outputs[0] == RejectedBar("ABC", date_of(old.day[0]).isoformat(), TOO_OLD)
    assert same_state(after, state)


# -- The border -----------------------------------------------------------------------------------------------------------


def test_a_bad_bar_is_refused_and_the_others_are_taken() -> None:
    bars = walk(300)
    message = batch(bars)
    message.close[100] = float("nan")
    message.high[200] = 0.01
    state, outputs = deliver([message], SMALL)
    refused = [output for output in outputs if isinstance(output, RejectedBar)]
    assert [bar.date for bar in refused] == [date_of(bars.day[row]).isoformat() for row in (100, 200)]
    keep = np.ones(300, dtype=np.bool_)
    keep[[100, 200]] = False
    assert same_state(state, backfill(bars[keep]))
    assert state.counters.rejected == 2


@pytest.mark.parametrize("size", [STATE_SIZE - 1, STATE_SIZE + 1])
def test_a_stored_rolling_state_of_another_size_never_reaches_compiled_code(size: int) -> None:
    state = backfill(walk(200))
    other = replace(state, feature_state=np.zeros(size), snapshots=np.zeros((len(state.snapshots), size)))
    for damaged in (other, replace(state, snapshots=other.snapshots), replace(state, feature_state=other.feature_state)):
        with pytest.raises(StateCorruptError, match=r"^ABC: its stored rolling state has .* values where this version needs"):
            window_of(damaged, 100)
        with pytest.raises(StateCorruptError, match=r"^ABC: .*delete the state folder and run again"):
            absorb(damaged, batch(walk(201)[200:]), today=TODAY, settings=SMALL)


def test_a_batch_of_bad_bars_creates_no_ticker() -> None:
    message = batch(walk(2))
    message.close[:] = [None, -1.0]
    state, outputs = absorb(None, message, today=TODAY, settings=SMALL)
    assert state is None
    assert len(outputs) == 3


def test_a_bar_of_tomorrow_is_refused() -> None:
    bars = walk(3)
    day = date_of(bars.day[1])
    state, outputs = absorb(None, batch(bars, as_of=day), today=day, settings=SMALL)
    assert state is not None
    assert len(state.bars) == 2
    assert isinstance(outputs[0], RejectedBar)


def test_a_batch_fetched_after_tomorrow_is_refused_whole() -> None:
    bars = walk(3)
    late = batch(bars, as_of=TODAY + dt.timedelta(days=2))
    state, outputs = absorb(None, late, today=TODAY, settings=SMALL)
    assert state is None
    assert [type(output) for output in outputs] == [RejectedBar, RejectedBar, RejectedBar, Absorbed]
    state, _ = absorb(None, batch(bars, as_of=TODAY + dt.timedelta(days=1)), today=TODAY, settings=SMALL)
    assert state is not None  # the clocks of two time zones


def test_splits_that_bring_prices_out_of_range_are_refused_and_change_nothing() -> None:
    bars = walk(300)
    state = deliver([batch(bars[:290], as_of=date_of(bars.day[289]))], SMALL)[0]
    for at in range(290, 300):
        before = state
        split = replace(bars[at : at + 1], split=np.array([9e4]))
        state, outputs = deliver([batch(split, as_of=date_of(bars.day[at]))], SMALL, state)
        if isinstance(outputs[0], RejectedBar):
            break
    assert isinstance(outputs[0], RejectedBar)
    assert "possible range" in outputs[0].reason
    assert same_state(state, before)


def test_the_operator_changes_neither_state_nor_message() -> None:
    bars = walk(400)
    state = backfill(bars[:300])
    copied = TickerState(
        **{f.name: getattr(state, f.name) for f in fields(state)}
        | {"feature_state": state.feature_state.copy(), "snapshots": state.snapshots.copy(), "fetched": state.fetched.copy()}
    )
    message = batch(bars[290:])
    sent = message.close.copy()
    deliver([message], SMALL, state)
    deliver([batch(replace(bars[295:296], volume=bars.volume[295:296] + 1))], SMALL, state)
    assert same_state(state, copied)
    assert message.close == sent
    assert day_number(FETCHED) == state.fetched[-1]
