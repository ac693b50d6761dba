"""Which forecast serves a request, and the estimate from prices where none does.

A row of the table serves when a trained model made it, when it is not from after the request's end date (that would be looking
ahead), and when it is fresh: at most `fresh_sessions` weekdays older than the newest bar that the request could know, the
earlier of its end date and the newest bar of the whole table. So replayed history is served like today's, and a
delisted ticker goes stale although its own last bar is the newest of its own. Weekdays are counted, without holidays: no
calendar fits every exchange, and around holidays the limit is reached a session early, never late.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from errors import DegenerateSeriesError, ModelError
from models.baseline import PRIOR_ANNUAL_DISPERSION, HistoricalEstimate, historical_estimate
from models.conditions import FROZEN_BARS, is_frozen
from optimizer.prices import PriceTable
from records import Floats, Forecast, date_of

logger = logging.getLogger(__name__)

#: The name under which an estimate from past prices appears in results.
HISTORICAL: Final = "historical"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is expected of one ticker, per year, and where it comes from.

    `pooled_tickers`: over how many tickers the forecast was pooled (1: it stands alone). `fallback` is None for a forecast of
    the table, else the name of the estimate in its place, with the `reason`.
    """

    ticker: str
    annual_return: float
    annual_volatility: float
    return_standard_error: float | None
    as_of: dt.date
    return_model: str
    volatility_model: str
    pooled_tickers: int = 1
    fallback: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Freshness:
    """What a request may know: `end` its end date, `newest` the newest bar of the whole table (None: no table)."""

    end: dt.date
    newest: dt.date | None
    fresh_sessions: int

    def refusal(self, row: Forecast) -> str | None:
        """Why this row does not serve, or None if it does."""
        if row.as_of > self.end:
            return f"the forecast is of {row.as_of}, after the end date {self.end}: it would look ahead"
        reference = min(self.end, max(self.newest or row.as_of, row.as_of))
        age = sessions_between(row.as_of, reference)
        if age > self.fresh_sessions:
            return f"the forecast is of {row.as_of}, {age} sessions before {reference} (at most {self.fresh_sessions} serve)"
        if row.fallback is not None or row.annual_return is None or row.annual_volatility is None:
            return "; ".join(f"{step.model}: {step.reason}" for step in row.fallbacks) or "no model forecasts this ticker"
        if not (math.isfinite(row.annual_return) and math.isfinite(row.annual_volatility) and row.annual_volatility > 0.0):
            return f"the forecast of {row.as_of} is not a number"
        return None


def sessions_between(earlier: dt.date, later: dt.date) -> int:
    """Weekdays after `earlier` up to and including `later`.

    >>> sessions_between(dt.date(2024, 1, 5), dt.date(2024, 1, 8))  # Friday to Monday
    1
    """
    # As NumPy's days: a date of Python's has no day after 9999-12-31, which callers send for "until ever".
    return int(np.busday_count(np.datetime64(earlier, "D") + 1, np.datetime64(later, "D") + 1))


def look_up(
    prices: PriceTable, rows: Mapping[str, Forecast], freshness: Freshness, unreadable: Mapping[str, str], absent: str
) -> tuple[dict[str, Estimate], dict[str, str]]:
    """An estimate for each ticker of `prices`, and for those that allow none the reason.

    `unreadable` says why a ticker's row could not be read, `absent` why there is none. `log_fallbacks` tells the log.
    """
    estimates: dict[str, Estimate] = {}
    unusable: dict[str, str] = {}
    missing: list[str] = []
    for ticker in prices.tickers:
        row = rows.get(ticker)
        reason = freshness.refusal(row) if row is not None else unreadable.get(ticker, absent)
        if row is not None and reason is None:
            estimates[ticker] = _served(row)
        else:
            assert reason is not None
            missing.append(ticker)
            unusable[ticker] = reason
    center = float(np.mean([served.annual_return for served in estimates.values()])) if estimates else None
    for estimate in _estimated(prices, missing, unusable):
        estimates[estimate.ticker] = estimate if center is None else _shrunk(estimate, center)
        del unusable[estimate.ticker]
    in_order = {ticker: estimates[ticker] for ticker in prices.tickers if ticker in estimates}
    return in_order, unusable


def log_fallbacks(estimates: Mapping[str, Estimate], unusable: Mapping[str, str]) -> None:
    """A warning for each reason for which forecasts did not serve, with its tickers, and for each ticker not used."""
    by_reason: dict[str, list[str]] = {}
    for ticker, estimate in estimates.items():
        if estimate.reason is not None:
            by_reason.setdefault(estimate.reason, []).append(ticker)
    for reason, tickers in by_reason.items():
        logger.warning("estimated from past prices tickers=%s reason=%s", ",".join(tickers), reason)
    for ticker, reason in unusable.items():
        logger.warning("not used ticker=%s reason=%s", ticker, reason)


def _served(row: Forecast) -> Estimate:
    assert row.annual_return is not None
    assert row.annual_volatility is not None
    return Estimate(
        ticker=row.ticker,
        annual_return=row.annual_return,
        annual_volatility=row.annual_volatility,
        return_standard_error=row.return_standard_error,
        as_of=row.as_of,
        return_model=row.return_model or "unnamed",
        volatility_model=row.volatility_model or "unnamed",
        pooled_tickers=row.pooled_tickers,
    )


def _shrunk(estimate: Estimate, center: float) -> Estimate:
    """An estimate from past prices among forecasts: its return shrunk towards their mean, as theirs are (`models.pooling`).

    A young ticker's own mean beside shrunk forecasts would take the whole portfolio on the strength of a few lucky months.
    """
    assert estimate.return_standard_error is not None, "a historical estimate has its error"
    weight = PRIOR_ANNUAL_DISPERSION**2 / (PRIOR_ANNUAL_DISPERSION**2 + estimate.return_standard_error**2)
    shrinkage = f"its mean return of {estimate.annual_return:.1%} is shrunk towards the forecasts' {center:.1%}"
    return replace(
        estimate,
        annual_return=center + weight * (estimate.annual_return - center),
        reason=f"{estimate.reason}; {shrinkage}",
    )


def _estimated(prices: PriceTable, tickers: Iterable[str], reasons: dict[str, str]) -> Iterable[Estimate]:
    """Historical estimates of these tickers; where there is none, `reasons` is extended by why."""
    chosen = tuple(tickers)
    if not chosen:
        return
    table = prices.choose(chosen)
    last_day = table.last_day()
    for column, (ticker, log_return) in enumerate(zip(chosen, table.log_returns().T, strict=True)):
        try:
            estimate = _of_moving(log_return[np.isfinite(log_return)])
        except ModelError as error:
            reasons[ticker] = f"{reasons[ticker]}; and no estimate from prices: {error}"
            continue
        yield Estimate(
            ticker=ticker,
            annual_return=estimate.annual_return,
            annual_volatility=estimate.annual_volatility,
            return_standard_error=estimate.standard_error,
            as_of=date_of(last_day[column]),
            return_model=HISTORICAL,
            volatility_model=HISTORICAL,
            fallback=HISTORICAL,
            reason=reasons[ticker],
        )


def _of_moving(log_return: Floats) -> HistoricalEstimate:
    """The historical estimate of a price that moves: a halted one is no calm share, whatever it did before."""
    estimate = historical_estimate(log_return)
    if is_frozen(log_return):
        raise DegenerateSeriesError(f"the close has not moved on the last {FROZEN_BARS} bars: the price is halted or frozen")
    return estimate
