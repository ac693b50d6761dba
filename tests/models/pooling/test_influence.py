"""The influence of one ticker on the volatilities of the others is bounded, whatever is wrong with its bars."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from models.contract import Window
from models.pooling.cross_section import joint_fit
from models.pooling.influence import ticker_weights
from models.pooling.joint_panel import joint_panel, slopes_within_weeks, week_places
from models.pooling.pool import pool
from models.pooling.terms import TERM_NAMES
from models.results import TrainingJob
from models.serving import make_forecast
from models.training import train_ticker
from records import Forecast
from tests.models.windows import simulated_columns, window_of_columns

BARS, HORIZON, TICKERS = 1016, 21, 60
#: What may go wrong in a ticker's prices: name → factor of each bar (BARS,).
STEPS = np.arange(BARS)
FACTORS = {
    "a hundredfold close": np.where(STEPS == 700, 100.0, 1.0),
    "a week a hundredfold": np.where((STEPS >= 900) & (STEPS < 905), 100.0, 1.0),
    "another unit for good": np.where(STEPS >= 800, 100.0, 1.0),
    "a hundredfold last close": np.where(STEPS == BARS - 1, 100.0, 1.0),
    "a spike each month": np.where(STEPS % 21 == 0, 3.0, 1.0),
    "noise of 10 %": np.exp(0.1 * np.random.default_rng(3).standard_normal(BARS)),
    "halted for months": np.where(STEPS < 600, np.nan, 1.0),
}


def window_of(seed: int, factor: np.ndarray) -> Window:
    day, open_, high, low, close, volume = simulated_columns(BARS, seed=seed, level=0.008 + 0.0001 * seed)
    halted = np.isnan(factor)
    prices = [np.where(halted, close[0] * (1 + 1e-4 * (STEPS % 2)), price * factor) for price in (open_, high, low, close)]
    return window_of_columns(f"T{seed:02d}", day, *prices, volume)


def row_of(window: Window) -> Forecast:
    known = window.last(756)
    job = TrainingJob(known, b"", HORIZON, 0, ("har", "xgboost"), 504, "hash")
    return make_forecast(known, train_ticker(job), horizon=HORIZON, settings_hash="hash", minimum_bars=504, hold_back=False)


@functools.cache
def good_rows() -> tuple[Forecast, ...]:
    return tuple(row_of(window_of(seed, np.ones(BARS))) for seed in range(TICKERS))


def volatilities(rows: list[Forecast]) -> np.ndarray:
    return np.array([row.annual_volatility for row in pool(rows)])


def garbage(kind: str, seed: int) -> Window:
    """Bars that say nothing, in the place of a ticker's."""
    rng = np.random.default_rng(seed)
    day, _, _, _, close, volume = simulated_columns(BARS, seed=seed)
    steps = {
        "constant": np.zeros(BARS),
        "nearly constant": np.where(STEPS % 2 == 0, 1e-4, -1e-4),
        "a random walk of 50 %": 0.03 * rng.standard_normal(BARS),
        "a random walk of 300 %": 0.2 * rng.standard_normal(BARS),
        "noise with jumps": np.diff(
            0.05 * rng.standard_normal(BARS + 1) + (rng.random(BARS + 1) < 0.02) * rng.normal(0.0, 1.0)
        ),
        "a steady rise": np.full(BARS, 0.006),
        "now calm, now wild": np.where(STEPS // 63 % 2 == 0, 0.002, 0.05) * rng.standard_normal(BARS),
    }[kind]
    price = close[0] * np.exp(np.cumsum(steps))
    return window_of_columns("T00", day, price, price, price, price, volume)


GARBAGE = (
    "constant",
    "nearly constant",
    "a random walk of 50 %",
    "a random walk of 300 %",
    "noise with jumps",
    "a steady rise",
    "now calm, now wild",
)


@functools.cache
def bad_row(kind: str) -> Forecast:
    """The row of T00, or of what stands in its place."""
    return row_of(window_of(0, FACTORS[kind]) if kind in FACTORS else garbage(kind, seed=0))


@functools.cache
def young_row(bars: int) -> Forecast:
    """A ticker without a trained model, for want of bars."""
    window = window_of_columns(f"YOUNG{bars}", *(column[-bars:] for column in simulated_columns(BARS, seed=98)))
    return row_of(window)


@functools.cache
def row_without_volumes() -> Forecast:
    columns = simulated_columns(BARS, seed=99)
    columns[5][:] = 0.0
    return row_of(window_of_columns("SILENT", *columns))


@given(
    st.integers(2, TICKERS),
    st.integers(0, 2**32 - 1),
    st.sampled_from((*FACTORS, *GARBAGE)),
    st.sampled_from((25, 40, 120, 300)),
)
def test_no_bad_ticker_moves_another_by_more_than_two_percent(count: int, seed: int, wrong: str, young: int) -> None:
    """Nor a young one, nor one without volumes: in tables of any size, with garbage in the place of a sound ticker."""
    odd, *others = good_rows()
    chosen = [others[k] for k in sorted(np.random.default_rng(seed).choice(len(others), count - 1, replace=False))]
    for beside in ([], [young_row(young)], [young_row(young), row_without_volumes()]):
        before = volatilities([odd, *chosen, *beside])[1:]
        after = volatilities([bad_row(wrong), *chosen, *beside])[1:]
        assert np.abs(after / before - 1.0).max() < 0.02


def test_least_squares_alone_would_follow_the_bad_ticker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the weights are for in tables that are large enough for slopes of their own."""
    monkeypatch.setattr("models.pooling.joint_panel.own_share", lambda _: 1.0)
    clean = joint_fit(good_rows())
    fit = joint_fit([bad_row("a spike each month"), *good_rows()[1:]])
    assert fit.weight[0] < 0.01
    unweighted = fit.panel._replace(weight=np.ones(len(fit.panel.target)))
    followed = np.abs(slopes_within_weeks(unweighted) - clean.apart)[1:].max()
    assert followed > 5.0 * np.abs(fit.apart - clean.apart)[1:].max()


def test_sound_tickers_count_fully() -> None:
    weight = ticker_weights(joint_panel(good_rows()))
    assert weight.mean() > 0.9
    assert np.count_nonzero(weight == 1.0) > 0.8 * TICKERS


def test_tickers_with_volumes_count_among_tickers_without() -> None:
    panel = joint_panel(good_rows()[:20])
    lacking = panel.terms.copy()
    lacking[panel.counts[:3].sum() :, TERM_NAMES.index("season_volume")] = 0.0
    assert ticker_weights(panel._replace(terms=lacking))[:3].min() > 0.1


def test_terms_that_never_vary_are_no_error() -> None:
    panel = joint_panel(good_rows()[:5])
    assert ticker_weights(panel._replace(terms=np.zeros_like(panel.terms))).min() > 0.0


@given(st.lists(st.integers(2000, 2100), max_size=40))
def test_weeks_have_the_places_of_a_sorted_list(weeks: list[int]) -> None:
    given_weeks = np.array(weeks, dtype=np.int32)
    np.testing.assert_array_equal(week_places(given_weeks), np.unique(given_weeks, return_inverse=True)[1])


def test_two_tickers_do_not_say_which_is_odd() -> None:
    bad = row_of(window_of(0, FACTORS["a spike each month"]))
    assert ticker_weights(joint_panel([bad, good_rows()[1]])).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("count", [2, 5])
def test_young_tickers_without_a_row_of_the_panel_are_pooled(count: int) -> None:
    """Some weeks more than a model needs give a trained model, and no row yet."""
    young = [
        replace(row, pool=replace(row.pool, panel=b"", weeks=b"", deltas=dict.fromkeys(row.pool.deltas, b"")))
        for row in good_rows()[:count]
        if row.pool is not None
    ]
    assert np.isfinite(volatilities(young)).all()
    old = list(good_rows()[count : count + 4])
    assert np.isfinite(volatilities([*young, *old])).all()
