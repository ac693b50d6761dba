"""From what is held to what is wanted: the partial step, its goals and limits, whole shares, views of the caller."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import RequestError
from optimizer.trading import STEP, partial_step, step_within, whole_shares
from tests.made.market import made_bars, made_rows

BARS = made_bars()


def test_half_of_the_way_and_cash_is_invested_at_once():
    wanted = np.array([0.0, 0.5, 0.5])
    np.testing.assert_allclose(partial_step(np.array([1.0, 0.0, 0.0]), wanted), [0.5, 0.25, 0.25])
    np.testing.assert_allclose(partial_step(np.zeros(3), wanted), wanted)
    np.testing.assert_allclose(partial_step(np.array([0.5, 0.0, 0.0]), wanted), [0.25, 0.375, 0.375])
    assert STEP == 0.5


def test_the_smallest_step_that_keeps_the_goal():
    held, wanted = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    weights, step = step_within(held, wanted, lambda w: w[1] >= 0.7)
    assert step == pytest.approx(0.7)
    np.testing.assert_allclose(weights, [0.3, 0.7])
    assert step_within(held, wanted, lambda w: w[1] >= 0.2)[1] == STEP
    assert step_within(held, wanted, lambda w: w[1] >= 1.0)[1] == pytest.approx(1.0)


@given(st.integers(0, 10_000), st.integers(1, 40), st.floats(1, 1e7))
def test_whole_shares_never_spend_more_than_the_budget_nor_leave_more_than_needed(seed, n, budget):
    rng = np.random.default_rng(seed)
    weights, price = rng.dirichlet(np.ones(n)), rng.uniform(1, 3000, n)
    shares, cash = whole_shares(weights, price, budget)
    assert cash >= -1e-9 * budget
    assert cash == pytest.approx(budget - float(shares @ price), abs=1e-9 * budget)
    assert (np.abs(shares * price - weights * budget) <= price * (1 + 1e-9)).all()
    # What is bought no more of is either at its weight or dearer than the cash.
    assert all(shares[k] * price[k] >= weights[k] * budget - 1e-6 or price[k] > cash for k in range(n))


def test_without_a_cost_the_portfolio_goes_half_of_the_way(optimizer_of, asked):
    optimizer = optimizer_of(BARS, made_rows(BARS))
    free = optimizer.optimize(asked(BARS))
    worst = min(BARS, key=lambda ticker: free["weights"].get(ticker, 0.0))
    held = optimizer.optimize(asked(BARS, current_weights={worst: 1.0}))
    assert held["trading_step"] == 0.5
    assert held["weights"][worst] == pytest.approx(0.5 + 0.5 * free["weights"].get(worst, 0.0), abs=2e-5)
    assert free["trading_step"] == 1.0
    assert held["trading_cost"] == 0.0
    assert held["sharpe_ratio"] == pytest.approx((held["return"] - 0.02) / held["risk"])
    settled = optimizer.optimize(asked(BARS, current_weights=free["weights"]))
    assert settled["weights"] == free["weights"]


def test_a_target_is_met_by_a_longer_step(optimizer_of, asked):
    optimizer = optimizer_of(BARS, made_rows(BARS))
    forecasts = optimizer.optimize(asked(BARS, risk_tolerance=5))["forecasts"]
    (best,) = forecasts
    target = forecasts[best]["expected_return"] - 0.01
    worst = next(ticker for ticker in BARS if ticker != best)
    held = optimizer.optimize(asked(BARS, target_return=target, current_weights={worst: 1.0}))
    assert held["return"] >= target - 2e-5
    assert 0.5 < held["trading_step"] <= 1.0
    calm = optimizer.optimize(asked(BARS, target_return=-5))
    tolerance = calm["risk"] + 0.005
    wild = optimizer.optimize(asked(BARS, risk_tolerance=tolerance, current_weights={best: 1.0}))
    assert wild["risk"] <= tolerance + 2e-5


def test_limits_hold_on_the_way(optimizer_of, asked):
    optimizer = optimizer_of(BARS, made_rows(BARS))
    held = optimizer.optimize(asked(BARS, weight_cap=0.4, current_weights={"AAA": 1.0}))
    assert max(held["weights"].values()) <= 0.4


def test_a_budget_adds_whole_shares_and_changes_nothing_else(optimizer_of, asked):
    optimizer = optimizer_of(BARS, made_rows(BARS))
    plain, bought = optimizer.optimize(asked(BARS)), optimizer.optimize(asked(BARS, budget=10_000))
    assert {key: value for key, value in bought.items() if key not in ("shares", "cash")} == plain
    spent = sum(count * bought["prices"][ticker] for ticker, count in bought["shares"].items())
    assert spent + bought["cash"] == pytest.approx(10_000)
    assert 0 <= bought["cash"] < max(bought["prices"].values())
    for wrong in (0, -5, True, "ten", 1e20, float("nan")):
        with pytest.raises(RequestError, match="budget"):
            asked(BARS, budget=wrong)


def test_views_replace_forecasts_and_say_so(optimizer_of, asked):
    optimizer = optimizer_of(BARS, made_rows(BARS))
    result = optimizer.optimize(asked(BARS, expected_returns={"bbb": 0.9, "ZZZ": 0.1}))
    basis = result["forecasts"]["BBB"]
    assert (basis["expected_return"], basis["model"]) == (0.9, "view")
    assert max(result["weights"], key=result["weights"].get) == "BBB"
    assert any("ZZZ" in warning and "expected_returns" in warning for warning in result["warnings"])
