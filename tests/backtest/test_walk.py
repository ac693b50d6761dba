"""A whole backtest in memory: no look-ahead, members and phases, the same result however many processes compute it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from backtest.decisions import Rules, decide
from backtest.forecasts import ForecastTable, make_forecasts
from backtest.inputs import read_delistings, read_members
from backtest.market import Market, Membership
from backtest.runs import Costs
from backtest.schedule import decision_rows, phases_of
from backtest.strategies import DEFAULT_STRATEGIES, STRATEGIES, TITLES
from backtest.walk import Plan, random_universes, walk
from errors import NoDataError, SourceError
from records import Forecast, date_of
from settings import load_settings
from tests.backtest.samples import TICKERS, made_market_bars
from tests.made.market import row

RULES = Rules(DEFAULT_STRATEGIES, 0.02, 0.15, 1.0, 5, 0.05)
COSTS = Costs(0.001, 1, 0.02)


def table_of(market: Market, bars, rows: list[int], seed: int = 0) -> ForecastTable:
    rng = np.random.default_rng(seed)
    found: dict[str, list[Forecast]] = {}
    for at in rows:
        for ticker, held in bars.items():
            known = held[held.day <= market.day[at]]
            if len(known):
                made = row(ticker, known, float(rng.uniform(0.02, 0.15)), float(rng.uniform(0.15, 0.4)))
                found.setdefault(ticker, []).append(made)
    return ForecastTable(found, "made up")


@pytest.fixture(scope="module")
def bars():
    return made_market_bars(320, (*TICKERS, "FFF"))


@pytest.fixture(scope="module")
def market(bars) -> Market:
    return Market.of(bars)


ROWS = list(range(150, 310, 21))


def test_every_strategy_has_a_title_and_all_run_on_the_same_days(market, bars):
    assert set(STRATEGIES) <= set(TITLES)
    plan = Plan((market.tickers,), (tuple(ROWS),), RULES, COSTS, "AAA")
    outcome = walk(market, table_of(market, bars, ROWS), plan, 1)
    assert {run.name for run in outcome.runs} == {
        *DEFAULT_STRATEGIES, *(f"{name}+control" for name in DEFAULT_STRATEGIES), "benchmark",
    }  # fmt: skip
    assert {(run.first, run.last) for run in outcome.runs} == {(ROWS[0] + 1, len(market.day) - 1)}
    assert all(run.wealth[0] == 1.0 and np.isfinite(run.wealth).all() for run in outcome.runs)
    for run in outcome.runs:
        if run.controlled:
            free = next(r for r in outcome.runs if r.name == run.strategy)
            assert sum(t.turnover for t in run.trades) <= sum(t.turnover for t in free.trades) + 1e-9


def test_nothing_after_a_decision_changes_it(market, bars):
    table = table_of(market, bars, ROWS)
    at = ROWS[3]
    before = decide(market, table, market.tickers, at, RULES)
    changed = {}
    rng = np.random.default_rng(5)
    for ticker, held in bars.items():
        close = held.close.copy()
        later = held.day > market.day[at]
        close[later] *= np.exp(np.cumsum(rng.normal(0, 0.1, later.sum())))
        prices = {name: np.where(later, close, getattr(held, name)) for name in ("open", "high", "low")}
        changed[ticker] = dataclasses.replace(held, close=close, **prices, dividend=np.where(later, 1.0, held.dividend))
    later_rows = {
        t: [r if r.as_of <= market.date(at) else row(t, bars[t], 0.9, 0.9, as_of=r.as_of) for r in rows]
        for t, rows in table.rows.items()
    }
    after = decide(Market.of(changed), ForecastTable(later_rows, ""), market.tickers, at, RULES)
    assert list(before.columns) == list(after.columns)
    for name in DEFAULT_STRATEGIES:
        np.testing.assert_allclose(after.proposals[name].weights, before.proposals[name].weights, atol=2e-5)


def test_a_fill_after_a_change_of_the_future_changes_only_what_follows(market, bars):
    """The wealth up to a day is the same whatever comes after it."""
    table = table_of(market, bars, ROWS)
    cut = {t: held[held.day <= market.day[250]] for t, held in bars.items()}
    short = Market.of({t: held for t, held in cut.items() if len(held)})
    # A ticker that ends early is known to have ended only afterwards: here nothing is sold for it on the last day.
    whole = walk(market, table, Plan((market.tickers,), (tuple(ROWS),), RULES, COSTS), 1)
    part = walk(short, table, Plan((short.tickers,), (tuple(r for r in ROWS if r < 249),), RULES, COSTS), 1)
    for run in part.runs:
        same = next(r for r in whole.runs if r.name == run.name)
        np.testing.assert_allclose(run.wealth, same.wealth[: len(run.wealth)], rtol=1e-4)


def test_members_are_bought_only_while_they_are_members(bars):
    market = Market.of(bars)
    always = ((0, 10**6),)
    spans = dict.fromkeys(market.tickers, always) | {"AAA": ((0, int(market.day[ROWS[2]])),)}
    limited = Market.of(bars, Membership(spans))
    table = table_of(limited, bars, ROWS)
    plan = Plan((limited.tickers,), (tuple(ROWS),), dataclasses.replace(RULES, strategies=("equal_weight",)), COSTS)
    outcome = walk(limited, table, plan, 1)
    held = [trade.weights[limited.tickers.index("AAA")] > 0 for trade in outcome.runs[0].trades]
    assert held == [True, True, True] + [False] * (len(held) - 3)
    assert sum(outcome.left_out.values()) > 0


@pytest.mark.slow
def test_processes_change_nothing(market, bars):
    table = table_of(market, bars, ROWS)
    universes = random_universes(market.tickers, 3, 4, seed=1)
    plan = Plan(universes, (tuple(ROWS[::2]), tuple(ROWS[1::2])), RULES, COSTS)
    one, two = walk(market, table, plan, 1), walk(market, table, plan, 2)
    assert [run.name for run in one.runs] == [run.name for run in two.runs]
    for a, b in zip(one.runs, two.runs, strict=True):
        np.testing.assert_array_equal(a.wealth, b.wealth)


def test_runs_of_several_phases_share_their_days(market, bars):
    plan = Plan(
        (market.tickers, market.tickers), (tuple(ROWS), tuple(r + 10 for r in ROWS if r + 10 < 315)),
        dataclasses.replace(RULES, strategies=("equal_weight",)), COSTS,
    )  # fmt: skip
    outcome = walk(market, table_of(market, bars, sorted([*ROWS, *(r + 10 for r in ROWS)])), plan, 1)
    assert {run.first for run in outcome.runs} == {ROWS[0] + 11}
    assert {len(run.wealth) for run in outcome.runs} == {outcome.last - outcome.first + 1}
    assert all(run.wealth[0] == 1.0 for run in outcome.runs)


def test_universes_are_drawn_without_replacement_and_again_the_same():
    drawn = random_universes(TICKERS, 10, 3, seed=4)
    assert drawn == random_universes(TICKERS, 10, 3, seed=4)
    assert all(len(set(one)) == 3 for one in drawn)
    assert len(set(drawn)) > 1
    assert random_universes(TICKERS, 1, 3, seed=4) == (TICKERS,)


def test_decisions_are_on_days_of_the_market_with_a_day_to_trade_on(market):
    last = int(market.day[-1])
    assert decision_rows(market, [int(market.day[5]), int(market.day[9]) + 1, last], 1)[0] == 5
    assert all(r < len(market.day) - 2 for r in decision_rows(market, [int(market.day[5]), last], 1))
    with pytest.raises(NoDataError, match="take forecasts of the same file"):
        decision_rows(market, [last + 400], 1)
    rows = phases_of(market, 100, 21, 3, 1)
    assert rows[:4] == [100, 107, 114, 121]
    with pytest.raises(NoDataError, match="too few"):
        phases_of(market, 10_000, 21, 1, 1)


def test_a_table_knows_only_the_past(market, bars):
    table = table_of(market, bars, ROWS)
    known = table.known(market.date(ROWS[1]))
    assert max(r.as_of for r in known.values()) <= market.date(ROWS[1])
    assert table.known(market.date(3)) == {}
    assert table.decision_days()[0] == int(market.day[ROWS[0]])


def test_forecasts_made_here_come_from_the_bars_up_to_their_day(bars):
    settings = load_settings(models="har", jobs=1, minimum_bars=252, lookback=300, history_bars=600)
    chosen = {t: bars[t] for t in ("AAA", "EEE")}
    day = int(bars["AAA"].day[310])
    whole = make_forecasts(chosen, [day], settings)
    cut = make_forecasts({t: held[held.day <= day] for t, held in chosen.items()}, [day], settings)
    assert {t: rows[0].annual_volatility for t, rows in whole.rows.items()} == {
        t: rows[0].annual_volatility for t, rows in cut.rows.items()
    }
    assert all(rows[0].as_of <= date_of(day) and rows[0].fallback is None for rows in whole.rows.values())


def test_members_and_delistings_are_read_or_refused_with_the_line(tmp_path):
    members = tmp_path / "members.csv"
    members.write_text("Ticker,From,To\nbrk.b,2015-01-02,\nAAA,,2016-01-01\nAAA,2017-01-01,\n")
    read = read_members(members, ("A", "B", "AAA", "BBB"))
    assert read.includes("BRK-B", 20_000)
    assert not read.includes("BRK-B", 10_000)
    assert read.includes("AAA", 10_000)
    assert not read.includes("AAA", 17_000)
    assert not read.includes("ZZZ", 17_000)
    with pytest.raises(SourceError, match="there is no bar of any member: AAA, BRK-B; bars are of ZZZ"):
        read_members(members, ("ZZZ",))
    members.write_text("ticker,from,to\nAAA,2015-13-01,\n")
    with pytest.raises(SourceError, match="line 2: a date is needed"):
        read_members(members, ("A", "B", "AAA", "BBB"))
    members.write_text("ticker,from\nAAA,2015-12-01\n")
    with pytest.raises(SourceError, match="the column to is missing"):
        read_members(members, ("A", "B", "AAA", "BBB"))
    delistings = tmp_path / "delistings.csv"
    delistings.write_text("ticker,return\nAAA,-0.3\n")
    assert read_delistings(delistings) == {"AAA": -0.3}
    delistings.write_text("ticker,return\nAAA,lots\n")
    with pytest.raises(SourceError, match="line 2: a return of at least -1"):
        read_delistings(delistings)
    with pytest.raises(SourceError, match="cannot be read \\(No such file or directory\\); a CSV with ticker, from, to"):
        read_members(tmp_path / "absent.csv", ("A", "B", "AAA", "BBB"))
