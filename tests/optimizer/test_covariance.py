"""Correlations of de-volatilised returns, volatilities blended and levelled: against the published formulas, and ragged."""

from __future__ import annotations

import datetime as dt
import importlib.util

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import NoDataError
from optimizer.correlation import common_days
from optimizer.covariance import (
    CLIP,
    CORRELATION_BARS,
    HALF_LIFE,
    MINIMUM_COMMON_DAYS,
    VOLATILITY_HALF_LIFE,
    WARM_UP,
    Comovement,
    comovement,
    covariance_of,
    devolatilised,
)
from optimizer.prices import PriceTable
from records import TRADING_DAYS, date_of
from tests.conftest import ROOT
from tests.made.market import made_bars, made_rows, weekdays

REFERENCE = ROOT.parent / "shared" / "research" / "covariance.py"


def returns_of(rng: np.random.Generator, days: int, n: int) -> np.ndarray:
    market = rng.normal(0, 0.01, (days, 1)) * np.exp(np.sin(np.arange(days) / 40))[:, None]
    return market * rng.uniform(0.3, 1.5, n) + rng.normal(0, 0.01, (days, n))


def table_of(log_returns: np.ndarray) -> PriceTable:
    close = 100.0 * np.exp(np.vstack([np.zeros(log_returns.shape[1]), log_returns]).cumsum(axis=0))
    return PriceTable(tuple(f"T{k}" for k in range(close.shape[1])), weekdays(len(close)), close)


def by_loops(log_returns: np.ndarray) -> np.ndarray:
    """The correlation of the last CORRELATION_BARS days, one pair and one day at a time."""
    days, n = log_returns.shape
    decay = 0.5 ** (1 / VOLATILITY_HALF_LIFE)
    scaled = np.empty_like(log_returns)
    for i in range(n):
        variances = [
            np.average(log_returns[:t, i] ** 2, weights=decay ** np.arange(t)[::-1]) for t in range(VOLATILITY_HALF_LIFE, days)
        ]
        variances = [variances[0]] * VOLATILITY_HALF_LIFE + variances
        scaled[:, i] = np.clip(log_returns[:, i] / np.sqrt(variances), -CLIP, CLIP)
    scaled = scaled[-CORRELATION_BARS:]
    w = 0.5 ** (np.arange(len(scaled))[::-1] / HALF_LIFE)
    w /= w.sum()
    z = (scaled - np.average(scaled, axis=0, weights=w)) / np.sqrt(
        np.average((scaled - np.average(scaled, axis=0, weights=w)) ** 2, axis=0, weights=w)
    )
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    sample = {(i, j): float(np.sum(w * z[:, i] * z[:, j])) for i, j in pairs}
    target = np.mean(list(sample.values()))
    error = np.mean([np.sum(w**2 * ((z[:, i] * z[:, j]) ** 2 - sample[i, j] ** 2)) for i, j in pairs])
    share = min(1.0, error / np.mean([(r - target) ** 2 for r in sample.values()]))
    shrunk = np.eye(n)
    for pair, r in sample.items():
        shrunk[pair] = share * target + (1 - share) * r
    return shrunk


def test_complete_histories_give_what_the_formulas_say(rng):
    log_returns = returns_of(rng, CORRELATION_BARS + WARM_UP, 5)
    np.testing.assert_allclose(comovement(table_of(log_returns)).correlation, by_loops(log_returns), atol=1e-10)


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference construction in ../shared is not here")
def test_complete_histories_agree_with_the_confirmed_construction(rng):
    spec = importlib.util.spec_from_file_location("confirmed_covariance", REFERENCE)
    confirmed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(confirmed)
    log_returns = returns_of(rng, CORRELATION_BARS + WARM_UP, 12)
    served = rng.uniform(0.1, 0.6, 12)
    ours = comovement(table_of(log_returns))
    used = covariance_of(ours.volatilities(served), ours.correlation)
    np.testing.assert_allclose(used, confirmed.covariance(log_returns, served), rtol=1e-9)


@given(st.integers(0, 1000), st.integers(1, 6))
def test_the_level_is_that_of_the_forecasts_and_one_ticker_keeps_its_own(seed, n):
    rng = np.random.default_rng(seed)
    served = rng.uniform(0.05, 0.8, n)
    past = Comovement(np.eye(n), rng.uniform(0.02, 3.0, n), rng.uniform(0, 1, n))
    used = past.volatilities(served)
    assert np.log(used).mean() == pytest.approx(np.log(served).mean())
    assert np.log(used / served).max() - np.log(used / served).min() <= np.log(4.0) + 1e-9
    if n == 1:
        assert used[0] == pytest.approx(served[0], rel=1e-12)


def test_a_ticker_without_a_past_keeps_its_forecast_beside_others():
    served = np.array([0.2, 0.3])
    used = Comovement(np.eye(2), np.array([np.nan, 0.3]), np.array([0.0, 1.0])).volatilities(served)
    np.testing.assert_allclose(used, served)


@given(st.integers(0, 1000), st.integers(30, 400), st.integers(2, 12), st.floats(0, 0.6), st.booleans())
def test_ragged_histories_give_a_positive_definite_matrix(seed, days, n, gaps, frozen):
    rng = np.random.default_rng(seed)
    table = table_of(returns_of(rng, days, n))
    close = table.close.copy()
    if frozen:
        close[:, 0] = 50.0
    missing = rng.random(close.shape) < gaps
    missing[-1] = False
    missing[:, -1] = False
    close[missing] = np.nan
    ragged = PriceTable(table.tickers, table.day, close)
    days = common_days(ragged.log_returns())
    if days[~np.eye(n, dtype=bool)].max() < MINIMUM_COMMON_DAYS:
        with pytest.raises(NoDataError, match="in common"):
            comovement(ragged)
        return
    together = comovement(ragged)
    assert np.linalg.eigvalsh(together.correlation).min() > 1e-5
    np.testing.assert_allclose(np.diag(together.correlation), 1.0)
    assert (np.abs(together.correlation) <= 1 + 1e-12).all()


def test_days_of_others_do_not_age_a_ticker(rng):
    own = returns_of(rng, 300, 1)
    sparse = np.full((600, 1), np.nan)
    sparse[::2] = own
    np.testing.assert_allclose(devolatilised(sparse)[::2], devolatilised(own))
    assert np.isnan(devolatilised(sparse)[1::2]).all()


def test_bars_before_the_window_change_nothing(rng):
    log_returns = returns_of(rng, CORRELATION_BARS + WARM_UP + 200, 4)
    whole, late = comovement(table_of(log_returns)), comovement(table_of(log_returns[200:]))
    np.testing.assert_allclose(whole.correlation, late.correlation, rtol=1e-9)
    np.testing.assert_allclose(whole.long_run, late.long_run, rtol=1e-9)
    assert late.long_run == pytest.approx(log_returns[-CORRELATION_BARS:].std(axis=0) * np.sqrt(TRADING_DAYS))


def test_a_short_request_uses_the_history_before_it(optimizer_of, asked):
    bars = made_bars(count=700)
    optimizer = optimizer_of(bars, made_rows(bars))
    whole = optimizer.optimize(asked(bars))
    start = date_of(bars["AAA"].day[-4])
    short = optimizer.optimize(asked(bars, start_date=start.isoformat()))
    assert short["risk"] == pytest.approx(whole["risk"], rel=1e-9)
    assert short["weights"] == whole["weights"]


def test_too_few_bars_of_all_are_refused_with_the_reason(optimizer_of, asked):
    bars = {ticker: held[np.arange(300) % 2 == side] for side, (ticker, held) in enumerate(made_bars(("AAA", "BBB")).items())}
    rows = made_rows(bars)
    with pytest.raises(NoDataError, match=r"at most 0 returns in common .* 20 needed"):
        optimizer_of(bars, rows).optimize(asked(bars))


def test_the_volatilities_of_a_result_are_those_of_its_risk(optimizer_of, asked):
    bars = made_bars(count=900)
    optimizer = optimizer_of(bars, made_rows(bars))
    request = asked(bars)
    result = optimizer.optimize(request)
    held = list(result["weights"])
    table = optimizer._market.prices(list(bars), request.start_date, request.end_date).table
    together = comovement(table)
    columns = [table.tickers.index(ticker) for ticker in held]
    volatility = np.array([result["forecasts"][ticker]["expected_volatility"] for ticker in held])
    weights = np.array(list(result["weights"].values()))
    covariance = covariance_of(volatility, together.correlation[np.ix_(columns, columns)])
    assert result["risk"] == pytest.approx(float(np.sqrt(weights @ covariance @ weights)), rel=1e-9)
    assert all(basis["forecast_volatility"] != basis["expected_volatility"] for basis in result["forecasts"].values())


def test_the_first_possible_end_date_is_not_before_the_calendar(optimizer_of, asked):
    bars = made_bars(count=60)
    with pytest.raises(NoDataError):
        optimizer_of(bars, made_rows(bars)).optimize(
            asked(bars, start_date=dt.date(1, 1, 1).isoformat(), end_date=dt.date(1, 1, 5).isoformat())
        )
