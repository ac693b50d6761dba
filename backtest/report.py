"""The figures of a backtest as data: means over universes, differences with intervals, and what the reader must know."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from backtest.bootstrap import Difference, break_even_cost, differences
from backtest.figures import Figures, by_year, cash_returns, figures_of, risk_ratios
from backtest.market import Market
from backtest.runs import Run
from backtest.strategies import OURS
from backtest.walk import BENCHMARK, Outcome, Plan

#: Figures that are averaged over universes, in the order of the table.
AVERAGED: Final = (
    "annual_return", "volatility", "sharpe_ratio", "worst_month", "turnover", "first_turnover", "cost_drag",
    "effective_holdings", "largest_weight", "bias", "qlike",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """Everything that is written. `figures` by the name of the run, one entry per universe."""

    outcome: Outcome
    figures: dict[str, list[Figures]]
    differences: list[Difference]
    break_even: dict[tuple[str, str], float | None]
    years: dict[str, dict[int, tuple[float, float]]]
    assumptions: list[str]

    def mean(self, name: str, figure: str) -> float:
        """The mean of one figure over universes."""
        return float(np.mean([getattr(each, figure) for each in self.figures[name]]))

    def runs(self, *names: str) -> list[Run]:
        """The runs of these names, in this order."""
        return [run for name in names for run in self.outcome.runs if run.name == name]


def report_of(market: Market, outcome: Outcome, plan: Plan, assumptions: Sequence[str], seed: int) -> Report:
    """The report of an outcome."""
    rate = plan.costs.risk_free_rate
    by_name: dict[str, list[Run]] = {}
    for run in outcome.runs:
        by_name.setdefault(run.name, []).append(run)
    figures = {name: [figures_of(market, run, rate) for run in runs] for name, runs in by_name.items()}
    per_year = market.days_per_year(outcome.first, outcome.last)
    returns = {name: np.column_stack([run.returns() for run in runs]) for name, runs in by_name.items()}
    ours = [name for name in OURS if name in by_name]
    rivals = [name for name in (*plan.rules.strategies, BENCHMARK) if name in by_name and name not in OURS]
    pairs: list[tuple[str, str]] = [(name, rival) for name in ours for rival in rivals]
    pairs += [(f"{name}+control", name) for name in ours]
    cash = cash_returns(market, outcome.first, outcome.last, rate)
    found = differences(returns, cash, per_year, pairs, seed=seed) if pairs else []
    trades_per_year = {
        name: float(np.mean([sum(t.turnover for t in run.trades) for run in runs])) * per_year / len(cash)
        for name, runs in by_name.items()
    }
    mean = {name: {f: float(np.mean([getattr(x, f) for x in each])) for f in AVERAGED} for name, each in figures.items()}
    even = {
        (one.ours, one.rival): break_even_cost(
            one.annual_return + mean[one.ours]["cost_drag"] - mean[one.rival]["cost_drag"],
            trades_per_year[one.ours] - trades_per_year[one.rival],
        )
        for one in found
    }
    years = {name: by_year([ratio for run in runs for ratio in risk_ratios(market, run)]) for name, runs in by_name.items()}
    return Report(outcome, figures, found, even, years, list(assumptions))


def as_json(market: Market, report: Report, plan: Plan) -> dict[str, Any]:
    """The report as JSON: annual decimals, dates as ISO texts, null for what does not exist."""
    outcome = report.outcome
    return {
        "first_fill": market.date(outcome.first).isoformat(),
        "last_day": market.date(outcome.last).isoformat(),
        "days_per_year": market.days_per_year(outcome.first, outcome.last),
        "universes": len({run.universe for run in outcome.runs}),
        "tickers_per_universe": [len(universe) for universe in plan.universes],
        "decisions": outcome.decisions,
        "skipped_decisions": outcome.skipped_decisions,
        "share_without_forecast": outcome.fallbacks,
        "left_out": outcome.left_out,
        "risk_free_rate": plan.costs.risk_free_rate,
        "cost_per_unit_traded": plan.costs.cost,
        "strategies": {
            name: {
                "mean": {figure: _number(report.mean(name, figure)) for figure in AVERAGED},
                "universes": [_plain(each) for each in figures],
                "risk_by_year": {
                    str(year): {"bias": _number(bias), "qlike": _number(loss)}
                    for year, (bias, loss) in report.years[name].items()
                },
            }
            for name, figures in report.figures.items()
        },
        "differences": [
            _plain(one) | {"verdict": one.verdict, "break_even_cost": report.break_even[one.ours, one.rival]}
            for one in report.differences
        ],
        "assumptions": report.assumptions,
    }


def write_results(market: Market, runs: Sequence[Run], path: Path) -> None:
    """Daily wealth of every run as Parquet, the cost, turnover and weights of each fill on its day.

    `weights` is a map from ticker to weight after trading, null on days without a fill: in between they drift with prices.
    """
    import pyarrow as pa  # noqa: PLC0415 - only here
    import pyarrow.parquet as pq  # noqa: PLC0415 - only here

    columns: dict[str, list[Any]] = {name: [] for name in _RESULT_COLUMNS}
    for run in runs:
        fills = {trade.row: trade for trade in run.trades}
        for k, wealth in enumerate(run.wealth.tolist()):
            trade = fills.get(run.first + k)
            columns["strategy"].append(run.strategy)
            columns["trading_control"].append(run.controlled)
            columns["universe"].append(run.universe)
            columns["date"].append(market.date(run.first + k))
            columns["wealth"].append(wealth)
            columns["turnover"].append(None if trade is None else trade.turnover)
            columns["cost"].append(None if trade is None else trade.cost)
            columns["predicted_risk"].append(None if trade is None else _number(trade.predicted_risk))
            columns["weights"].append(
                None
                if trade is None
                else [(market.tickers[c], float(trade.weights[c])) for c in np.flatnonzero(trade.weights > 0).tolist()]
            )
    arrays = {name: pa.array(values, type=_type(pa, name)) for name, values in columns.items()}
    pq.write_table(pa.table(arrays), path)


_RESULT_COLUMNS: Final = (
    "strategy", "trading_control", "universe", "date", "wealth", "turnover", "cost", "predicted_risk", "weights",
)  # fmt: skip


def _type(pa: Any, name: str) -> Any:
    if name in ("wealth", "turnover", "cost", "predicted_risk"):
        return pa.float64()
    return {
        "strategy": pa.string(), "trading_control": pa.bool_(), "universe": pa.int32(), "date": pa.date32(),
        "weights": pa.map_(pa.string(), pa.float64()),
    }[name]  # fmt: skip


def table_lines(report: Report) -> list[str]:
    """The table that the command prints."""
    head = {"return": 8, "risk": 8, "Sharpe": 8, "trades": 8, "cost": 7, "names": 7, "bias": 6}
    lines = [f"{'annual, means over universes':32}" + "".join(f"{name:>{width}}" for name, width in head.items())]
    for name in report.figures:
        m = {figure: report.mean(name, figure) for figure in AVERAGED}
        lines.append(
            f"{name:32}{m['annual_return']:>8.2%}{m['volatility']:>8.2%}{m['sharpe_ratio']:>8.2f}{m['turnover']:>8.1%}"
            f"{m['cost_drag']:>7.2%}{m['effective_holdings']:>7.1f}{m['bias']:>6.2f}"
        )
    lines += ["", f"{'difference of Sharpe ratios':52}{'':>7}{'95 % interval':>18}   risk ÷ rival's"]
    for one in report.differences:
        low, high = one.sharpe_interval
        lines.append(
            f"{one.ours + ' less ' + one.rival:52}{one.sharpe:>+7.2f}{f'{low:+.2f} to {high:+.2f}':>18}   "
            f"{one.volatility_ratio:.3f} ({one.volatility_ratio_interval[0]:.3f} to {one.volatility_ratio_interval[1]:.3f})"
            f"   {one.verdict}"
        )
    return lines


def _plain(value: Any) -> Any:
    """A dataclass as JSON: dates as texts, NaN as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return _number(value) if isinstance(value, float) else value


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
