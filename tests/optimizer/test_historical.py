"""Estimates from past prices alone: never a promise made of a few lucky weeks, and the classic mean over many years."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.historical import past_estimates, shared_error
from optimizer.prices import PriceTable, Series
from tests.made.market import bars_of, shrunk_means, weekdays


def prices_of(log_return: np.ndarray) -> PriceTable:
    """Prices of T returns of n tickers, (T, n); those before a ticker's first finite return are missing."""
    day = weekdays(len(log_return) + 1)
    series = {}
    for number, column in enumerate(log_return.T):
        own = column[np.isfinite(column)]
        close = 100.0 * np.exp(np.concatenate([[0.0], np.cumsum(own)]))
        series[f"T{number}"] = Series(day[-len(close) :], close)
    return PriceTable.of(series)


def expected(log_return: np.ndarray, center: float | None = None) -> list[float]:
    estimates, refused = past_estimates(prices_of(log_return), center)
    assert not refused
    return [estimate.annual_return for estimate in estimates.values()]


def rally(days: int, tickers: int, *, daily: float, seed: int = 3) -> np.ndarray:
    """Weeks in which all rise, exactly by `daily` on average, most of it together."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 0.01, (days, 1)) + rng.normal(0, 0.012, (days, tickers))
    return noise - noise.mean(axis=0) + daily


@pytest.mark.parametrize("daily", [0.005, -0.005])
@pytest.mark.parametrize("days", [21, 45])
@pytest.mark.parametrize("tickers", [1, 2, 3, 30, 200])
def test_a_few_weeks_promise_nothing_however_many_tickers_shared_them(daily, days, tickers):
    returns = expected(rally(days, tickers, daily=daily))
    assert abs(np.expm1(rally(days, tickers, daily=daily)).mean() * 252) > 1.2
    assert np.abs(returns).max() < 0.2
    assert (np.sign(returns) == np.sign(daily)).all()


def test_many_years_leave_most_of_the_common_mean():
    returns = expected(rally(2520, 30, daily=0.0004))
    assert 0.7 < np.mean(returns) / 0.12 < 1.0


@pytest.mark.parametrize(("days", "left"), [(42, 0.06), (252, 0.24), (1260, 0.49), (2520, 0.60)])
def test_what_is_left_of_one_share_s_mean_is_what_the_documents_say(days, left):
    noise = np.tile([1.0, -1.0], (1, days // 2)).T * 0.25 / np.sqrt(252)
    assert expected(noise + 0.0004)[0] / (np.expm1(noise + 0.0004).mean() * 252) == pytest.approx(left, abs=0.01)


@pytest.mark.parametrize("tickers", [1, 2, 7])
def test_the_numbers_are_those_of_the_formula(tickers):
    log_return = rally(400, tickers, daily=0.0004, seed=9)
    log_return += np.linspace(-0.0002, 0.0002, tickers)
    np.testing.assert_allclose(expected(log_return), shrunk_means(np.expm1(log_return)), rtol=1e-9)


@pytest.mark.parametrize("good", [1, 2, 3])
@pytest.mark.parametrize("wild", ["jump", "rocket"])
def test_a_wild_ticker_does_not_move_the_others_far(good, wild):
    calm = rally(500, good, daily=0.0003)
    odd = np.zeros((500, 1)) if wild == "jump" else rally(500, 1, daily=0.01, seed=8)
    odd += 1e-4 * np.cos(np.arange(500)).reshape(-1, 1)
    if wild == "jump":
        odd[250] += np.log(100.0)
    *beside, _ = expected(np.hstack([calm, odd]))
    np.testing.assert_allclose(beside, expected(calm), atol=0.13)


def test_no_estimate_is_beyond_doubling_and_it_says_so():
    smooth = np.full((300, 1), np.log(1.01)) + 1e-5 * np.cos(np.arange(300)).reshape(-1, 1)
    (estimate,) = past_estimates(prices_of(smooth), None)[0].values()
    assert estimate.annual_return == 1.0
    assert "+100% is served" in estimate.shrinkage


def test_the_shared_error_is_the_covariance_of_the_means():
    simple = np.expm1(rally(250, 6, daily=0.001))
    covariance = np.cov(simple.T, bias=True) * 252**2 / 250
    weight = 1.0 / (np.diag(covariance) + 0.15**2)
    weight /= weight.sum()
    off_diagonal = covariance - np.diag(np.diag(covariance))
    shared = shared_error(simple, np.sqrt(np.diag(covariance)))
    assert shared == pytest.approx(np.sqrt(weight @ off_diagonal @ weight), rel=1e-9)
    assert shared_error(simple[:, :1], np.array([0.3])) == pytest.approx(0.0, abs=1e-7)


def test_young_tickers_share_their_weeks_beside_an_old_one():
    log_return = rally(1260, 30, daily=0.0003)
    log_return[-30:] = rally(30, 30, daily=0.005)
    log_return[:-30, 1:] = np.nan
    assert np.abs(expected(log_return)).max() < 0.3


def test_beside_forecasts_the_centre_is_theirs_and_the_reason_gives_all_numbers():
    log_return = rally(60, 1, daily=0.004)
    (estimate,) = past_estimates(prices_of(log_return), 0.08)[0].values()
    simple = np.expm1(log_return)
    own, error = simple.mean() * 252, simple.std(ddof=1) * 252 / np.sqrt(60)
    assert estimate.annual_return == pytest.approx(0.08 + 0.05**2 / (0.05**2 + error**2) * (own - 0.08), rel=1e-9)
    assert estimate.shrinkage == f"its mean return of {own:.1%} ± {error:.1%} is shrunk towards the forecasts' 8.0%"


def test_what_does_not_move_is_refused_and_the_others_are_not():
    day = weekdays(60)
    moving = bars_of(day, 100.0 + np.cos(np.arange(60)))
    table = PriceTable.of(
        {"AAA": Series(day, moving.close), "STILL": Series(day, np.full(60, 5.0)), "NEW": Series(day[:9], moving.close[:9])}
    )
    estimates, refused = past_estimates(table, None)
    assert list(estimates) == ["AAA"]
    assert set(refused) == {"STILL", "NEW"}
