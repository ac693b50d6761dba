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
    """`table`: the tickers that have prices. `missing`: the others, with the reason."""

    table: PriceTable
    missing: Mapping[str, str]
    warnings: tuple[str, ...]


class Market:
    """Prices of any tickers between two dates; `provider` None means that the state is all there is. Thread-safe."""

    def __init__(self, histories: Histories, provider: Provider | None) -> None:
        self._histories = histories
        self._provider = provider
        self._held: Recent[PriceTable] = Recent(_TABLES_KEPT)

    def prices(self, tickers: Sequence[str], start: dt.date, end: dt.date) -> Prices:
        """Adjusted closes from `start` to `end`, both included.

        A ticker that the state holds within these dates is never asked for elsewhere; its history may begin later than `start`.
        A failure of the state or the provider costs the tickers it concerns, and stands in `missing` and `warnings`. As long as
        nothing changes in the state, the table is the very same object.
        """
        warnings: list[str] = []
        try:
            bars, unreadable = self._histories.bars_many(tickers)
        except (StateError, SchemaError) as error:
            logger.warning("history unreadable reason=%s", error)
            warnings.append("the history in the state cannot be read; the log has the reason")
            bars, unreadable = {}, {}
        table = self._held.get((start, end, bars), lambda: _table_of(bars, start, end))
        held = frozenset(table.tickers)
        missing = {ticker: unreadable.get(ticker, NOT_HELD) for ticker in tickers if ticker not in held}
        if missing and self._provider is not None:
            fetched = self._fetched(self._provider, missing, warnings, start, end)
            if fetched:
                table = _joined(table, fetched)
        return Prices(table, missing, tuple(warnings))

    def _fetched(
        self, provider: Provider, missing: dict[str, str], warnings: list[str], start: dt.date, end: dt.date
    ) -> dict[str, Series]:
        """What the provider has of `missing`, which then lacks it."""
        answer, failed = provider.closes(list(missing), start, end)
        found = {ticker: series.between(day_number(start), day_number(end)) for ticker, series in answer.items()}
        found = {ticker: series for ticker, series in found.items() if len(series.day)}
        if failed:
            logger.warning("provider gave no prices tickers=%s reason=%s", ",".join(failed), next(iter(failed.values())))
            warnings.append(f"prices of {len(failed)} of {len(missing)} tickers could not be fetched; each has its reason")
        for ticker in list(missing):
            if ticker in found:
                del missing[ticker]
            else:
                missing[ticker] += f", and from the provider: {failed.get(ticker, 'nor there')}"
        return found


def _table_of(bars: Mapping[str, Bars], start: dt.date, end: dt.date) -> PriceTable:
    series = {ticker: adjusted_series(one, start, end) for ticker, one in bars.items()}
    return PriceTable.of({ticker: one for ticker, one in series.items() if len(one.day)})


def _joined(table: PriceTable, more: Mapping[str, Series]) -> PriceTable:
    return PriceTable.of({ticker: table.series(ticker) for ticker in table.tickers} | dict(more))
