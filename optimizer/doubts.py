"""What a result warns of besides its portfolio's own warnings: weak grounds, and wishes that change nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from marketdata.groups import known_sectors
from marketdata.yahoo import named
from optimizer.lookup import MPT, Estimate, sessions_between
from optimizer.prices import PriceTable
from optimizer.request import AllocationRequest
from records import canonical_ticker

#: Of fewer days than a quarter's, a correlation of 0.3 has a standard error of more than 0.1.
_FEW_DAYS: Final = 63


def weak_grounds(table: PriceTable, estimates: Sequence[Estimate], end: dt.date, fresh_sessions: int) -> list[str]:
    """Prices and forecasts that are old beside the end date, forecasts that were limited, and correlations of few days."""
    doubts = []
    age = sessions_between(table.last_date(), end)
    if age > fresh_sessions:
        doubts.append(f"prices end on {table.last_date()}, {age} sessions before the end date {end}")
    ages = {e.ticker: sessions_between(e.as_of, end) for e in estimates if e.fallback != MPT}
    old = {ticker: age for ticker, age in ages.items() if age > fresh_sessions}
    if old:
        least, most = min(old.values()), max(old.values())
        span = f"{least}" if least == most else f"{least} to {most}"
        doubts.append(f"forecasts are {span} sessions older than the end date {end}: {named(list(old))}")
    doubts += [f"{e.ticker}: {e.reason}" for e in estimates if e.fallback is None and e.reason]
    if len(table) > 1 and len(table.day) < _FEW_DAYS:
        doubts.append(f"correlations rest on {len(table.day)} days of prices: choose an earlier start date")
    return doubts


def without_effect(request: AllocationRequest, tickers: Sequence[str]) -> list[str]:
    """What the request asks for that does not reach these tickers."""
    wishes = []
    sectors = known_sectors() if request.sector_limits else {}
    free = [ticker for ticker in tickers if ticker not in sectors]
    if request.sector_limits and free:
        wishes.append(f"no sector is known of {named(free)}: no sector limit applies there")
    left = [ticker for ticker, weight in request.current_weights.items() if weight > 0 and ticker not in tickers]
    if left:
        cost = " at a cost" if request.turnover_cost else ""
        wishes.append(f"held, but not among the tickers of this portfolio, so sold{cost}: {named(left)}")
    unseen = [name for name in request.expected_returns if canonical_ticker(name) not in tickers]
    if unseen:
        wishes.append(f"expected_returns of tickers that are not in this portfolio change nothing: {named(unseen)}")
    return wishes
