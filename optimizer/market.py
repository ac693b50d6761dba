"""Where prices come from: the history in the state first, a provider only for what is missing there."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from errors import SchemaError, StateError
from optimizer.prices import PriceTable, Series, adjusted_series
from optimizer.provider import Provider
from optimizer.recent import Recent
from records import Bars, day_number

logger = logging.getLogger(__name__)

#: Tables of prices that are kept, 5 MB each for 500 tickers over five years.
_TABLES_KEPT: Final = 4
NOT_HELD: Final = "no bar in the state between these dates"


class Histories(Protocol):
    """Bars of many tickers; `state.readers.HistoryReader` is one."""

    def bars_many(self, tickers: Sequence[str]) -> tuple[dict[str, Bars], dict[str, str]]:
        """The bars by ticker, the same objects while nothing changes, and why some cannot be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """`table`: the tickers that have prices between the dates. `missing`: the others, with the reason.

    `history` holds the same tickers from an earlier day on, if that was asked for; else it is the table.
    """

    table: PriceTable
    history: PriceTable
    missing: Mapping[str, str]
    warnings: tuple[str, ...]


class Market:
    """Prices of any tickers between two dates; `provider` None means that the state is all there is. Thread-safe."""

    def __init__(self, histories: Histories, provider: Provider | None) -> None:
        self._histories = histories
        self._provider = provider
        self._held: Recent[tuple[PriceTable, PriceTable]] = Recent(_TABLES_KEPT)

    def prices(self, tickers: Sequence[str], start: dt.date, end: dt.date, *, history_start: dt.date | None = None) -> Prices:
        """Adjusted closes from `start` to `end`, both included; `history` begins at `history_start` if that is earlier.

        A ticker that the state holds within these dates is never asked for elsewhere; its history may begin later than `start`.
        A failure of the state or the provider costs the tickers it concerns, and stands in `missing` and `warnings`. As long as
        nothing changes in the state, the tables are the very same objects.
        """
        first = min(start, history_start or start)
        warnings: list[str] = []
        try:
            bars, unreadable = self._histories.bars_many(tickers)
        except (StateError, SchemaError) as error:
            logger.warning("history unreadable reason=%s", error)
            warnings.append("the history in the state cannot be read; the log has the reason")
            bars, unreadable = {}, {}
        history, table = self._held.get((first, start, end, bars), lambda: _tables_of(bars, first, start, end))
        held = frozenset(table.tickers)
        missing = {ticker: unreadable.get(ticker, NOT_HELD) for ticker in tickers if ticker not in held}
        if missing and self._provider is not None:
            fetched = self._fetched(self._provider, missing, warnings, first, start, end)
            if fetched:
                history, table = _cut(_joined(history, fetched), start)
        return Prices(table, history, missing, tuple(warnings))

    def _fetched(
        self,
        provider: Provider,
        missing: dict[str, str],
        warnings: list[str],
        first: dt.date,
        start: dt.date,
        end: dt.date,
    ) -> dict[str, Series]:
        """What the provider has of `missing` from `first` on, if any of it is after `start`; `missing` then lacks it."""
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
                missing[ticker] += f", and from the provider: {failed.get(ticker, 'nor there')}"
        return found


def _tables_of(bars: Mapping[str, Bars], first: dt.date, start: dt.date, end: dt.date) -> tuple[PriceTable, PriceTable]:
    """The prices from `first` and from `start` on, of the tickers with a bar between `start` and `end`."""
    series = {ticker: adjusted_series(one, first, end) for ticker, one in bars.items()}
    in_time = day_number(start)
    return _cut(PriceTable.of({t: one for t, one in series.items() if len(one.day) and one.day[-1] >= in_time}), start)


def _cut(history: PriceTable, start: dt.date) -> tuple[PriceTable, PriceTable]:
    """The table itself, and its part from `start` on."""
    return history, history.since(day_number(start))


def _joined(table: PriceTable, more: Mapping[str, Series]) -> PriceTable:
    return PriceTable.of({ticker: table.series(ticker) for ticker in table.tickers} | dict(more))
