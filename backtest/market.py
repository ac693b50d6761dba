"""What happened: closes, dividends, members and delistings of many tickers on common days.

A strategy never sees this whole: `Market.known` cuts it at the day of a decision.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from errors import SourceError
from optimizer.prices import PriceTable, total_return_closes
from records import Bars, Days, Floats, date_of


@dataclass(frozen=True, slots=True)
class Membership:
    """The days on which each ticker may be bought, as spans of day numbers, both ends included. Without spans: always."""

    spans: Mapping[str, tuple[tuple[int, int], ...]] | None = None

    def includes(self, ticker: str, day: int) -> bool:
        """Whether the ticker is a member on that day."""
        if self.spans is None:
            return True
        return any(first <= day <= last for first, last in self.spans.get(ticker, ()))


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """Days (T,) rising, tickers (n), and what one unit of money in each did.

    `growth` (T, n): value at this close, dividends included, over the value at the close of the day before; 1 before the
    ticker's first bar, on days without a bar (the last price is carried forward), and after its end. `traded` (T, n): whether
    it has a bar. `last_row` (n,): row of its last bar. `delisting_return` (n,): what the last price still returns after a
    ticker's last bar, where that is before the last day; 0 unless given.
    """

    tickers: tuple[str, ...]
    day: Days
    close: Floats
    growth: Floats
    traded: np.ndarray
    last_row: np.ndarray
    delisting_return: Floats
    members: Membership = field(default=Membership())

    @classmethod
    def of(
        cls, bars: Mapping[str, Bars], members: Membership | None = None, delisting_returns: Mapping[str, float] | None = None
    ) -> Self:
        """The market of these bars, tickers in the order of their names. Raises SourceError if there is no bar."""
        held = {ticker: bars[ticker] for ticker in sorted(bars) if len(bars[ticker])}
        if not held:
            raise SourceError("no ticker has a bar: nothing to test")
        day = np.unique(np.concatenate([one.day for one in held.values()])).astype(np.int32)
        shape = (len(day), len(held))
        close, growth, traded = np.full(shape, np.nan), np.ones(shape), np.zeros(shape, dtype=bool)
        last_row = np.zeros(len(held), dtype=np.intp)
        for column, one in enumerate(held.values()):
            rows = np.searchsorted(day, one.day)
            close[rows, column] = total_return_closes(one.close, one.dividend)
            traded[rows, column] = True
            growth[rows[1:], column] = (one.close[1:] + one.dividend[1:]) / one.close[:-1]
            last_row[column] = rows[-1]
        given = delisting_returns or {}
        unknown = sorted(set(given) - set(held))
        if unknown:
            raise SourceError(f"a delisting return is given for {', '.join(unknown[:5])}, of which there is no bar")
        final = np.array([given.get(ticker, 0.0) for ticker in held])
        return cls(tuple(held), day, close, growth, traded, last_row, final, members or Membership())

    def __len__(self) -> int:
        return len(self.tickers)

    def date(self, row: int) -> dt.date:
        """The date of a row."""
        return date_of(self.day[row])

    def known(self, row: int, tickers: tuple[str, ...], bars: int) -> PriceTable:
        """What could be known after the close of `row`: adjusted closes of `tickers` over the last `bars` days.

        Adjusted closes of earlier days carry dividends up to the ticker's last bar as one factor, which no return sees.
        """
        rows = slice(max(0, row + 1 - bars), row + 1)
        column = {ticker: k for k, ticker in enumerate(self.tickers)}
        return PriceTable(tickers, self.day[rows], self.close[rows][:, [column[t] for t in tickers]])

    def eligible(self, row: int, minimum_bars: int) -> np.ndarray:
        """Tickers (n,) that may be bought after the close of `row`: members, with a bar on that day and enough before it."""
        member = np.array([self.members.includes(ticker, int(self.day[row])) for ticker in self.tickers])
        return np.asarray(member & self.traded[row] & (self.traded[: row + 1].sum(axis=0) > minimum_bars))

    def delisted(self) -> list[str]:
        """Tickers whose bars end before the last day."""
        return [t for t, last in zip(self.tickers, self.last_row, strict=True) if last < len(self.day) - 1]

    def days_per_year(self, first: int, last: int) -> float:
        """Trading days per calendar year between two rows: this calendar's own, not 252."""
        years = (int(self.day[last]) - int(self.day[first])) / 365.25
        return (last - first) / years if years > 0 else math.nan
