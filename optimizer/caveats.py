"""What a result warns of besides its portfolio's own warnings: weak data, and options of the request that change nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

from marketdata.calendars import sessions_since, unread_calendars
from marketdata.groups import known_sectors
from optimizer.lookup import MPT, Estimate, fewest_sessions
from optimizer.prices import PriceTable
from optimizer.request import AllocationRequest
from records import Forecast, canonical_ticker, currency_of, date_of, exchange_of
from text import shortened

#: Yahoo's oldest daily prices; an earlier start date asks for all that there are.
_OLDEST_PRICES: Final = dt.date(1962, 1, 2)


def data_caveats(
    table: PriceTable, estimates: Sequence[Estimate], request: AllocationRequest, fresh_sessions: int
) -> list[str]:
    """Prices that begin late or end early, old forecasts, and forecasts that are not what the models said, by reason."""
    caveats = []
    late = fewest_sessions(table.tickers, request.start_date, date_of(table.day[0]), enough=fresh_sessions)
    if late > fresh_sessions and request.start_date >= _OLDEST_PRICES:
        caveats.append(f"prices begin on {date_of(table.day[0])}, {late} sessions after the start date {request.start_date}")
    end = request.end_date
    age = fewest_sessions(table.tickers, table.last_date(), end, enough=fresh_sessions)
    if age > fresh_sessions:
        caveats.append(f"prices end on {table.last_date()}, {age} sessions before the end date {end}")
    ages = {e.ticker: sessions_since(e.ticker, e.as_of, end, enough=fresh_sessions) for e in estimates if e.fallback != MPT}
    old = {ticker: age for ticker, age in ages.items() if age > fresh_sessions}
    if old:
        least, most = min(old.values()), max(old.values())
        span = f"{least}" if least == most else f"{least} to {most}"
        caveats.append(f"forecasts are {span} sessions older than the end date {end}: {shortened(list(old))}")
    if unread := unread_calendars():
        caveats.append(
            f"calendars are not read yet ({', '.join(unread)}), so weekdays count as sessions: ask again in a minute"
        )
    reasons: dict[str, list[str]] = {}
    for estimate in estimates:
        if estimate.fallback is None and estimate.reason:
            reasons.setdefault(estimate.reason, []).append(estimate.ticker)
    return caveats + [f"{shortened(of)}: {reason}" for reason, of in reasons.items()]


def later_forecasts(later: Mapping[str, dt.date], tickers: Sequence[str]) -> list[str]:
    """That forecasts exist which were made after the end date, by their dates, and the end date that would use them."""
    dates = {ticker: later[ticker] for ticker in tickers if ticker in later}
    if not dates:
        return []
    names = shortened(list(dates))
    return [f"forecasts made after the end date are not used: {names}: choose an end date of {max(dates.values())} to use them"]


def mixed_units(tickers: Sequence[str], rows: Mapping[str, Forecast]) -> list[str]:
    """Currencies and lengths of the year that differ among the tickers, each with its tickers; nothing is converted.

    The currency is that of the ticker's row, and the symbol's where no row names one.
    """
    currencies: dict[str, list[str]] = {}
    years: dict[str, list[str]] = {}
    for ticker in tickers:
        exchange = exchange_of(ticker)
        currency = (rows[ticker].currency if ticker in rows else None) or currency_of(ticker, ())
        if currency is not None:
            currencies.setdefault(currency, []).append(ticker)
        years.setdefault("7" if exchange is not None and exchange.calendar == "24/7" else "5", []).append(ticker)
    caveats = []
    if len(currencies) > 1:
        listed = "; ".join(f"{currency}: {shortened(of)}" for currency, of in sorted(currencies.items()))
        caveats.append(f"prices in different currencies ({listed}): returns are each in their own and are not converted")
    if len(years) > 1:
        caveats.append(
            f"bars on seven days a week ({shortened(years['7'])}) beside bars on five ({shortened(years['5'])}): the horizon's "
            f"bars are fewer days for the former; annual figures use each ticker's own year"
        )
    return caveats


def ignored_options(request: AllocationRequest, tickers: Sequence[str]) -> list[str]:
    """Options of the request that have no effect on these tickers."""
    ignored = []
    sectors = known_sectors() if request.sector_limits else {}
    free = [ticker for ticker in tickers if ticker not in sectors]
    if request.sector_limits and free:
        ignored.append(f"no sector is known of {shortened(free)}: no sector limit applies there")
    left = [ticker for ticker, weight in request.current_weights.items() if weight > 0 and ticker not in tickers]
    if left:
        cost = " at a cost" if request.turnover_cost else ""
        ignored.append(f"held, but not among the tickers of this portfolio, so sold{cost}: {shortened(left)}")
    unseen = [name for name in request.expected_returns if canonical_ticker(name) not in tickers]
    if unseen:
        ignored.append(f"expected_returns of tickers that are not in this portfolio change nothing: {shortened(unseen)}")
    return ignored
