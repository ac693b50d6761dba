"""How much of a request the data cover, and how old they are: below the limits the request is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from errors import InsufficientDataError
from marketdata.calendars import sessions_since
from models.historical import MINIMUM_RETURNS
from optimizer.lookup import Estimate, fewest_sessions
from optimizer.prices import PriceTable
from records import date_of, day_number
from text import shortened

#: Different reasons that one message names; the log has them all.
_REASONS = 5


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a portfolio was computed from: numbers of tickers, and the first and last dates.

    `forecast_dates` are the oldest and the newest `as_of` of the forecasts in use; None where every ticker is served by an
    estimate from past prices.
    """

    requested: int
    used: int
    forecasts: int
    price_dates: tuple[dt.date, dt.date]
    forecast_dates: tuple[dt.date, dt.date] | None

    @classmethod
    def of(cls, requested: int, estimates: Sequence[Estimate], table: PriceTable) -> Coverage:
        """The coverage of a request for `requested` tickers by these estimates and prices."""
        dates = sorted(estimate.as_of for estimate in estimates if estimate.fallback is None)
        return cls(
            requested,
            len(estimates),
            len(dates),
            (date_of(table.day[0]), table.last_date()),
            (dates[0], dates[-1]) if dates else None,
        )

    def sentence(self) -> str:
        """The coverage in words, as the client's page shows it."""
        first, last = self.price_dates
        text = f"{self.used} of {self.requested} tickers used, prices from {first} to {last}"
        if self.forecast_dates is None:
            return f"{text}, no forecasts: all expectations are estimates from past prices"
        oldest, newest = self.forecast_dates
        span = f"{newest}" if oldest == newest else f"{oldest} to {newest}"
        return f"{text}, {self.forecasts} by forecasts of {span}"


def outdated(table: PriceTable, reference: dt.date, max_sessions: int) -> dict[str, str]:
    """Tickers whose last price is more than `max_sessions` sessions of their exchange before `reference`, with the reason."""
    reasons: dict[str, str] = {}
    for ticker, day in zip(table.tickers, table.last_day().tolist(), strict=True):
        if day_number(reference) - day <= max_sessions:
            continue  # as days are never fewer than sessions
        last = date_of(day)
        age = sessions_since(ticker, last, reference, enough=max_sessions)
        if age > max_sessions:
            reasons[ticker] = f"its prices end on {last}, {age} sessions before {reference}"
    return reasons


def too_short(table: PriceTable) -> dict[str, str]:
    """Tickers with fewer prices than any estimate of their volatility or correlations needs, with the reason."""
    closes = np.isfinite(table.close).sum(axis=0)
    return {
        ticker: f"only {count} days of prices up to {table.last_date()}, and {MINIMUM_RETURNS + 1} are needed"
        for ticker, count in zip(table.tickers, closes.tolist(), strict=True)
        if count <= MINIMUM_RETURNS
    }


def require_recent(table: PriceTable, old: Mapping[str, str], reference: dt.date, max_sessions: int) -> None:
    """Raise InsufficientDataError if all tickers are `old` (see `outdated`)."""
    if len(old) == len(table):
        last = table.last_date()
        age = fewest_sessions(table.tickers, last, reference, enough=max_sessions)
        raise InsufficientDataError(
            f"The prices of these tickers end on {last}, {age} sessions before {reference}: too old for a portfolio of that "
            f"date (at most {max_sessions} sessions are accepted). Choose an end date of {last}, or have newer prices loaded."
        )


def require_days(table: PriceTable, end: dt.date, min_days: int, enough_from: dt.date | None) -> None:
    """Raise InsufficientDataError if several tickers have fewer than `min_days` days of prices.

    `enough_from`: the earliest end date with enough days, None if there is none.
    """
    if len(table) > 1 and len(table.day) < min_days:
        remedy = f"Choose an end date of {enough_from} or later." if enough_from else "Wait for more prices."
        raise InsufficientDataError(
            f"Only {len(table.day)} days of prices are known up to {end}, and {min_days} are needed to measure how prices move "
            f"together. {remedy}"
        )


def require_coverage(used: Sequence[str], requested: int, unused: Mapping[str, str], min_coverage: float) -> None:
    """Raise InsufficientDataError if less than the share `min_coverage` of the requested tickers can be used."""
    if len(used) < min_coverage * requested:
        raise InsufficientDataError(
            f"Only {len(used)} of the {requested} tickers can be used, and at least {min_coverage:.0%} are needed: "
            f"{shortened(used)}. Not used: {by_reason(unused)}. Choose a list of tickers that have prices here, or have the "
            "others loaded."
        )


def by_reason(unused: Mapping[str, str], more: Iterable[str] = ()) -> str:
    """Unused tickers grouped by their reason, at most five groups, then the sentences in `more`."""
    groups: dict[str, list[str]] = {}
    for ticker, reason in unused.items():
        groups.setdefault(reason, []).append(ticker)
    shown = [f"{shortened(tickers)}: {reason}" for reason, tickers in list(groups.items())[:_REASONS]]
    left = sum(map(len, list(groups.values())[_REASONS:]))
    return "; ".join([*shown, *([f"{left} others for other reasons"] if left else []), *more])
