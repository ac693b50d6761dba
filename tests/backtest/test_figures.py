"""Figures and intervals against closed forms and simulations."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

from backtest.bootstrap import BLOCK, block_counts, break_even_cost, differences
from backtest.figures import (
    bias_statistic,
    by_year,
    crisis_returns,
    figures_of,
    largest_drawdown,
    monthly_returns,
    qlike,
    risk_ratios,
)
from backtest.market import Market
from backtest.runs import Run, Trade
from tests.made.market import bars_of, weekdays


def market_of(days: int, first: dt.date = dt.date(2015, 1, 1)) -> Market:
    day = weekdays(days, first)
    return Market.of({"AAA": bars_of(day, np.full(days, 10.0)), "BBB": bars_of(day, np.full(days, 10.0))})


def run_of(wealth: np.ndarray, trades: list[Trade] | None = None) -> Run:
    first = Trade(0, np.array([0.5, 0.5]), 1.0, 0.0, 0.2, "")
    return Run("max_sharpe", False, 0, 0, np.asarray(wealth, float), tuple(trades or [first]))


def test_the_drawdown_has_its_days():
    market = market_of(7)
    found = largest_drawdown(market, run_of(np.array([1.0, 1.2, 0.9, 0.6, 1.0, 1.3, 1.2])))
    assert found.depth == pytest.approx(-0.5)
    assert (found.high, found.low, found.recovered) == (market.date(1), market.date(3), market.date(5))
    assert largest_drawdown(market, run_of(np.array([1.0, 1.2, 0.9, 0.6, 1.0, 1.1, 1.15]))).recovered is None


def test_monthly_returns_multiply_to_the_whole():
    market = market_of(90)
    wealth = np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.01, 90)))
    months = monthly_returns(market, run_of(wealth))
    assert math.prod(1 + value for value in months.values()) == pytest.approx(wealth[-1] / wealth[0])
    assert next(iter(months)) == "2015-01"


def test_a_crisis_is_reported_only_where_it_is_covered_whole():
    market = market_of(600, dt.date(2015, 1, 1))
    found = crisis_returns(market, run_of(np.linspace(1, 2, 600)))
    assert found["China devaluation"] > 0
    assert found["Global financial crisis"] is None


def test_a_right_prediction_has_a_bias_of_one_and_a_small_qlike(rng):
    days, every = 252 * 30, 21
    market = market_of(days + 1)
    per_year = market.days_per_year(0, days)
    wealth = np.exp(np.concatenate([[0.0], np.cumsum(rng.normal(0, 0.2 / math.sqrt(per_year), days))]))
    trades = [Trade(row, np.array([1.0, 0.0]), 0.1, 0.0, 0.2, "") for row in range(0, days, every)]
    ratios = risk_ratios(market, run_of(wealth, trades))
    assert bias_statistic(ratios) == pytest.approx(1.0, abs=0.03)
    # The mean over 21 days of squared normals: E x - log x - 1 is about 1/21.
    assert qlike(ratios) == pytest.approx(1 / 21, abs=0.01)
    double = [Trade(t.row, t.weights, t.turnover, t.cost, 0.4, "") for t in trades]
    assert bias_statistic(risk_ratios(market, run_of(wealth, double))) == pytest.approx(0.5, abs=0.02)
    assert set(by_year(ratios)) == {market.date(t.row).year for t in trades}


def test_costs_are_no_realised_risk():
    market = market_of(43)
    wealth = np.ones(43)
    wealth[1:] *= 0.99
    wealth[21:] *= 0.98
    trades = [
        Trade(0, np.array([1.0, 0.0]), 1.0, 0.01, 0.2, ""),
        Trade(21, np.array([1.0, 0.0]), 1.0, 0.99 * 0.02, 0.2, ""),
    ]
    assert all(ratio.realised < 1e-25 for ratio in risk_ratios(market, run_of(wealth, trades)))


def test_figures_are_of_the_run(rng):
    market = market_of(505)
    wealth = np.exp(np.concatenate([[0.0], np.cumsum(rng.normal(0.0004, 0.01, 504))]))
    weights = np.array([0.75, 0.25])
    trades = [Trade(0, weights, 1.0, 0.001, 0.2, ""), Trade(252, weights, 0.4, 0.0004, 0.2, "instead")]
    figures = figures_of(market, run_of(wealth, trades), 0.0)
    years = (market.date(504) - market.date(0)).days / 365.25
    assert figures.annual_return == pytest.approx(wealth[-1] ** (1 / years) - 1)
    assert (figures.turnover, figures.first_turnover, figures.replaced) == (0.4, 1.0, 1)
    assert figures.effective_holdings == pytest.approx(1 / (0.75**2 + 0.25**2))
    assert figures.largest_weight == 0.75
    assert figures.cost_drag == pytest.approx((0.001 + 0.0004 / wealth[252]) / years, rel=1e-2)


def test_every_day_is_drawn_equally_often_and_in_blocks():
    counts = block_counts(100, draws=3000)
    assert (counts.sum(axis=1) == 100).all()
    assert np.abs(counts.mean(axis=0) - 1.0).max() < 0.15
    # Neighbours are drawn together: their counts move together far more than those of days half a year apart.
    together = np.corrcoef(counts[:, 30], counts[:, 31])[0, 1]
    assert together > 0.8
    assert np.corrcoef(counts[:, 30], counts[:, 30 + 2 * BLOCK])[0, 1] < 0.3


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    inside, trials = 0, 120
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        market = rng.normal(0, 0.01, 750)
        ours = market + rng.normal(0.0002, 0.004, 750)
        rival = market + rng.normal(0.0002, 0.004, 750)
        returns = {"a": ours[:, None], "b": rival[:, None]}
        (found,) = differences(returns, np.zeros(750), 252.0, [("a", "b")], seed=seed)
        inside += found.sharpe_interval[0] <= 0.0 <= found.sharpe_interval[1]
    assert 0.85 <= inside / trials <= 1.0


def test_a_large_difference_is_proven_and_its_sign_is_right(rng):
    common = rng.normal(0, 0.01, (1500, 1))
    returns = {"a": common + 0.001 + rng.normal(0, 0.001, (1500, 3)), "b": 1.5 * common + rng.normal(0, 0.001, (1500, 3))}
    better, worse = differences(returns, np.zeros(1500), 252.0, [("a", "b"), ("b", "a")])
    assert (better.verdict, worse.verdict) == ("better", "worse")
    assert better.volatility_ratio == pytest.approx(2 / 3, abs=0.02)
    assert better.volatility_ratio_interval[1] < 0.75
    assert better.annual_return == pytest.approx(-worse.annual_return)


def test_the_same_strategy_has_no_difference(rng):
    returns = rng.normal(0, 0.01, (300, 2))
    (found,) = differences({"a": returns, "b": returns.copy()}, np.zeros(300), 252.0, [("a", "b")])
    assert found.sharpe == 0.0
    assert found.verdict == "no proven difference"


def test_copies_of_a_universe_prove_nothing_more(rng):
    one = {"a": rng.normal(0.0004, 0.01, (500, 1)), "b": rng.normal(0, 0.01, (500, 1))}
    many = {name: np.repeat(values, 20, axis=1) for name, values in one.items()}
    (single,), (copied,) = (differences(r, np.zeros(500), 252.0, [("a", "b")]) for r in (one, many))
    np.testing.assert_allclose(copied.sharpe_interval, single.sharpe_interval, rtol=1e-9)


def test_break_even_cost_is_where_the_advantage_is_spent():
    assert break_even_cost(0.01, 5.0) == pytest.approx(0.002)
    assert break_even_cost(0.01, 0.0) is None
