"""The forecast rows that serve a request: the table's newest, or those of an earlier end date, pooled."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from errors import SchemaError, StateError
from models.pooling.pool import pool
from optimizer.earlier import Earlier, servable
from optimizer.progress import Progress, no_progress
from optimizer.result_cache import ResultCache
from records import Forecast
from settings import Settings

logger = logging.getLogger(__name__)

#: Pooled tables that are kept, 3 MB each for 500 tickers: the newest, and one as it was known at some date.
_POOLED_KEPT: Final = 2


class Forecasts(Protocol):
    """The forecast table; `state.readers.ForecastReader` is one."""

    def all(self) -> list[Forecast]:
        """All readable rows."""

    def unreadable(self) -> dict[str, str]:
        """Why some rows cannot be read, by ticker."""


class EarlierSource(Protocol):
    """A source of rows as of earlier dates; `optimizer.earlier.EarlierForecasts` is one."""

    def rows(self, date: dt.date, tickers: Sequence[str], progress: Progress) -> Earlier:
        """The rows of the newest bars up to the date, the same objects while nothing changes; where there are none, why."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of an end date, none from after it, pooled over all that were known then.

    `newest` is the newest bar of the table. `unserved`: why a ticker's row cannot be read or used, `absent`: why there is none.
    `later`: the dates of rows from after the end date that have no earlier row in their place.
    """

    forecasts: Mapping[str, Forecast]
    newest: dt.date | None
    unserved: Mapping[str, str]
    later: Mapping[str, dt.date] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    absent: str = "no forecast in the table"


class ServedRows:
    """The rows of a table as they are served. Thread-safe.

    Rows are pooled here and not by the workers that write them, because no worker knows another's tickers. Without `earlier`,
    an end date before a ticker's newest row has no forecast of it.
    """

    def __init__(self, forecasts: Forecasts, settings: Settings, earlier: EarlierSource | None = None) -> None:
        self._forecasts = forecasts
        self._settings = settings
        self._earlier = earlier if settings.earlier_sessions else None
        self._pooled: ResultCache[list[Forecast]] = ResultCache(_POOLED_KEPT, one_at_a_time=True)
        self._servable: ResultCache[tuple[list[str], dict[str, str]]] = ResultCache(_POOLED_KEPT)

    def table(self) -> list[Forecast]:
        """All readable rows as they are served: pooled over the whole table, sorted by ticker. Raises what reading raises."""
        return self._pool(self._forecasts.all())

    def as_of(self, end: dt.date, tickers: Iterable[str], progress: Progress = no_progress) -> Rows:
        """The rows for a request of these tickers at the date `end`; a table that cannot be read is a warning, not an error.

        Earlier rows are made of the whole table, since all are pooled, but of at most MAX_TICKERS tickers.
        """
        try:
            rows = self._forecasts.all()
            unserved = self._forecasts.unreadable()
        except (StateError, SchemaError) as error:
            logger.warning("forecasts unreadable reason=%s", error)
            reason = "the forecast table cannot be read; the log has the reason"
            return Rows({}, None, {}, warnings=(reason,), absent=reason)
        newest = max((row.as_of for row in rows), default=None)
        known, later = [row for row in rows if row.as_of <= end], [row for row in rows if row.as_of > end]
        made = self._earlier_rows(end, later, tickers, progress) if later and self._earlier is not None else Earlier((), {})
        pooled = self._pool([*known, *made.rows])
        served = {row.ticker: row for row in pooled}
        not_served = [row for row in later if row.ticker not in served]
        return Rows(
            served,
            newest,
            unserved | {row.ticker: _looks_ahead(row, end, made.missing.get(row.ticker)) for row in not_served},
            {row.ticker: row.as_of for row in not_served},
        )

    def _earlier_rows(self, end: dt.date, later: list[Forecast], tickers: Iterable[str], progress: Progress) -> Earlier:
        assert self._earlier is not None
        able, missing = self._servable.get((later, end), lambda: servable(later, end, self._settings))
        wanted = _bounded(able, tickers, self._settings.max_tickers)
        if not wanted:
            return Earlier((), missing)
        made = self._earlier.rows(end, wanted, progress)
        return Earlier(made.rows, {**missing, **made.missing})

    def _pool(self, rows: list[Forecast]) -> list[Forecast]:
        return self._pooled.get((rows,), lambda: pool(rows))


def _bounded(able: list[str], tickers: Iterable[str], most: int) -> list[str]:
    """At most so many tickers, in their order: those of the request first, then others evenly from the whole table."""
    if len(able) <= most:
        return able
    asked = set(tickers)
    first = [ticker for ticker in able if ticker in asked][:most]
    others = [ticker for ticker in able if ticker not in asked]
    count = most - len(first)
    return sorted([*first, *(others[number * len(others) // count] for number in range(count))])


def _looks_ahead(row: Forecast, end: dt.date, why: str | None) -> str:
    reason = f"the forecast is of {row.as_of}, after the end date {end}: it would look ahead"
    return f"{reason}; {why}" if why else reason
