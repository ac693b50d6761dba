"""Where prices come from: the history in the state first, a provider only for what is missing there."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from errors import SchemaError, StateError
from optimizer.prices import PriceTable, Series, adjusted_series
from optimizer.provider import Provider
from optimizer.result_cache import ResultCache
from records import Bars, date_of, day_number

logger = logging.getLogger(__name__)

#: Tables of prices that are kept, 5 MB each for 500 tickers over five years.
_TABLES_KEPT: Final = 4


class Histories(Protocol):
    """Bars of many tickers; `state.readers.HistoryReader` is one."""

    def bars_many(self, tickers: Sequence[str]) -> tuple[dict[str, Bars], dict[str, str]]:
        """The bars by ticker, the same objects while nothing changes, and why some cannot be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """`table`: the tickers that have prices between the dates. `missing`: the others, with the reason.

    `history` holds the same tickers from an earlier day on, if that was asked for; else it is the table.
    `enough_from`: where the table has fewer days than asked for, the earliest end date that would have them, if any.
    """

    table: PriceTable
    history: PriceTable
    missing: Mapping[str, str]
    warnings: tuple[str, ...]
    enough_from: dt.date | None = None


class Market:
    """Prices of any tickers between two dates; `provider` None means that the state is all there is. Thread-safe."""

    def __init__(self, histories: Histories, provider: Provider | None) -> None:
        self._histories = histories
        self._provider = provider
        self._tables: ResultCache[tuple[PriceTable, PriceTable]] = ResultCache(_TABLES_KEPT, one_at_a_time=True)

    def prices(
        self, tickers: Sequence[str], start: dt.date, end: dt.date, *, history_start: dt.date | None = None, min_days: int = 0
    ) -> Prices:
        """Adjusted closes from `start` to `end`, both included; `history` begins at `history_start` if that is earlier.

        If these dates hold fewer than `min_days` days of prices, the table begins earlier, so that it has as many, as far as
        the history has them; a warning says so. No price after `end` is ever in it.

        A ticker that the state holds within these dates is never asked for elsewhere; its history may begin later than `start`.
        A failure of the state or the provider costs the tickers it concerns, and stands in `missing` and `warnings`. As long as
        nothing changes in the state, the tables are the same objects.
        """
        first = min(start, history_start or start)
        warnings: list[str] = []
        try:
            bars, unreadable = self._histories.bars_many(tickers)
        except (StateError, SchemaError) as error:
            logger.warning("history unreadable reason=%s", error)
            warnings.append("the history in the state cannot be read; the log has the reason")
            bars, unreadable = {}, {}
        history, table = self._tables.get(
            (first, start, end, min_days, bars), lambda: _tables_of(bars, first, start, end, min_days)
        )
        held = frozenset(table.tickers)
        missing = {
            ticker: unreadable.get(ticker) or _absence(bars.get(ticker), start, end) for ticker in tickers if ticker not in held
        }
        if missing and self._provider is not None:
            fetched = self._fetched(self._provider, missing, warnings, first, start, end)
            if fetched:
                series = {ticker: history.series(ticker) for ticker in history.tickers} | fetched
                history, table = _cut(PriceTable.of(series), start, min_days)
        if min_days and table.tickers and date_of(table.day[0]) < start:
            warnings.append(
                f"the dates {start} to {end} hold fewer than {min_days} days of prices: those from {date_of(table.day[0])} on "
                "were used"
            )
        short = len(table.day) < min_days
        return Prices(table, history, missing, tuple(warnings), _day_of_number(bars, min_days) if short else None)

    def _fetched(
        self,
        provider: Provider,
        missing: dict[str, str],
        warnings: list[str],
        first: dt.date,
        start: dt.date,
        end: dt.date,
    ) -> dict[str, Series]:
        """Prices that the provider has of `missing` from `first` on, if any are after `start`; removed from `missing`."""
        answer, failed = provider.closes(list(missing), first, end)
        found = {ticker: series.between(day_number(first), day_number(end)) for ticker, series in answer.items()}
        found = {ticker: series for ticker, series in found.items() if len(series.day) and series.day[-1] >= day_number(start)}
        if failed:
            logger.warning("provider gave no prices tickers=%s reason=%s", ",".join(failed), next(iter(failed.values())))
            warnings.append(f"prices of {len(failed)} of {len(missing)} tickers could not be fetched; each has its reason")
        for ticker in list(missing):
            if ticker in found:
                del missing[ticker]
            else:
                missing[ticker] += f", and from the provider: {failed.get(ticker, 'none either')}"
        return found


def _absence(bars: Bars | None, start: dt.date, end: dt.date) -> str:
    if bars is None or not len(bars):
        return "no prices are kept here"
    return f"no prices are kept here between {start} and {end}, only from {bars.first_date} to {bars.last_date}"


def _tables_of(
    bars: Mapping[str, Bars], first: dt.date, start: dt.date, end: dt.date, min_days: int
) -> tuple[PriceTable, PriceTable]:
    """The prices from `first` and from `start` on, of the tickers with a bar between `start` and `end`.

    Where earlier days may be borrowed and the dates hold no bar at all (a weekend), of all tickers with a bar.
    """
    series = {ticker: each for ticker, bar in bars.items() if len((each := adjusted_series(bar, first, end)).day)}
    in_time = {ticker: each for ticker, each in series.items() if each.day[-1] >= day_number(start)}
    return _cut(PriceTable.of(in_time or series if min_days else in_time), start, min_days)


def _cut(history: PriceTable, start: dt.date, min_days: int) -> tuple[PriceTable, PriceTable]:
    """The table itself, and its part from `start` on, or its last `min_days` days if that part has fewer."""
    first = day_number(start)
    if min_days and len(history.day) and len(history.day) - np.searchsorted(history.day, first) < min_days:
        first = min(first, int(history.day[-min_days:][0]))
    return history, history.since(first)


def _day_of_number(bars: Mapping[str, Bars], number: int) -> dt.date | None:
    """The date on which these tickers together have `number` days of prices; None if they have fewer."""
    days = np.unique(np.concatenate([each.day for each in bars.values()])) if bars else np.empty(0, np.int32)
    return date_of(days[number - 1]) if len(days) >= number else None
