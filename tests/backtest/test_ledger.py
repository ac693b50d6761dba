"""The ledger against an independent one, and every known fault of back-testers by its name."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtest.decisions import Decision
from backtest.figures import cash_returns, figures_of, sharpe_ratio
from backtest.ledger import Account, drift, rebalance
from backtest.market import Market
from backtest.runs import Costs, Run, run_strategy
from backtest.strategies import Proposal
from errors import NoDataError
from records import day_number
from tests.backtest.samples import TICKERS, booked, made_market_bars
from tests.made.market import bars_of, weekdays


def decision(market: Market, row: int, weights: dict[str, float]) -> Decision:
    """A decision for these weights, over all tickers of the market."""
    proposed = np.array([weights.get(ticker, 0.0) for ticker in market.tickers])
    proposal = Proposal(proposed, "served")
    return Decision(row, np.arange(len(market)), {"given": proposal}, {"served": np.eye(len(market)) * 0.04}, 0)


def run(market: Market, decisions: list[Decision], *, cost: float = 0.001, rate: float = 0.03, delay: int = 1) -> Run:
    last = len(market.day) - 1
    costs = Costs(cost, delay, rate)
    return run_strategy(market, decisions, "given", controlled=False, universe=0, last=last, costs=costs)


@given(st.integers(0, 10_000), st.floats(0, 0.02), st.floats(-0.02, 0.1), st.integers(1, 3), st.floats(-1, 0.5))
def test_an_independent_ledger_agrees(seed, cost, rate, delay, delisting):
    rng = np.random.default_rng(seed)
    bars = made_market_bars(120, seed=seed)
    market = Market.of(bars, delisting_returns={"DDD": delisting})
    rows = sorted(rng.choice(np.arange(5, 110), 5, replace=False).tolist())
    rows = [row for k, row in enumerate(rows) if k == 0 or row - rows[k - 1] > delay]
    decisions, targets = [], {}
    for row in rows:
        fill = row + delay
        alive = [t for t, last in zip(market.tickers, market.last_row, strict=True) if last >= row]
        raw = rng.random(len(alive)) * (rng.random(len(alive)) < 0.7)
        total = raw.sum() / rng.uniform(0.6, 1.0) if raw.any() else 1.0
        weights = dict(zip(alive, (raw / total).tolist(), strict=True))
        decisions.append(decision(market, row, weights))
        targets[market.date(fill)] = weights
    ours = run(market, decisions, cost=cost, rate=rate, delay=delay)
    theirs = booked(bars, targets, cost=cost, rate=rate, delisting={"DDD": delisting})
    dates = [market.date(row) for row in range(ours.first, ours.last + 1)]
    assert dates == list(theirs)
    np.testing.assert_allclose(ours.wealth, list(theirs.values()), rtol=1e-12)


def two_shares(growth_a: list[float], growth_b: list[float]) -> Market:
    day = weekdays(len(growth_a) + 1)
    close = [100 * np.cumprod([1.0, *growth]) for growth in (growth_a, growth_b)]
    return Market.of({"AAA": bars_of(day, close[0]), "BBB": bars_of(day, close[1])})


def test_a_fill_is_never_at_a_price_that_the_decision_knew():
    market = two_shares([1.0, 1.5, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0])
    # Decided after the jump on row 2: bought on row 3, the jump is not earned.
    assert run(market, [decision(market, 2, {"AAA": 1.0})], cost=0.0, rate=0.0).wealth[-1] == 1.0
    # Decided on row 1 and filled on row 2, after the jump as well.
    assert run(market, [decision(market, 1, {"AAA": 1.0})], cost=0.0, rate=0.0).wealth[-1] == 1.0
    assert run(market, [decision(market, 0, {"AAA": 1.0})], cost=0.0, rate=0.0).wealth[-1] == pytest.approx(1.5)


def test_nothing_rebalances_between_fills():
    market = two_shares([1.0, 1.0, 2.0, 0.5], [1.0, 1.0, 0.5, 2.0])
    wealth = run(market, [decision(market, 0, {"AAA": 0.5, "BBB": 0.5})], cost=0.0, rate=0.0).wealth
    # Rebalanced daily it would end at 1.25²; held, both come back to where they were.
    assert wealth[-1] == pytest.approx(1.0)


def test_the_first_allocation_costs_and_its_cost_is_in_the_returns():
    market = two_shares([1.0] * 5, [1.0] * 5)
    one = run(market, [decision(market, 0, {"AAA": 1.0})], cost=0.01, rate=0.0)
    assert one.wealth[0] == 1.0
    assert one.wealth[-1] == pytest.approx(1 / 1.01)
    assert np.prod(1 + one.returns()) == pytest.approx(1 / 1.01)
    assert one.trades[0].turnover == pytest.approx(1 / 1.01)


def test_turnover_is_from_the_drifted_weights_and_not_from_the_last_targets():
    market = two_shares([1.0, 2.0, 1.0, 1.0, 1.0], [1.0] * 5)
    half = {"AAA": 0.5, "BBB": 0.5}
    one = run(market, [decision(market, 0, half), decision(market, 2, half)], cost=0.0, rate=0.0)
    # Drifted to 2/3 and 1/3: a sixth is sold and a sixth bought, though the target is the old one.
    assert one.trades[1].turnover == pytest.approx(1 / 3)
    np.testing.assert_allclose(one.trades[1].weights, [0.5, 0.5])


def test_cash_earns_an_annual_effective_rate_by_calendar_days_and_its_sharpe_ratio_is_none():
    market = two_shares([1.0] * 260, [1.0] * 260)
    one = run(market, [decision(market, 0, {})], cost=0.0, rate=0.05)
    days = int(market.day[-1] - market.day[one.first])
    assert one.wealth[-1] == pytest.approx(1.05 ** (days / 365))
    excess = one.returns() - cash_returns(market, one.first, one.last, 0.05)
    np.testing.assert_allclose(excess, 0.0, atol=1e-15)


def test_the_sharpe_ratio_uses_the_same_unit_for_return_and_rate():
    rng = np.random.default_rng(0)
    growth = np.exp(rng.normal(0.0005, 0.01, 700)).tolist()
    market = two_shares(growth, growth)
    one = run(market, [decision(market, 0, {"AAA": 1.0})], cost=0.0, rate=0.05)
    figures = figures_of(market, one, 0.05)
    returns = one.returns()
    years = (market.date(one.last) - market.date(one.first)).days / 365.25
    per_year = len(returns) / years
    daily_rate = np.array([1.05 ** ((b - a) / 365) - 1 for a, b in zip(market.day[1:], market.day[2:], strict=False)])
    by_hand = (returns - daily_rate).mean() / (returns - daily_rate).std(ddof=1) * math.sqrt(per_year)
    assert figures.sharpe_ratio == pytest.approx(by_hand, rel=1e-9)
    assert figures.annual_return == pytest.approx(one.wealth[-1] ** (1 / years) - 1, rel=1e-9)


def test_a_calendar_of_every_day_is_annualised_by_its_own_days():
    rng = np.random.default_rng(1)
    day = np.arange(18_000, 18_000 + 731, dtype=np.int32)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.03, len(day))))
    market = Market.of({"BTC": bars_of(day, close), "ETH": bars_of(day, close[::-1].copy())})
    assert market.days_per_year(0, 730) == pytest.approx(365.25)
    one = run(market, [decision(market, 0, {"BTC": 1.0})], cost=0.0, rate=0.0)
    figures = figures_of(market, one, 0.0)
    assert figures.volatility == pytest.approx(one.returns().std(ddof=1) * math.sqrt(365.25))


def test_a_ticker_without_a_bar_on_the_day_of_the_fill_is_not_traded():
    day = weekdays(6)
    gap = np.array([True, True, False, True, True, True])
    market = Market.of({"AAA": bars_of(day[gap], np.full(5, 10.0)), "BBB": bars_of(day, np.full(6, 10.0))})
    one = run(market, [decision(market, 1, {"AAA": 0.6, "BBB": 0.4})], cost=0.0, rate=0.0)
    np.testing.assert_allclose(one.trades[0].weights, [0.0, 0.4])


def test_a_delisted_ticker_becomes_cash_at_its_last_price_or_with_the_return_given():
    day = weekdays(8)
    bars = {"AAA": bars_of(day[:4], np.full(4, 10.0)), "BBB": bars_of(day, np.full(8, 10.0))}
    for given_return, left in (({}, 1.0), ({"AAA": -0.5}, 0.75)):
        market = Market.of(bars, delisting_returns=given_return)
        one = run(market, [decision(market, 0, {"AAA": 0.5, "BBB": 0.5})], cost=0.0, rate=0.0)
        assert one.wealth[3 - one.first] == pytest.approx(1.0)
        assert one.wealth[4 - one.first] == pytest.approx(left)
        assert one.wealth[-1] == pytest.approx(left)


def test_a_missing_benchmark_is_refused_and_never_nan():
    from backtest.decisions import Rules
    from backtest.walk import Plan, _benchmark_run

    bars = made_market_bars(60)
    market = Market.of(bars)
    plan = Plan((TICKERS,), ((5,),), Rules((), 0.0, 0.1, 1.0, 3, 0.05), Costs(0.0, 1, 0.0), "DDD")
    with pytest.raises(NoDataError, match="the benchmark DDD has no bar after"):
        _benchmark_run(market, "DDD", int(market.last_row[3]) + 1, 0, 59, plan.costs)
    late = _benchmark_run(market, "CCC", 3, 0, 59, plan.costs)
    assert np.isfinite(late.wealth).all()


def test_known_prices_end_on_the_day_of_the_decision():
    bars = made_market_bars(100)
    market = Market.of(bars)
    cut = {t: b[b.day <= market.day[60]] for t, b in bars.items()}
    seen, alone = market.known(60, ("AAA", "BBB"), 50), Market.of(cut).known(60, ("AAA", "BBB"), 50)
    np.testing.assert_array_equal(seen.day, alone.day)
    np.testing.assert_allclose(seen.log_returns(), alone.log_returns(), rtol=1e-9, atol=1e-15)


def test_costs_never_make_money_and_targets_are_met_after_them(rng):
    for _ in range(50):
        account = Account(rng.random(6), float(rng.random()))
        target = rng.dirichlet(np.ones(6))
        fill = rebalance(account, target, np.ones(6, dtype=bool), 0.003)
        np.testing.assert_allclose(fill.account.weights, target, atol=1e-12)
        assert fill.account.wealth == pytest.approx(account.wealth - fill.cost, rel=1e-14)
        assert fill.cost == pytest.approx(0.003 * fill.turnover * account.wealth, rel=1e-12)


def test_a_run_does_not_change_the_market(rng):
    market = Market.of(made_market_bars(80))
    before = {f.name: np.array(getattr(market, f.name), copy=True) for f in dataclasses.fields(market) if f.name != "members"}
    run(market, [decision(market, 3, {"AAA": 0.5, "DDD": 0.5}), decision(market, 30, {"BBB": 1.0})])
    for name, value in before.items():
        np.testing.assert_array_equal(value, getattr(market, name))


def test_a_flat_run_has_no_sharpe_ratio():
    assert math.isnan(sharpe_ratio(np.zeros(10), 252.0))


def test_day_zero_of_a_drift_is_the_account_itself():
    market = Market.of(made_market_bars(30))
    account = Account.opened(len(market))
    same, path = drift(account, market, 4, 4, 0.02)
    assert same is account
    assert len(path) == 0
    assert day_number(market.date(4)) == market.day[4]
