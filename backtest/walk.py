"""A whole backtest: universes and start phases, decisions in parallel, ledgers, on days that all runs share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from backtest.decisions import Decision, Rules, decide
from backtest.forecasts import PRELOADED, ForecastTable
from backtest.ledger import Account, drift, rebalance
from backtest.market import Market
from backtest.runs import Costs, Run, Trade, run_strategy
from commands.console import progress
from commands.processes import processes
from errors import NoDataError

BENCHMARK: Final = "benchmark"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run. `universes` holds the tickers of each; universe k decides at rows `phases[k % len(phases)]`."""

    universes: tuple[tuple[str, ...], ...]
    phases: tuple[tuple[int, ...], ...]
    rules: Rules
    costs: Costs
    benchmark: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """All runs, cut to the rows `first` to `last` that every universe covers, and what was left out, by reason."""

    runs: tuple[Run, ...]
    first: int
    last: int
    skipped_decisions: int
    decisions: int
    fallbacks: float
    left_out: dict[str, int] = field(default_factory=dict)


def random_universes(tickers: Sequence[str], count: int, size: int, seed: int) -> tuple[tuple[str, ...], ...]:
    """So many random draws of `size` tickers, without replacement within each; all tickers if `count` is 1."""
    if count == 1:
        return (tuple(tickers),)
    rng = np.random.default_rng(seed)
    size = min(size, len(tickers))
    return tuple(tuple(sorted(rng.choice(np.array(tickers), size, replace=False).tolist())) for _ in range(count))


def walk(market: Market, forecasts: ForecastTable, plan: Plan, jobs: int) -> Outcome:
    """Run every strategy over every universe. Raises NoDataError if no universe has a decision."""
    last = len(market.day) - 1
    runs: list[Run] = []
    skipped = made = 0
    shares: list[float] = []
    left_out: dict[str, int] = {}
    tasks = [(k, row) for k, _ in enumerate(plan.universes) for row in plan.phases[k % len(plan.phases)]]
    with _decided(market, forecasts, plan, tasks, jobs) as found, progress(len(tasks), "decisions made") as advance:
        for number in range(len(plan.universes)):
            decisions = []
            for _ in plan.phases[number % len(plan.phases)]:
                decision = next(found)
                advance(1)
                if decision is None:
                    skipped += 1
                    continue
                decisions.append(decision)
                shares.append(decision.fallbacks / len(decision.columns))
                for reason in decision.left_out.values():
                    left_out[reason] = left_out.get(reason, 0) + 1
            decisions = [one for one in decisions if one.row + plan.costs.delay < last]
            made += len(decisions)
            if decisions:
                runs += _runs_of(market, decisions, plan, number, last)
    if not runs:
        raise NoDataError("no day has two tickers with enough bars and a day after it to trade on: nothing to test")
    first = max(run.first for run in runs)
    return Outcome(
        tuple(_since(run, first) for run in runs), first, last, skipped, made, float(np.mean(shares)), left_out
    )  # fmt: skip


def _runs_of(market: Market, decisions: Sequence[Decision], plan: Plan, universe: int, last: int) -> Iterator[Run]:
    for name in plan.rules.strategies:
        for controlled in (False, True):
            yield run_strategy(market, decisions, name, controlled=controlled, universe=universe, last=last, costs=plan.costs)
    if plan.benchmark is not None:
        yield _benchmark_run(market, plan.benchmark, decisions[0].row + plan.costs.delay, universe, last, plan.costs)


def _benchmark_run(market: Market, ticker: str, first: int, universe: int, last: int, costs: Costs) -> Run:
    """The benchmark bought with the first fill and held, at the same cost."""
    column = market.tickers.index(ticker)
    target = np.zeros(len(market))
    target[column] = 1.0
    # Its first bar on or after the first fill: a missing day is waited for in cash, never filled in.
    after = np.flatnonzero(market.traded[first:, column])
    if not len(after):
        raise NoDataError(f"the benchmark {ticker} has no bar after {market.date(first)}")
    bought = first + int(after[0])
    waiting, before = drift(Account.opened(len(market)), market, first, bought, costs.risk_free_rate)
    filled = rebalance(waiting, target, market.traded[bought], costs.cost)
    _, path = drift(filled.account, market, bought, last, costs.risk_free_rate)
    wealth = np.concatenate([np.ones(1), before, path])
    if bought > first:
        wealth[bought - first] = filled.account.wealth
    trade = Trade(bought, filled.account.weights, filled.turnover, filled.cost, float("nan"), "")
    return Run(strategy=BENCHMARK, controlled=False, universe=universe, first=first, wealth=wealth, trades=(trade,))


def _since(run: Run, first: int) -> Run:
    """The run from row `first` on, wealth 1 there; of the trades before it only the trade in force is kept."""
    start = run.wealth[first - run.first]
    earlier = [trade for trade in run.trades if trade.row <= first]
    trades = (*earlier[-1:], *(trade for trade in run.trades if trade.row > first)) if first > run.first else run.trades
    return Run(run.strategy, run.controlled, run.universe, first, run.wealth[first - run.first :] / start, tuple(trades))


@dataclass(slots=True)
class _Shared:
    """What every process needs, sent once."""

    market: Market
    forecasts: ForecastTable
    plan: Plan


_shared: list[_Shared] = []


def _receive(shared: _Shared) -> None:
    _shared[:] = [shared]


def _task(universe: int, row: int) -> Decision | None:
    shared = _shared[0]
    return decide(shared.market, shared.forecasts, shared.plan.universes[universe], row, shared.plan.rules)


@contextmanager
def _decided(
    market: Market, forecasts: ForecastTable, plan: Plan, tasks: Sequence[tuple[int, int]], jobs: int
) -> Iterator[Iterator[Decision | None]]:
    """The decisions in the order of the tasks, computed ahead by processes (without any if `jobs` is 1)."""
    shared = _Shared(market, forecasts, plan)
    if jobs == 1:
        _receive(shared)
        yield (_task(universe, row) for universe, row in tasks)
        return
    with processes(jobs, preload=PRELOADED, initializer=_receive, initargs=(shared,)) as workers:
        yield workers.in_order([workers.submit(_task, universe, row) for universe, row in tasks])
