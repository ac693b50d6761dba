"""What the covariance is worth: realised risk and trading of minimum variance, on random universes of real bars.

Against Ledoit and Wolf's covariance (constant correlation, 504 days) and against the served volatilities with plain
correlations of the same bars. Forecasts are by log-HAR and the market model's trees, made once and kept in VAR; bars come from
`../shared/data`, and a set that is absent is reported as skipped. Each case is
computed twice: with all decisions, and with the decisions that know three years of bars. The last rows have the means.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from backtest.bootstrap import differences
from backtest.decisions import MINIMUM_BARS, Rules
from backtest.figures import cash_returns
from backtest.forecasts import ForecastTable, all_rows, make_forecasts, read_forecasts
from backtest.inputs import read_bars
from backtest.market import Market
from backtest.runs import Costs, Run
from backtest.schedule import decision_rows, phases_of
from backtest.walk import Plan, random_universes, walk
from evaluation.report import write_forecasts
from optimizer.covariance import CORRELATION_BARS, WARM_UP, comovement
from optimizer.expectations import used_estimates
from optimizer.lookup import Freshness, look_up
from records import TRADING_DAYS
from settings import Settings, load_settings

DATA: Final = Path(__file__).parents[2] / "shared" / "data"
VAR: Final = Path("var") / "covariance"
#: Set, tickers of a universe, number of universes.
CASES: Final = (
    ("djia31_2006_2017", 20, 10),
    ("djia31_2006_2017", 30, 10),
    ("sp500_2013_2018", 30, 10),
    ("sp500_2013_2018", 100, 10),
    ("sp500_2013_2018", 300, 10),
)
#: Decisions that know fewer bars have correlations of less than three years.
FULL_BARS: Final = CORRELATION_BARS + WARM_UP
OURS: Final = "min_variance"
RIVALS: Final = ("ledoit_wolf", "min_variance_plain")
RISK_FREE_RATE: Final = 0.02
#: Figures whose mean over the cases is printed.
MEANS: Final = (
    "risk_to_ledoit_wolf",
    "risk_to_min_variance_plain",
    "turnover_to_ledoit_wolf",
    "turnover_to_min_variance_plain",
)


def run() -> Iterator[dict[str, Any]]:
    """A row for each case, and their means."""
    settings = load_settings(models="har,xgboost")
    known: dict[str, tuple[Market, ForecastTable]] = {}
    found: list[dict[str, Any]] = []
    for name, size, count in CASES:
        path = DATA / f"{name}.parquet"
        if not path.exists():
            yield {"benchmark": f"covariance, {name}", "skipped": f"{path.name} is not in ../shared/data"}
            continue
        if name not in known:
            known[name] = _prepared(path, settings)
            yield _market_part(*known[name], name, settings)
        for least in (settings.minimum_bars, FULL_BARS):
            row = _case(*known[name], name, size, count, least, settings)
            found.append(row)
            yield row
    for least in sorted({row["least_bars"] for row in found}):
        cases = [row for row in found if row["least_bars"] == least]
        yield {"benchmark": f"covariance, mean of {len(cases)} cases", "least_bars": least} | {
            name: round(float(np.mean([row[name] for row in cases])), 4) for name in MEANS
        }


def _prepared(path: Path, settings: Settings) -> tuple[Market, ForecastTable]:
    bars = read_bars(path, None)
    longest = max(len(held) for held in bars.values())
    # Full histories alone, as far as a vendor's missing days allow: young tickers would make the universes differ in size.
    bars = {ticker: held for ticker, held in bars.items() if len(held) > 0.98 * longest}
    market = Market.of(bars)
    kept = VAR / f"{path.stem}.parquet"
    if kept.exists():
        return market, read_forecasts(kept)
    rows = phases_of(market, settings.minimum_bars, settings.horizon, 1, 1)
    table = make_forecasts(bars, [int(market.day[row]) for row in rows], settings)
    write_forecasts(list(all_rows(table)), kept)
    return market, table


def _case(
    market: Market, table: ForecastTable, name: str, size: int, count: int, least: int, settings: Settings
) -> dict[str, Any]:
    # The first decisions have too little before them for any of the constructions to be at its best.
    rows = [row for row in decision_rows(market, table.decision_days(), 1) if row >= least]
    plan = Plan(
        random_universes(market.tickers, count, size, seed=0),
        (tuple(rows),),
        Rules((OURS, *RIVALS), 0.0, 0.15, 1.0, settings.fresh_sessions, settings.market_premium),
        Costs(0.001, 1, 0.0),
    )
    outcome = walk(market, table, plan, settings.jobs)
    runs = {strategy: [run for run in outcome.runs if run.name == strategy] for strategy in (OURS, *RIVALS)}
    returns = {strategy: np.column_stack([run.returns() for run in each]) for strategy, each in runs.items()}
    cash = cash_returns(market, outcome.first, outcome.last, 0.0)
    per_year = market.days_per_year(outcome.first, outcome.last)
    found = differences(returns, cash, per_year, [(OURS, rival) for rival in RIVALS])
    row: dict[str, Any] = {
        "benchmark": f"covariance, {name}, {count} universes of {size}",
        "least_bars": least,
        "first_fill": market.date(outcome.first).isoformat(),
        "last_day": market.date(outcome.last).isoformat(),
        "decisions": outcome.decisions,
    }
    for each in found:
        low, high = each.volatility_ratio_interval
        row[f"risk_to_{each.rival}"] = round(each.volatility_ratio, 4)
        row[f"risk_to_{each.rival}_interval"] = [round(low, 4), round(high, 4)]
        row[f"better_universes_{each.rival}"] = int((returns[OURS].std(axis=0) < returns[each.rival].std(axis=0)).sum())
        row[f"turnover_to_{each.rival}"] = round(_turnover(runs[OURS]) / _turnover(runs[each.rival]), 3)
    row["turnover"] = round(_turnover(runs[OURS]), 3)
    return row | {"aim": "risk <= 0.97 of ledoit_wolf, <= 0.985 of plain; turnover <= 0.6 of plain"}


def _market_part(market: Market, table: ForecastTable, name: str, settings: Settings) -> dict[str, Any]:
    """R² against zero of the horizon's return, over all tickers and decisions, without and with the market part."""
    wealth = np.cumprod(market.growth, axis=0)
    squares, dates = np.zeros(3), []
    for row in decision_rows(market, table.decision_days(), settings.horizon):
        tickers = tuple(np.array(market.tickers)[market.eligible(row, MINIMUM_BARS)].tolist())
        prices = market.known(row, tickers, CORRELATION_BARS + WARM_UP + 1)
        freshness = Freshness(market.date(row), market.date(row), settings.fresh_sessions)
        estimates, _ = look_up(prices, table.known(market.date(row)), freshness, {}, "no forecast in the file")
        together = comovement(prices.choose(tuple(estimates)))
        used = used_estimates(tuple(estimates.values()), together, RISK_FREE_RATE, settings.market_premium)
        columns = [market.tickers.index(estimate.ticker) for estimate in used]
        came = wealth[row + settings.horizon, columns] / wealth[row, columns] - 1.0
        flat, moved = (
            np.array([getattr(estimate, field) for estimate in used]) * settings.horizon / TRADING_DAYS
            for field in ("forecast_return", "annual_return")
        )
        errors = np.array([came**2, (came - flat) ** 2, (came - moved) ** 2])
        squares += errors.sum(axis=1)
        dates.append(float((errors[1] - errors[2]).mean()))
    gain = np.array(dates)
    return {
        "benchmark": f"market part of expected returns, {name}",
        "decisions": len(gain),
        "r2_flat": round(1.0 - squares[1] / squares[0], 4),
        "r2_with_market_part": round(1.0 - squares[2] / squares[0], 4),
        "t_gain": round(float(gain.mean() / gain.std(ddof=1) * np.sqrt(len(gain))), 2),
        "aim": "no less with the market part",
    }


def _turnover(runs: list[Run]) -> float:
    return float(np.mean([trade.turnover for run in runs for trade in run.trades[1:]]))
