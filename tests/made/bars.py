"""Bars made for tests: random walks, with the accidents of real bars, and batches of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np
from hypothesis import strategies as st

from records import BarBatch, Bars, batch_of, day_number

TODAY = dt.date(2026, 1, 2)
FETCHED = dt.date(2026, 1, 1)


def walk(count: int, seed: int = 0, *, start: dt.date = dt.date(2012, 1, 2)) -> Bars:
    """A random walk on weekdays, with dividends every quarter, prices rounded to the cent."""
    rng = np.random.default_rng(seed)
    day = np.array(
        [d for d in range(day_number(start), day_number(start) + 2 * count + 7) if (d + 3) % 7 < 5][:count], np.int32
    )
    close = 50 * np.exp(np.cumsum(0.015 * rng.standard_normal(count)))
    opening = close * np.exp(0.005 * rng.standard_normal(count))
    high = np.maximum(opening, close) * (1 + 0.01 * rng.random(count))
    low = np.minimum(opening, close) * (1 - 0.01 * rng.random(count))
    return Bars.of(
        day,
        open=opening,
        high=high,
        low=low,
        close=close,
        volume=np.round(np.exp(13 + rng.standard_normal(count))),
        dividend=np.where(np.arange(count) % 63 == 62, 0.25, 0.0),
    )


def scaled(bars: Bars, rows: slice, factor: float) -> Bars:
    """The bars with prices (not volumes) of some rows multiplied."""
    columns = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close", "dividend")}
    for column in columns.values():
        column[rows] *= factor
    return Bars.of(bars.day, **columns, volume=bars.volume, split=bars.split)


def flat(bars: Bars, rows: slice) -> Bars:
    """The bars with a price and volume that stand still in some rows."""
    columns = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close", "dividend", "volume")}
    price = columns["close"][rows][:1]
    for name in ("open", "high", "low", "close"):
        columns[name][rows] = price
    columns["dividend"][rows] = 0.0
    columns["volume"][rows] = 1000.0
    return Bars.of(bars.day, **columns, split=bars.split)


@st.composite
def accidents(draw: st.DrawFn, *, longest: int = 700) -> Bars:
    """A walk of any length, perhaps with a crash or a rise by an order of magnitude, perhaps with a stretch of standstill."""
    count = draw(st.integers(1, longest))
    bars = walk(count, draw(st.integers(0, 2**32 - 1)))
    at = draw(st.integers(0, count - 1))
    bars = scaled(bars, slice(at, None), draw(st.sampled_from([1.0, 0.2, 0.01, 7.0])))
    if draw(st.booleans()):
        begin = draw(st.integers(0, count - 1))
        bars = flat(bars, slice(begin, begin + draw(st.integers(1, 300))))
    return bars


def batch(bars: Bars, *, ticker: str = "ABC", as_of: dt.date = FETCHED, time: dt.time = dt.time()) -> BarBatch:
    return batch_of(ticker, bars, source="test", as_of=as_of, as_of_time=time)


def altered(message: BarBatch, row: int) -> BarBatch:
    """The message with one volume changed."""
    volume = list(message.volume)
    volume[row] = (volume[row] or 0.0) + 1.0
    return msgspec.structs.replace(message, volume=volume)


def cut(bars: Bars, cuts: Sequence[int]) -> list[Bars]:
    """The bars in consecutive parts, cut at these rows."""
    edges = sorted({0, len(bars), *(c % (len(bars) + 1) for c in cuts)})
    return [bars[a:b] for a, b in pairwise(edges)]


def made_bars(tickers: int, count: int, *, size: int = 100) -> list[BarBatch]:
    """Random walks on weekdays, in messages of `size` bars."""
    first = day_number(dt.date(2020, 1, 6))
    day = np.array([first + 7 * (n // 5) + n % 5 for n in range(count)], np.int32)
    batches = []
    for number in range(tickers):
        rng = np.random.default_rng(number)
        close = 50 * np.exp(np.cumsum(0.015 * rng.standard_normal(count)))
        opening = close * np.exp(0.005 * rng.standard_normal(count))
        bars = Bars.of(
            day.copy(),
            open=opening,
            high=np.maximum(opening, close) * 1.01,
            low=np.minimum(opening, close) * 0.99,
            close=close,
            volume=np.round(np.exp(13 + rng.standard_normal(count))),
        )
        batches += [
            batch_of(f"T{number:03}", bars[start : start + size], source="test", as_of=dt.date(2026, 1, 1))
            for start in range(0, count, size)
        ]
    return batches
