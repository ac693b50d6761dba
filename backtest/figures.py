"""What a run earned and risked, in annual decimals, with the days per year of its own calendar and never 252 by habit."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from backtest.ledger import cash_growth
from backtest.market import Market
from backtest.runs import Run, Trade
from records import Floats

#: Crises that are reported apart where the data cover them: name, first and last day.
CRISES: Final = (
    ("Global financial crisis", dt.date(2008, 9, 1), dt.date(2009, 3, 9)),
    ("Flash crash and euro crisis", dt.date(2010, 4, 23), dt.date(2010, 7, 2)),
    ("US downgrade and euro crisis", dt.date(2011, 7, 22), dt.date(2011, 10, 3)),
    ("China devaluation", dt.date(2015, 8, 10), dt.date(2016, 2, 11)),
    ("Volatility spike of 2018", dt.date(2018, 1, 26), dt.date(2018, 2, 8)),
    ("COVID-19", dt.date(2020, 2, 19), dt.date(2020, 3, 23)),
    ("Rate rises of 2022", dt.date(2022, 1, 3), dt.date(2022, 10, 12)),
)


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The largest fall from a former high: `depth` ≤ 0, the days of the high, the low and the recovery (None: not yet)."""

    depth: float
    high: dt.date
    low: dt.date
    recovered: dt.date | None


@dataclass(frozen=True, slots=True)
class Figures:
    """A run in numbers; annual decimals unless named otherwise.

    `annual_return` is the growth of wealth (CAGR), `volatility` that of daily returns, `sharpe_ratio` the mean daily return in
    excess of cash over its deviation, × √`days_per_year`. `turnover` is bought + sold over wealth per month of 21 bars, the
    first allocation left out; `cost_drag` what costs took from the annual return.
    """

    annual_return: float
    volatility: float
    sharpe_ratio: float
    days_per_year: float
    drawdown: Drawdown
    worst_month: float
    worst_month_name: str
    turnover: float
    first_turnover: float
    cost_drag: float
    effective_holdings: float
    largest_weight: float
    bias: float
    qlike: float
    crises: dict[str, float]
    replaced: int


def cash_returns(market: Market, first: int, last: int, risk_free_rate: float) -> Floats:
    """What cash earned on each day after `first` up to `last`."""
    days = np.diff(market.day[first : last + 1]).astype(np.float64)
    return np.asarray(cash_growth(risk_free_rate, days) - 1.0)


def figures_of(market: Market, run: Run, risk_free_rate: float) -> Figures:
    """The figures of one run."""
    returns = run.returns()
    per_year = market.days_per_year(run.first, run.last)
    years = len(returns) / per_year
    excess = returns - cash_returns(market, run.first, run.last, risk_free_rate)
    wealth = run.wealth
    months = monthly_returns(market, run)
    worst = min(months, key=lambda month: months[month])
    later = run.trades[1:]
    ratios = risk_ratios(market, run)
    drag = -sum(math.log1p(-trade.cost / run.wealth[trade.row - run.first]) for trade in run.trades) / years
    return Figures(
        annual_return=float((wealth[-1] / wealth[0]) ** (1.0 / years) - 1.0),
        volatility=float(returns.std(ddof=1) * math.sqrt(per_year)),
        sharpe_ratio=sharpe_ratio(excess, per_year),
        days_per_year=per_year,
        drawdown=largest_drawdown(market, run),
        worst_month=months[worst],
        worst_month_name=worst,
        turnover=float(np.mean([trade.turnover for trade in later])) if later else 0.0,
        first_turnover=run.trades[0].turnover,
        cost_drag=drag,
        effective_holdings=float(np.mean([1.0 / max(float(t.weights @ t.weights), 1e-12) for t in run.trades])),
        largest_weight=float(max(trade.weights.max() for trade in run.trades)),
        bias=bias_statistic(ratios),
        qlike=qlike(ratios),
        crises={name: value for name, value in crisis_returns(market, run).items() if value is not None},
        replaced=sum(bool(trade.instead) for trade in run.trades),
    )


def sharpe_ratio(excess: Floats, per_year: float) -> float:
    """Mean of daily excess returns over their deviation, annualised; NaN where they do not vary."""
    deviation = float(excess.std(ddof=1))
    return float(excess.mean()) / deviation * math.sqrt(per_year) if deviation > 0.0 else math.nan


def largest_drawdown(market: Market, run: Run) -> Drawdown:
    """The largest fall from a former high, and whether it was made good."""
    high = np.maximum.accumulate(run.wealth)
    low = int(np.argmin(run.wealth / high))
    top = int(np.argmax(run.wealth[: low + 1]))
    back = np.flatnonzero(run.wealth[low:] >= high[low])
    recovered = market.date(run.first + low + int(back[0])) if len(back) else None
    return Drawdown(
        float(run.wealth[low] / high[low] - 1.0), market.date(run.first + top), market.date(run.first + low), recovered
    )


def monthly_returns(market: Market, run: Run) -> dict[str, float]:
    """Return by calendar month, YYYY-MM; the first and the last month are as long as the run covers them."""
    months = [f"{market.date(row):%Y-%m}" for row in range(run.first, run.last + 1)]
    before, found = run.wealth[0], {}
    for k, month in enumerate(months):
        if k + 1 == len(months) or months[k + 1] != month:
            if k > 0:
                found[month] = float(run.wealth[k] / before - 1.0)
            before = run.wealth[k]
    return found


def crisis_returns(market: Market, run: Run) -> dict[str, float | None]:
    """Return over each of CRISES that the run covers whole, else None."""
    found: dict[str, float | None] = {}
    dates = [market.date(row) for row in range(run.first, run.last + 1)]
    for name, first, last in CRISES:
        inside = [k for k, date in enumerate(dates) if first <= date <= last]
        whole = bool(inside) and dates[0] <= first and dates[-1] >= last
        found[name] = float(run.wealth[inside[-1]] / run.wealth[max(0, inside[0] - 1)] - 1.0) if whole else None
    return found


@dataclass(frozen=True, slots=True)
class RiskRatio:
    """One period between fills: predicted and realised daily variance, and the period's own standardised return."""

    year: int
    predicted: float
    realised: float
    standardised: float


def risk_ratios(market: Market, run: Run) -> list[RiskRatio]:
    """Predicted and realised risk of each period between fills that a prediction exists for."""
    found = []
    daily = np.diff(np.log(run.wealth))
    per_year = market.days_per_year(run.first, run.last)
    for trade, end in zip(run.trades, [*(t.row for t in run.trades[1:]), run.last], strict=True):
        inside = daily[trade.row - run.first : end - run.first].copy()
        if len(inside) < 2 or not np.isfinite(trade.predicted_risk):
            continue
        # The costs of a fill are no risk that a covariance could predict.
        inside += _cost_of_days(run, trade, end)
        predicted = trade.predicted_risk**2 / per_year
        realised = float(np.mean(inside**2))
        total = float(inside.sum()) / math.sqrt(len(inside) * predicted)
        found.append(RiskRatio(market.date(trade.row).year, predicted, realised, total))
    return found


def _cost_of_days(run: Run, trade: Trade, end: int) -> Floats:
    """What to add to each day's log return of a period to undo the costs booked on it."""
    added = np.zeros(end - trade.row)
    for other in run.trades:
        booked = other.row if other.row > run.first else run.first + 1
        if trade.row < booked <= end:
            after = run.wealth[booked - run.first] if other.row > run.first else run.wealth[0] - other.cost
            added[booked - trade.row - 1] += math.log1p(other.cost / after)
    return added


def bias_statistic(ratios: Sequence[RiskRatio]) -> float:
    """Root mean square of realised over predicted daily moves: 1 if risk is predicted right, above 1 if too low."""
    return math.sqrt(float(np.mean([each.realised / each.predicted for each in ratios]))) if ratios else math.nan


def qlike(ratios: Sequence[RiskRatio]) -> float:
    """Mean QLIKE loss of the predicted variances (Patton 2011): 0 if perfect."""
    if not ratios:
        return math.nan
    share = np.array([max(each.realised, 1e-12) / each.predicted for each in ratios])
    return float(np.mean(share - np.log(share) - 1.0))


def by_year(ratios: Sequence[RiskRatio]) -> dict[int, tuple[float, float]]:
    """(bias statistic, QLIKE) by calendar year."""
    years = sorted({each.year for each in ratios})
    grouped = {year: [each for each in ratios if each.year == year] for year in years}
    return {year: (bias_statistic(each), qlike(each)) for year, each in grouped.items()}
