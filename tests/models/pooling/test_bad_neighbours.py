"""One bad ticker beside one, two or three good tickers: an investor in the good tickers must see nothing of it."""

from __future__ import annotations

import functools
import itertools
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.contract import Window
from models.pooling.pool import pool
from models.pooling.shrinkage import HUBER_BOUND, PRIOR_ANNUAL_MEAN
from models.results import TrainingJob
from models.serving import make_forecast
from models.training import train_ticker
from records import RETURN_LIMITED, Forecast
from settings import ModelName
from tests.models.windows import simulated_columns, window_of_columns

BARS, HORIZON = 1016, 21
GOOD = ("T0", "T1", "T2")
#: Name → from which bar on, to which, and by how much its prices are multiplied.
TIMES = {
    "a hundredfold close": (700, 701, 100.0),
    "a week a hundredfold": (900, 905, 100.0),
    "another unit for good": (800, BARS, 100.0),
    "eightfold in a day": (BARS - 10, BARS, 8.0),
    "a fifth in a day": (BARS - 1, BARS, 0.2),
}
ROCKET = "0.6 % a day"
BAD = (*TIMES, ROCKET)


def bars_of(name: str) -> Window:
    seed = GOOD.index(name) if name in GOOD else 10 + BAD.index(name)
    columns = simulated_columns(BARS, seed=seed, level=0.012)
    if name == ROCKET:
        factor = np.exp(0.006 * np.arange(BARS))
    else:
        factor = np.ones(BARS)
        if name in TIMES:
            start, stop, times = TIMES[name]
            factor[start:stop] = times
    day, open_, high, low, close, volume = columns
    return window_of_columns(name, day, factor * open_, factor * high, factor * low, factor * close, volume)


@functools.cache
def row_of(name: str, *models: ModelName) -> Forecast:
    window = bars_of(name).last(756)
    job = TrainingJob(
        window=window, digest=b"", horizon=HORIZON, seed=0, models=("har", *models), minimum_bars=504, settings_hash="hash"
    )
    # Without the hold-back of doubtful series, as a setting allows: pooling must stand such rows too.
    return make_forecast(window, train_ticker(job), horizon=HORIZON, settings_hash="hash", minimum_bars=504, hold_back=False)


@functools.cache
def young_row_of(name: str) -> Forecast:
    window = bars_of(name).last(60)
    return make_forecast(window, None, horizon=HORIZON, settings_hash="hash", minimum_bars=504, hold_back=False)


def annual_return(row: Forecast) -> float:
    assert row.annual_return is not None
    return row.annual_return


def annual_volatility(row: Forecast) -> float:
    assert row.annual_volatility is not None
    return row.annual_volatility


def check_good(row: Forecast) -> None:
    own = row_of(row.ticker)
    assert abs(annual_return(row)) < 0.25
    assert 0.6 < annual_volatility(row) / annual_volatility(own) < 1.7
    assert row.lower_95 is not None
    assert row.upper_95 is not None
    deviation = annual_volatility(own) * math.sqrt(HORIZON / 252)
    assert -5.0 * deviation < row.lower_95 < row.upper_95 < 5.0 * deviation


@pytest.mark.parametrize("good", [1, 2, 3])
@pytest.mark.parametrize("bad", BAD)
def test_among_two_three_and_four(bad: str, good: int) -> None:
    *others, odd = pool([*(row_of(name) for name in GOOD[:good]), row_of(bad)])
    for row in others:
        assert row.pooled_tickers == good + 1
        check_good(row)
    assert abs(annual_return(odd)) < 0.4


@pytest.mark.parametrize("pair", list(itertools.combinations(BAD, 2)), ids=" and ".join)
def test_among_four_of_which_two_are_bad(pair: tuple[str, str]) -> None:
    good = pool([*(row_of(name) for name in GOOD[:2]), *(row_of(bad) for bad in pair)])[:2]
    for row in good:
        assert abs(annual_return(row)) < 0.35
        assert 0.5 < annual_volatility(row) / annual_volatility(row_of(row.ticker)) < 2.3


@pytest.mark.parametrize("bad", BAD)
def test_a_young_one_moves_nobody_and_is_served_no_wonder(bad: str) -> None:
    good = [row_of(name) for name in GOOD[:2]]
    *others, young = pool([*good, young_row_of(bad)])
    assert others == pool(good)
    assert abs(annual_return(young)) < 0.25


@settings(max_examples=100, deadline=None)
@given(st.floats(-1e4, 1e4), st.floats(0.0, 1e8), st.integers(2, 3))
def test_no_mean_whatever_moves_another_by_more_than_the_bound(mean: float, variance: float, good: int) -> None:
    rows = [row_of(name) for name in GOOD[:good]]
    odd = row_of("a hundredfold close")
    assert odd.pool is not None
    wild = msgspec.structs.replace(odd.pool, mean_return=mean, mean_return_variance=variance)
    *moved, _ = pool([*rows, msgspec.structs.replace(odd, pool=wild)])
    for before, after in zip(pool(rows), moved, strict=True):
        assert abs(annual_return(after) - annual_return(before)) <= HUBER_BOUND * PRIOR_ANNUAL_MEAN


def test_years_of_such_a_rise_are_limited_and_the_row_says_so() -> None:
    alone = row_of(ROCKET, "arima")
    assert annual_return(alone) == 1.0
    assert [step.model for step in alone.fallbacks] == [RETURN_LIMITED]
    assert alone.upper_80 is not None
    assert alone.upper_80 < 0.35
    beside = pool([alone, row_of("T0", "arima")])
    assert abs(annual_return(beside[1])) < 0.3
    assert pool(beside) == beside
