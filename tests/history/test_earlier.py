"""Rows as of earlier dates: what a run over the bars up to that date would have written, whatever came later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from errors import TooFewBarsError
from history.earlier import earlier_row, state_as_of
from history.forecasting import refresh, training_job
from history.ticker_state import TickerState, same_state
from models.results import TrainedTicker
from models.serving import load_trained
from models.training import train_ticker
from records import EARLIER, BarBatch, Bars, date_of, encode_forecast
from settings import ModelName, Settings
from tests.history.test_lookahead import altered_after
from tests.history.test_splits import live, printed, with_split
from tests.made.bars import TODAY, batch, walk
from tests.made.histories import SMALL, backfill, deliver, due_of
from tests.streams.scenarios import CHEAP

#: A Friday and the days around it: the training of its week is due with the next Monday's bar.
FRIDAY = 459
TWO = CHEAP.model_copy(update={"models": (ModelName.HAR, ModelName.XGBOOST)})


def without_training(state: TickerState) -> TickerState:
    return replace(state, due=None)


def trained_by(state: TickerState, chosen: Settings = CHEAP) -> TrainedTicker:
    return train_ticker(training_job(state, due_of(state), chosen))


def row_as_of(state: TickerState, trained: TrainedTicker | None, bars: Bars, row: int, chosen: Settings = CHEAP) -> bytes:
    loaded = None if trained is None else load_trained(trained)
    return encode_forecast(earlier_row(state, loaded, date_of(bars.day[row]), chosen))


@given(st.integers(0, 2**32 - 1), st.integers(0, 399), st.integers(1, 399), st.sampled_from([1.0, 2.0, 3.0, 0.1]))
@example(seed=1, row=198, at=199, ratio=3.0)
@example(seed=1, row=199, at=199, ratio=3.0)
@settings(max_examples=6)
def test_the_state_is_that_of_the_bars_up_to_the_date(seed: int, row: int, at: int, ratio: float) -> None:
    adjusted = with_split(walk(400, seed), at, ratio)
    days: list[BarBatch] = [*live(printed(adjusted, at, ratio)[:at]), *live(adjusted[at:])]  # type: ignore[list-item]
    whole, _ = deliver(days, SMALL)
    then, _ = deliver(days[: row + 1], SMALL)
    # A session without a bar of its own has the state of the bar before.
    for day in (int(whole.bars.day[row]), int(whole.bars.day[row + 1]) - 1 if row < 399 else 10**6):
        assert same_state(without_training(state_as_of(whole, day)), without_training(then))


def test_prices_that_were_fetched_again_after_a_later_split_stay_on_its_basis() -> None:
    adjusted = with_split(walk(400), 200, 4.0)
    again = batch(adjusted[190:196], as_of=date_of(adjusted.day[210]))
    days = [*live(printed(adjusted, 200, 4.0)[:200]), *live(adjusted[200:211]), again, *live(adjusted[211:])]
    whole, _ = deliver(days, SMALL)  # type: ignore[arg-type]
    assert whole.bars == adjusted
    assert state_as_of(whole, int(adjusted.day[197])).bars == adjusted[:198]


@pytest.mark.parametrize("row", [FRIDAY + 1, FRIDAY + 3])
def test_the_row_is_that_of_a_run_up_to_the_date_with_the_same_models(row: int) -> None:
    bars = walk(FRIDAY + 8, 3)
    assert date_of(bars.day[FRIDAY]).isoweekday() == 5
    state, then = backfill(bars[: FRIDAY + 5], CHEAP), backfill(bars[: row + 1], CHEAP)
    assert due_of(state) == due_of(then)
    trained = trained_by(then)
    assert row_as_of(state, trained, bars, row) == encode_forecast(refresh(then, trained, CHEAP))
    # The models of the week after were trained on later bars.
    later = backfill(bars, CHEAP)
    assert trained_by(later).cutoff > bars.day[row]
    assert row_as_of(later, trained_by(later), bars, row) == encode_forecast(refresh(then, trained, CHEAP))


def test_where_later_models_alone_are_stored_the_baseline_serves_and_the_row_says_so() -> None:
    bars = walk(FRIDAY + 6, 3)
    state, then = backfill(bars, TWO), backfill(bars[:FRIDAY], TWO)
    loaded = load_trained(trained_by(state, TWO))
    row = earlier_row(state, loaded, date_of(bars.day[FRIDAY - 1]), TWO)
    first, *others = row.fallbacks
    assert first.model == EARLIER
    assert f"up to {date_of(bars.day[FRIDAY])}, after that date: the baseline har alone was trained" in first.reason
    assert (row.fallback, row.return_model, others) == (None, "har", [])
    assert row.training_cutoff == date_of(due_of(then).cutoff)
    baseline = train_ticker(replace(training_job(then, due_of(then), TWO), models=(ModelName.HAR,)))
    assert [(opinion.model, opinion.daily_variance) for opinion in row.opinions] == [
        (opinion.model, opinion.daily_variance) for opinion in refresh(then, baseline, TWO).opinions
    ]


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(-10, -2), st.booleans())
@settings(max_examples=6)
def test_no_later_bar_changes_a_bit(seed: int, other: int, back: int, with_models: bool) -> None:
    bars = walk(480, seed)
    row = len(bars) + back
    wild = with_split(altered_after(bars, row + 1, other), row + 1, 2.0)
    trained = trained_by(backfill(bars[: row + 1], CHEAP)) if with_models else None
    whole = row_as_of(backfill(bars, CHEAP), trained, bars, row)
    assert whole == row_as_of(backfill(wild, CHEAP), trained, bars, row)
    assert whole == row_as_of(backfill(bars[: row + 1], CHEAP), trained, bars, row)
    assert whole != row_as_of(backfill(bars, CHEAP), trained, bars, row - 1)


def test_a_corrected_bar_makes_the_row_anew() -> None:
    bars = walk(480, 5)
    state = backfill(bars, CHEAP)
    close = bars.close[470:471].copy() * 1.001
    high = np.maximum(bars.high[470:471], close)
    mended = replace(bars[470:471], close=close, high=high)
    corrected, _ = deliver([batch(mended, as_of=TODAY)], CHEAP, state)
    assert row_as_of(corrected, None, bars, 475) != row_as_of(state, None, bars, 475)
    assert row_as_of(corrected, None, bars, 469) == row_as_of(state, None, bars, 469)


def test_models_of_long_ago_do_not_serve() -> None:
    bars = walk(480, 5)
    row = earlier_row(backfill(bars, CHEAP), load_trained(trained_by(backfill(bars[:400], CHEAP))), date_of(bars.day[470]), TWO)
    assert "other settings" in row.fallbacks[0].reason
    old = earlier_row(
        backfill(bars, TWO), load_trained(trained_by(backfill(bars[:400], TWO), TWO)), date_of(bars.day[470]), TWO
    )
    assert "long before that date" in old.fallbacks[0].reason


def test_what_is_too_young_says_so_as_it_did_then() -> None:
    bars = walk(300, 5)
    row = earlier_row(backfill(bars, CHEAP), None, date_of(bars.day[290]), CHEAP)
    assert encode_forecast(row) == encode_forecast(refresh(backfill(bars[:291], CHEAP), None, CHEAP))
    with pytest.raises(TooFewBarsError, match="no bar up to 2011"):
        earlier_row(backfill(bars, CHEAP), None, date_of(bars.day[0]).replace(year=2011), CHEAP)


def test_bars_that_are_no_longer_kept_are_not_made_up_for() -> None:
    # 630 bars are kept at least, 378 and the context are looked back to.
    bars = walk(1400, 5)
    state = backfill(bars, CHEAP)
    assert state.first_index > 0
    earlier_row(state, None, date_of(bars.day[-10]), CHEAP)
    with pytest.raises(TooFewBarsError, match="raise HISTORY_BARS"):
        earlier_row(state, None, date_of(bars.day[state.first_index + 378 + 200]), CHEAP)
