"""No look-ahead: altered later bars leave everything that was forecast before them the same to the byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history.forecasting import refresh, training_job
from history.ticker_state import TickerState
from history.windows import window_of_bars
from models.results import TrainingJob, encode_trained
from models.training import train_ticker
from records import Bars, encode_forecast
from settings import ModelName, Settings
from tests.made.bars import batch, scaled, walk
from tests.made.histories import deliver, due_of
from tests.streams.scenarios import CHEAP


def altered_after(bars: Bars, row: int, seed: int) -> Bars:
    """The bars up to `row`, and a wholly different market behind it."""
    return Bars.concatenate([bars[:row], scaled(walk(len(bars), seed), slice(None), 5.0)[row:]])


def states_on_the_way(bars: Bars, stops: list[int], chosen: Settings) -> list[TickerState]:
    found, state, begin = [], None, 0
    for stop in stops:
        state, _ = deliver([batch(bars[begin:stop])], chosen, state)
        found.append(state)
        begin = stop
    return found


def rows_on_the_way(bars: Bars, stops: list[int], chosen: Settings) -> list[bytes]:
    return [
        encode_forecast(refresh(state, train_ticker(training_job(state, due_of(state), chosen)), chosen))
        for state in states_on_the_way(bars, stops, chosen)
    ]


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
@settings(max_examples=5)
def test_earlier_rows_stay_the_same_when_later_bars_differ(seed: int, other: int) -> None:
    bars = walk(700, seed)
    stops = [400, 455, 520]
    assert rows_on_the_way(bars, stops, CHEAP) == rows_on_the_way(altered_after(bars, 520, other), stops, CHEAP)
    later = [*stops, 700]
    assert rows_on_the_way(bars, later, CHEAP)[-1] != rows_on_the_way(altered_after(bars, 520, other), later, CHEAP)[-1]


@given(st.integers(0, 2**32 - 1), st.integers(401, 640))
@settings(max_examples=5)
def test_a_window_of_the_past_is_what_was_known_then(seed: int, row: int) -> None:
    # The same training from the stream at that time and from a whole history that was cut there afterwards.
    bars = altered_after(walk(700, seed), row, seed // 2 + 1)
    (state,) = states_on_the_way(bars, [row], CHEAP)
    job = training_job(state, due_of(state), CHEAP)
    cutoff = int((bars.day <= job.window.day[-1]).sum())
    afterwards = window_of_bars("ABC", bars).until(cutoff).last(CHEAP.lookback)
    again = TrainingJob(
        window=afterwards,
        digest=job.digest,
        horizon=job.horizon,
        seed=job.seed,
        models=job.models,
        minimum_bars=job.minimum_bars,
        settings_hash=job.settings_hash,
    )
    assert encode_trained(train_ticker(job)) == encode_trained(train_ticker(again))


@pytest.mark.slow
def test_no_candidate_looks_ahead(tmp_path: Path) -> None:
    every = Settings(models=tuple(ModelName), lookback=504, minimum_bars=504, history_bars=756)
    bars = walk(700, 7)
    assert rows_on_the_way(bars, [560, 600], every) == rows_on_the_way(altered_after(bars, 600, 8), [560, 600], every)
