"""Which forecast serves a request, and the estimate from prices where none does.

A row of the table serves when a trained model made it, or pooling for a ticker without one; when it is not from after the
request's end date (that would be looking ahead); and when it is fresh: at most `fresh_sessions` sessions older than the newest
bar that the request could know, the earlier of its end date and the newest bar of the whole table. So replayed history is
served like today's, and a delisted ticker goes stale although its own last bar is the newest of its own. Sessions are those of
the ticker's own exchange: a holiday makes nothing stale. Of a symbol that names no exchange weekdays are counted.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from marketdata.calendars import calendar_name, sessions_since
from models.pooling.pool import POOLED
from models.pooling.shrinkage import center_of_returns
from optimizer.historical import past_estimates
from optimizer.prices import PriceTable
from records import EARLIER, RETURN_LIMITED, Forecast, date_of

logger = logging.getLogger(__name__)

#: Name of the estimate from past prices, as of classic mean-variance (modern portfolio theory), in results. The table's own
#: `historical` differs: it uses all bars that the state keeps, of one ticker alone.
MPT: Final = "mpt"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is expected of one ticker, per year, and where it comes from.

    `pooled_tickers`: over how many tickers the forecast was pooled (1: it stands alone). `fallback` is None for a trained
    model's forecast, else the name of the estimate in its place, with the `reason`; `shrinkage` tells how one from past prices
    was made of their mean. `forecast_volatility` and `forecast_return` are the forecasts themselves where `annual_volatility`
    and `annual_return` are what a portfolio uses (`optimizer.covariance`, `optimizer.exposure`), with `market_beta`.
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
    shrinkage: str | None = None
    forecast_volatility: float | None = None
    forecast_return: float | None = None
    market_beta: float | None = None

    def explanation(self) -> str | None:
        """The reason and the shrinkage in one sentence; None for a forecast as the models made it."""
        return "; ".join(text for text in (self.reason, self.shrinkage) if text) or None


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
        age = sessions_since(row.ticker, row.as_of, reference, enough=self.fresh_sessions)
        if age > self.fresh_sessions:
            return f"the forecast is of {row.as_of}, {age} sessions before {reference} (at most {self.fresh_sessions} serve)"
        if row.fallback not in (None, POOLED) or row.annual_return is None or row.annual_volatility is None:
            return _steps(row) or "no model forecasts this ticker"
        if not (math.isfinite(row.annual_return) and math.isfinite(row.annual_volatility) and row.annual_volatility > 0.0):
            return f"the forecast of {row.as_of} is not a number"
        return None


def fewest_sessions(tickers: Iterable[str], earlier: dt.date, later: dt.date, *, enough: int) -> int:
    """Sessions after `earlier` up to `later` of the exchange that has the fewest: a holiday of any of them makes nothing old.

    A count of weekdays that is not above `enough` is returned as it is. Only one ticker of each calendar is asked.
    """
    of_calendars = {calendar_name(ticker): ticker for ticker in tickers}
    return min((sessions_since(ticker, earlier, later, enough=enough) for ticker in of_calendars.values()), default=0)


def look_up(
    prices: PriceTable, rows: Mapping[str, Forecast], freshness: Freshness, unreadable: Mapping[str, str], absent: str
) -> tuple[dict[str, Estimate], dict[str, str]]:
    """An estimate for each ticker of `prices`; for the others the reason.

    `unreadable` says why a ticker's row could not be read, `absent` why there is none. `log_fallbacks` tells the log.
    """
    estimates: dict[str, Estimate] = {}
    reasons: dict[str, str] = {}
    for ticker in prices.tickers:
        row = rows.get(ticker)
        reason = freshness.refusal(row) if row is not None else unreadable.get(ticker, absent)
        if row is not None and reason is None:
            estimates[ticker] = _served(row)
        else:
            assert reason is not None
            reasons[ticker] = reason
    # By the rule that no ticker decides for another: forecasts have no error by which they would differ.
    served = np.array([estimate.annual_return for estimate in estimates.values()])
    center = center_of_returns(served, np.zeros(len(served))) if estimates else None
    past, refused = _from_past(prices.choose(tuple(reasons)), center, reasons) if reasons else ({}, {})
    estimates |= past
    return {ticker: estimates[ticker] for ticker in prices.tickers if ticker in estimates}, refused


def log_fallbacks(estimates: Mapping[str, Estimate], unusable: Mapping[str, str]) -> None:
    """A warning for each reason for which something else than the models serves, with its tickers; and for unused tickers."""
    by_reason: dict[tuple[str | None, str], list[str]] = {}
    for ticker, estimate in estimates.items():
        if estimate.fallback is not None or estimate.reason is not None:
            by_reason.setdefault((estimate.fallback, estimate.reason or ""), []).append(ticker)
    for (fallback, reason), tickers in by_reason.items():
        if fallback is None:
            logger.warning("not as the models said tickers=%s reason=%s", ",".join(tickers), reason)
            continue
        logger.warning("no trained forecast fallback=%s tickers=%s reason=%s", fallback, ",".join(tickers), reason)
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
        fallback=row.fallback,
        reason=_steps(row) if row.fallback is not None else _limit(row),
    )


def _steps(row: Forecast) -> str:
    return "; ".join(f"{step.model}: {step.reason}" for step in row.fallbacks)


def _limit(row: Forecast) -> str | None:
    """Why the forecast is not what the selected models said, if it is not."""
    return "; ".join(step.reason for step in row.fallbacks if step.model in {EARLIER, RETURN_LIMITED}) or None


def _from_past(
    prices: PriceTable, center: float | None, reasons: Mapping[str, str]
) -> tuple[dict[str, Estimate], dict[str, str]]:
    """Estimates from these prices, shrunk towards the `center` of the forecasts where there are any, and why some have none."""
    past, refused = past_estimates(prices, center)
    last_day = dict(zip(prices.tickers, prices.last_day(), strict=True))
    estimates = {
        ticker: Estimate(
            ticker=ticker,
            annual_return=each.annual_return,
            annual_volatility=each.annual_volatility,
            return_standard_error=each.standard_error,
            as_of=date_of(last_day[ticker]),
            return_model=MPT,
            volatility_model=MPT,
            fallback=MPT,
            reason=reasons[ticker],
            shrinkage=each.shrinkage,
        )
        for ticker, each in past.items()
    }
    return estimates, {ticker: f"{reasons[ticker]}; and no estimate from prices: {why}" for ticker, why in refused.items()}
