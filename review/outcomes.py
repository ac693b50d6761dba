"""Joins what was served with what came: a forecast is judged once the last bar of its horizon is there. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from records import Bars, Floats, day_number
from review.served import ServedForecast

#: A price that stands still has no variance whose log could be taken: at least this share of the forecast counts.
LEAST_VARIANCE_SHARE: Final = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """n forecasts whose horizon is over, arrays of shape (n,), and what came.

    `day` is the day number of `as_of`, `last_day` that of the horizon's last bar. Returns are simple over the horizon with
    dividends, variances mean squares of daily log returns.
    """

    forecasts: tuple[ServedForecast, ...]
    day: np.ndarray
    last_day: np.ndarray
    realised_return: Floats
    realised_variance: Floats

    def __len__(self) -> int:
        return len(self.forecasts)

    def column(self, name: str) -> Floats:
        """A number of the forecasts; NaN for None."""
        return np.array([getattr(each, name) for each in self.forecasts], dtype=np.float64)

    def part(self, rows: np.ndarray) -> Judged:
        """The forecasts of a mask or of row numbers."""
        chosen = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return Judged(
            tuple(self.forecasts[k] for k in chosen),
            self.day[rows],
            self.last_day[rows],
            self.realised_return[rows],
            self.realised_variance[rows],
        )


@dataclass(frozen=True, slots=True)
class Unjudged:
    """Forecasts that cannot be judged: the horizon is not over; the bar of `as_of` is no longer there; no bars at all."""

    open: int = 0
    without_bar: int = 0
    without_history: int = 0

    def __add__(self, other: Unjudged) -> Unjudged:
        return Unjudged(
            self.open + other.open,
            self.without_bar + other.without_bar,
            self.without_history + other.without_history,
        )


def judge_ticker(forecasts: Sequence[ServedForecast], bars: Bars | None) -> tuple[Judged, Unjudged]:
    """The forecasts of one ticker against its bars on today's basis of prices."""
    if bars is None or not len(bars):
        return _judged([], []), Unjudged(without_history=len(forecasts))
    log_return = np.log((bars.close[1:] + bars.dividend[1:]) / bars.close[:-1])
    found: list[ServedForecast] = []
    rows: list[tuple[int, int, float, float]] = []
    still_open = without_bar = 0
    for forecast in forecasts:
        day = day_number(forecast.as_of)
        row = int(np.searchsorted(bars.day, day))
        if row >= len(bars) or bars.day[row] != day:
            without_bar += 1
        elif row + forecast.horizon >= len(bars):
            still_open += 1
        else:
            following = log_return[row : row + forecast.horizon]
            variance = max(float(np.mean(following**2)), LEAST_VARIANCE_SHARE * forecast.daily_variance)
            found.append(forecast)
            rows.append((day, int(bars.day[row + forecast.horizon]), float(np.expm1(following.sum())), variance))
    return _judged(found, rows), Unjudged(open=still_open, without_bar=without_bar)


def joined(parts: Sequence[Judged]) -> Judged:
    """All parts as one, by date and then ticker."""
    every = [part for part in parts if len(part)]
    if not every:
        return _judged([], [])
    whole = Judged(
        tuple(forecast for part in every for forecast in part.forecasts),
        *(np.concatenate([getattr(part, name) for part in every]) for name in _ARRAYS),
    )
    tickers = np.array([forecast.ticker for forecast in whole.forecasts])
    return whole.part(np.lexsort((tickers, whole.day)))


_ARRAYS: Final = ("day", "last_day", "realised_return", "realised_variance")


def _judged(forecasts: Sequence[ServedForecast], rows: Sequence[tuple[int, int, float, float]]) -> Judged:
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(_ARRAYS))
    day, last_day = (table[:, column].astype(np.int64) for column in (0, 1))
    return Judged(tuple(forecasts), day, last_day, table[:, 2], table[:, 3])
