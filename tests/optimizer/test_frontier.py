"""The optimum against other solvers and closed forms."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy.optimize import minimize

from errors import InfeasibleTargetError
from optimizer import frontier
from optimizer.allocation import Goal, allocate, expected_year
from optimizer.frontier import Assets, GroupLimit, Limits, Turnover

FREE = Limits()


def random_assets(seed: int, n: int, days: int) -> Assets:
    """With fewer days than assets the covariance is singular."""
    rng = np.random.default_rng(seed)
    returns = rng.normal(0, 0.01, (days, 1)) * rng.uniform(0.2, 1.5, n) + rng.normal(0, 0.008, (days, n))
    covariance = np.atleast_2d(np.cov(returns.T)) * 252
    return Assets(rng.normal(0.08, 0.08, n), covariance)


def risk(assets: Assets, weights: np.ndarray) -> float:
    return float(np.sqrt(weights @ assets.covariance @ weights))


def cvxpy_objective(assets: Assets, goal: Goal, cap: float = 1.0, groups=(), turnover: Turnover | None = None) -> float:
    """Least risk or greatest return by cvxpy with OSQP or SCS: other models, other algorithms."""
    import cvxpy as cp

    w = cp.Variable(len(assets))
    values, vectors = np.linalg.eigh(assets.covariance)
    factor = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
    net = assets.annual_return @ w - (turnover.cost * cp.norm1(w - turnover.current) if turnover else 0)
    limits = [cp.sum(w) == 1, w >= 0, w <= cap, *(cp.sum(w[list(g.members)]) <= g.limit for g in groups)]
    if goal.target_return is not None:
        problem = cp.Problem(cp.Minimize(cp.sum_squares(factor @ w)), [*limits, net >= goal.target_return])
        problem.solve(solver="OSQP", eps_abs=1e-10, eps_rel=1e-10, max_iter=200_000)
        return float(np.sqrt(problem.value))
    problem = cp.Problem(cp.Maximize(net), [*limits, cp.norm2(factor @ w) <= goal.risk_tolerance])
    problem.solve(solver="SCS", eps_abs=1e-9, eps_rel=1e-9, max_iters=200_000)
    return float(problem.value)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("n", "days"), [(2, 200), (8, 200), (30, 12)])
def test_maximum_sharpe_agrees_with_sequential_quadratic_programming(seed, n, days):
    assets = random_assets(seed, n, days)
    assets = Assets(assets.annual_return, assets.covariance + 1e-4 * np.eye(n))
    best = float(assets.annual_return.max())
    weights = frontier.maximum_sharpe(assets, FREE, 0.01, best)
    ratio = (weights @ assets.annual_return - 0.01) / risk(assets, weights)

    def loss(w: np.ndarray) -> float:
        return -(w @ assets.annual_return - 0.01) / np.sqrt(w @ assets.covariance @ w)

    found = minimize(
        loss, weights * 0.5 + 0.5 / n, method="SLSQP", bounds=[(0, 1)] * n,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1}, options={"ftol": 1e-14, "maxiter": 2000},
    )  # fmt: skip
    assert ratio >= -found.fun - 1e-6


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("n", "days"), [(6, 200), (25, 10)])
@pytest.mark.parametrize("limited", [False, True])
def test_targets_agree_with_other_solvers_to_a_millionth(seed, n, days, limited):
    assets = random_assets(seed, n, days)
    groups = (GroupLimit((0, 1, 2), 0.4),) if limited else ()
    turnover = Turnover(np.full(n, 1 / n), 0.02) if limited else None
    cap = 0.5 if limited else 1.0
    limits = Limits(cap=cap, groups=groups, turnover=turnover)
    best = frontier.maximum_return(assets, limits)
    calmest = frontier.minimum_variance(assets, limits)
    (best_return, best_risk), (calm_return, calm_risk) = (expected_year(assets, limits, w) for w in (best, calmest))
    target = 0.4 * calm_return + 0.6 * best_return
    tolerance = 0.4 * calm_risk + 0.6 * best_risk
    least = frontier.efficient_return(assets, limits, target)
    most = frontier.efficient_risk(assets, limits, tolerance)
    for weights in (least, most):
        assert weights.sum() == pytest.approx(1)
        assert weights.max() <= cap + 1e-7
        assert not limited or weights[:3].sum() <= 0.4 + 1e-7
    assert expected_year(assets, limits, least)[0] >= target - 1e-7
    assert risk(assets, most) <= tolerance + 1e-7
    arguments = (cap, groups, turnover)
    assert risk(assets, least) == pytest.approx(cvxpy_objective(assets, Goal(0.0, target_return=target), *arguments), abs=1e-6)
    expected = cvxpy_objective(assets, Goal(0.0, risk_tolerance=tolerance), *arguments)
    assert expected_year(assets, limits, most)[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("cost", [0.001, 0.02, 0.5])
def test_where_nothing_beats_the_rate_trading_costs_are_weighed_against_variance(cost):
    import cvxpy as cp

    assets = random_assets(7, 6, 200)
    turnover = Turnover(np.array([0.5, 0.3, 0, 0, 0, 0]), cost, elsewhere=0.2)
    portfolio = allocate(assets, Goal(0.9), Limits(turnover=turnover))
    w = cp.Variable(6)
    goal = 0.5 * cp.quad_form(w, cp.psd_wrap(assets.covariance)) + cost * cp.norm1(w - turnover.current)
    problem = cp.Problem(cp.Minimize(goal), [cp.sum(w) == 1, w >= 0])
    problem.solve(solver="CLARABEL")
    reached = 0.5 * risk(assets, portfolio.optimum) ** 2 + cost * np.abs(portfolio.optimum - turnover.current).sum()
    assert reached == pytest.approx(problem.value, abs=1e-7)
    assert "½ variance + trading costs" in portfolio.warnings[0]


def test_a_bear_market_is_no_reason_to_sell_at_any_price():
    assets = Assets(np.array([0.15, 0.2, 0.05]), np.diag([0.09, 0.12, 0.01]))
    portfolio = allocate(assets, Goal(0.5), Limits(turnover=Turnover(np.array([0.5, 0.5, 0.0]), 0.5)))
    np.testing.assert_allclose(portfolio.weights, [0.5, 0.5, 0.0], atol=1e-5)
    assert portfolio.annual_return - portfolio.trading_cost == pytest.approx(0.175, abs=1e-4)


@pytest.mark.parametrize("goal", [Goal(0.02), Goal(0.02, target_return=0.06), Goal(0.02, risk_tolerance=0.25), Goal(0.9)])
def test_return_and_ratio_are_before_what_trading_costs_and_goals_after_it(goal):
    assets = Assets(np.array([0.08, 0.10, 0.12]), np.diag([0.04, 0.05, 0.09]))
    turnover = Turnover(np.array([0.6, 0.2, 0.0]), 0.01, elsewhere=0.1)
    portfolio = allocate(assets, goal, Limits(turnover=turnover))
    w = portfolio.weights
    assert portfolio.annual_return == pytest.approx(float(w @ assets.annual_return), rel=1e-12)
    assert portfolio.sharpe_ratio == (portfolio.annual_return - goal.risk_free_rate) / portfolio.annual_volatility
    assert portfolio.trading_cost == pytest.approx(0.01 * (np.abs(w - turnover.current).sum() + 0.1), rel=1e-12)
    if goal.target_return:
        assert portfolio.annual_return - portfolio.trading_cost >= goal.target_return - 1e-4


def test_the_best_ratio_is_the_best_after_all_that_must_be_sold():
    assets = Assets(np.array([0.06, 0.16]), np.diag([0.01, 0.16]))
    turnover = Turnover(np.zeros(2), 0.02, elsewhere=1.0)
    weights = allocate(assets, Goal(0.01), Limits(turnover=turnover)).optimum
    net = Assets(assets.annual_return - 0.04, assets.covariance)
    np.testing.assert_allclose(weights, frontier.maximum_sharpe(net, FREE, 0.01, 0.12), atol=1e-6)


def test_minimum_variance_of_two_is_the_closed_form():
    assets = Assets(np.array([0.1, 0.05]), np.array([[0.04, 0.006], [0.006, 0.09]]))
    first = (0.09 - 0.006) / (0.04 + 0.09 - 2 * 0.006)
    np.testing.assert_allclose(frontier.minimum_variance(assets, FREE), [first, 1 - first], atol=1e-7)


def test_maximum_sharpe_without_binding_bounds_is_the_tangency_portfolio():
    assets = Assets(np.array([0.08, 0.10, 0.12]), np.diag([0.04, 0.05, 0.09]))
    tangency = np.linalg.solve(assets.covariance, assets.annual_return - 0.02)
    np.testing.assert_allclose(frontier.maximum_sharpe(assets, FREE, 0.02, 0.12), tangency / tangency.sum(), atol=1e-7)


def test_identical_assets_and_a_riskless_pair_are_solved():
    twin = np.array([[0.04, 0.04], [0.04, 0.04]])
    for goal in (Goal(0.01), Goal(0.01, target_return=0.1), Goal(0.01, risk_tolerance=0.2)):
        portfolio = allocate(Assets(np.array([0.1, 0.1]), twin), goal, FREE)
        assert portfolio.annual_return == pytest.approx(0.1)
        assert portfolio.annual_volatility == pytest.approx(0.2)


@examples(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 40), st.floats(-0.5, 0.5), st.sampled_from(["sharpe", "return", "risk"]))
def test_every_goal_ends_with_a_portfolio_or_the_feasible_range(seed, n, number, kind):
    assets = random_assets(seed, n, 60)
    assets = Assets(assets.annual_return, assets.covariance + 1e-5 * np.eye(n))
    goal = {
        "sharpe": Goal(number), "return": Goal(0.02, target_return=number or 0.1),
        "risk": Goal(0.02, risk_tolerance=abs(number) or 0.1),
    }[kind]  # fmt: skip
    try:
        portfolio = allocate(assets, goal, FREE)
    except InfeasibleTargetError:
        assert kind != "sharpe"
        return
    assert portfolio.weights.sum() == pytest.approx(1)
    assert portfolio.sharpe_ratio == (portfolio.annual_return - goal.risk_free_rate) / portfolio.annual_volatility
    if kind == "return":
        assert portfolio.annual_return >= number - 1e-3
    if kind == "risk":
        assert portfolio.annual_volatility <= abs(number) + 1e-3


def ranges_of(error: BaseException) -> tuple[tuple[float, float], tuple[float, float]]:
    """The feasible range that an error names, in per cent and as decimals."""
    pattern = r"is (-?[\d.]+) to (-?[\d.]+) % a year \((-?[\d.]+) to (-?[\d.]+)\)"
    found = re.search(pattern, str(error))
    assert found, error
    first, second, third, fourth = map(float, found.groups())
    return (first, second), (third, fourth)


def test_the_feasible_range_that_an_error_names_is_feasible_in_per_cent_and_as_decimals():
    assets = random_assets(3, 5, 100)
    with pytest.raises(InfeasibleTargetError, match=r"a target return of 300 % a year \(3\) .* feasible range") as caught:
        allocate(assets, Goal(0.0, target_return=3.0), FREE)
    per_cent, decimals = ranges_of(caught.value)
    for target in (*decimals, per_cent[0] / 100, per_cent[1] / 100):
        portfolio = allocate(assets, Goal(0.0, target_return=target), FREE)
        assert portfolio.annual_return == pytest.approx(target, abs=1e-4)
        assert not portfolio.warnings
    with pytest.raises(
        InfeasibleTargetError, match=r"a risk tolerance of 0.0001 % a year \(1e-06\) .* feasible range"
    ) as caught:
        allocate(assets, Goal(0.0, risk_tolerance=1e-6), FREE)
    low = ranges_of(caught.value)[1][0]
    assert allocate(assets, Goal(0.0, risk_tolerance=low), FREE).annual_volatility <= low + 1e-6


def test_a_target_below_the_calmest_portfolio_is_told_in_both_units():
    # 0.18 typed into a field that is in per cent.
    portfolio = allocate(random_assets(3, 5, 100), Goal(0.0, target_return=0.0018), FREE)
    assert "the target return of 0.18 % a year (0.0018) is below that of the minimum-variance" in portfolio.warnings[0]


def test_the_range_of_a_single_asset_is_that_asset():
    asset = Assets(np.array([0.0712345678]), np.array([[0.04]]))
    with pytest.raises(InfeasibleTargetError, match=r"is 7\.1235 to 7\.1235 % a year \(0\.071235 to 0\.071235\)$"):
        allocate(asset, Goal(0.0, target_return=3.0), FREE)
    assert allocate(asset, Goal(0.0, target_return=0.071235), FREE).weights == [1.0]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("days", [150, 900])
def test_many_assets_solved_in_parts_have_the_optimum_of_all(seed, days):
    assets = random_assets(seed, 260, days)
    covariance = assets.covariance + 1e-6 * np.eye(260)
    assets = Assets(assets.annual_return, covariance)
    calmest, whole = frontier.minimum_variance(assets, FREE), frontier._minimum_variance(assets, FREE)
    assert risk(assets, calmest) == pytest.approx(risk(assets, whole), rel=1e-6)
    assert calmest.sum() == pytest.approx(1.0)
    best = frontier.maximum_sharpe(assets, FREE, 0.02, float(assets.annual_return.max()))
    all_at_once = frontier._maximum_sharpe(assets, FREE, 0.02, float(assets.annual_return.max()))
    ratio = [float(w @ assets.annual_return - 0.02) / risk(assets, w) for w in (best, all_at_once)]
    assert ratio[0] == pytest.approx(ratio[1], rel=1e-6)
