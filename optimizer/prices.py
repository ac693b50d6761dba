"""Prices of several tickers on common dates, and what is computed from prices alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from records import Bars, Days, Floats, date_of, day_number, periods_per_year


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Closes of one ticker, adjusted for splits and dividends: day (t,) rising, close (t,) positive."""

    day: Days
    close: Floats

    def between(self, first_day: int, last_day: int) -> Series:
        """The part from `first_day` to `last_day`, both included (views)."""
        start, stop = np.searchsorted(self.day, [first_day, last_day + 1])
        return Series(self.day[start:stop], self.close[start:stop])


def adjusted_series(bars: Bars, start: dt.date, end: dt.date) -> Series:
    """Adjusted closes of the bars from `start` to `end`, both included; the last close is as traded.

    Bars are split-adjusted already. Dividends are taken in by the total return, (C + D) / C₋₁, of each day inside the range,
    the same return that the forecasts are made of; one after `end` changes nothing, so nothing is known too early.
    """
    first, last = np.searchsorted(bars.day, [day_number(start), day_number(end) + 1])
    return Series(bars.day[first:last], total_return_closes(bars.close[first:last], bars.dividend[first:last]))


def total_return_closes(close: Floats, dividend: Floats) -> Floats:
    """Closes (t,) whose returns are total returns, dividends (t,) taken in on their days; the last close is unchanged."""
    if not dividend[1:].any():
        return close
    log_return = np.log((close[1:] + dividend[1:]) / close[:-1])
    after = np.concatenate([np.cumsum(log_return[::-1])[::-1], [0.0]])
    adjusted: Floats = close[-1] * np.exp(-after)
    return adjusted


@dataclass(frozen=True, slots=True, eq=False)
class PriceTable:
    """Adjusted closes of n tickers: `day` (T,) holds every day on which any of them has one, `close` (T, n) NaN elsewhere."""

    tickers: tuple[str, ...]
    day: Days
    close: Floats

    @classmethod
    def of(cls, series: Mapping[str, Series]) -> Self:
        """The table of several series; no ticker shortens another."""
        if not series:
            return cls((), np.empty(0, np.int32), np.empty((0, 0)))
        first = min(int(one.day[0]) for one in series.values())
        last = max(int(one.day[-1]) for one in series.values())
        traded = np.zeros(last - first + 1, dtype=bool)
        for one in series.values():
            traded[one.day - first] = True
        row = np.cumsum(traded) - 1
        # A ticker's closes lie side by side until the end: columns of a table by rows are slow to write.
        close = np.full((len(series), int(row[-1]) + 1), np.nan)
        for number, one in enumerate(series.values()):
            close[number, row[one.day - first]] = one.close
        return cls(tuple(series), (np.flatnonzero(traded) + first).astype(np.int32), close.T)

    def __len__(self) -> int:
        return len(self.tickers)

    def column(self, ticker: str) -> Floats:
        """Closes (T,) of one ticker."""
        column: Floats = self.close[:, self.tickers.index(ticker)]
        return column

    def series(self, ticker: str) -> Series:
        """One ticker's own days and closes."""
        close = self.column(ticker)
        own = np.isfinite(close)
        return Series(self.day[own], close[own])

    def choose(self, tickers: tuple[str, ...]) -> PriceTable:
        """The same table with these tickers, in this order; days on which none of them traded leave."""
        position = {ticker: column for column, ticker in enumerate(self.tickers)}
        close = self.close[:, [position[t] for t in tickers]]
        traded = np.isfinite(close).any(axis=1)
        return PriceTable(tickers, self.day[traded], close[traded])

    def since(self, first_day: int) -> PriceTable:
        """The part from `first_day` on, of the same tickers (views; the table itself if nothing is before that day)."""
        row = int(np.searchsorted(self.day, first_day))
        return self if row == 0 else PriceTable(self.tickers, self.day[row:], self.close[row:])

    def periods_per_year(self) -> Floats:
        """Bars a year of each ticker (n,), by its exchange's calendar and the days on which it has closes."""
        own = (self.day[np.isfinite(column)] for column in self.close.T)
        return np.array([float(periods_per_year(ticker, day)) for ticker, day in zip(self.tickers, own, strict=True)])

    def log_returns(self) -> Floats:
        """Log returns (T, n), each from the ticker's own previous close, on the day of the later close; NaN elsewhere.

        So a day that one exchange has off costs the others nothing, and a ticker with gaps keeps its total return.
        """
        returns = np.full(self.close.shape, np.nan)
        complete = np.isfinite(self.close).all(axis=0)
        with np.errstate(invalid="ignore"):
            returns[1:, complete] = np.diff(np.log(self.close[:, complete]), axis=0)
        for column in np.flatnonzero(~complete):
            rows = np.flatnonzero(np.isfinite(self.close[:, column]))
            returns[rows[1:], column] = np.diff(np.log(self.close[rows, column]))
        return returns

    def last_close(self) -> Floats:
        """Each ticker's last close, (n,)."""
        last: Floats = self.close[self._last_rows(), np.arange(len(self))]
        return last

    def last_day(self) -> Days:
        """The day of each ticker's last close, (n,)."""
        day: Days = self.day[self._last_rows()]
        return day

    def _last_rows(self) -> NDArray[np.intp]:
        from_the_end: NDArray[np.intp] = np.argmax(np.isfinite(self.close[::-1]), axis=0)
        return len(self.day) - 1 - from_the_end

    def last_date(self) -> dt.date:
        """The newest day of all; IndexError when empty."""
        return date_of(self.day[-1])
