"""Bars made for tests: random walks with the accidents that real ones have."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from history.pipeline import Output, absorb
from history.ticker_state import DueTraining, TickerState
from records import BarBatch, Bars, batch_of, day_number
from settings import Settings

TODAY = dt.date(2026, 1, 2)
FETCHED = dt.date(2026, 1, 1)
#: As small as the settings allow, so that trimming and trainings happen within short histories.
SMALL = Settings(lookback=126, minimum_bars=126, history_bars=400)


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


def deliver(
    batches: Iterable[BarBatch], settings: Settings, state: TickerState | None = None
) -> tuple[TickerState, list[Output]]:
    """The state after batches, and all outputs."""
    outputs: list[Output] = []
    for item in batches:
        state, more = absorb(state, item, today=TODAY, settings=settings)
        outputs += more
    assert state is not None
    return state, outputs


def cut(bars: Bars, cuts: Sequence[int]) -> list[Bars]:
    """The bars in consecutive parts, cut at these rows."""
    edges = sorted({0, len(bars), *(c % (len(bars) + 1) for c in cuts)})
    return [bars[a:b] for a, b in pairwise(edges)]


def due_of(state: TickerState) -> DueTraining:
    """The training that is due, which there must be."""
    assert state.due is not None
    return state.due


def backfill(bars: Bars, chosen: Settings = SMALL) -> TickerState:
    """The state that a fresh delivery of the whole history gives."""
    return deliver([batch(bars)], chosen)[0]


def as_fetched_with(state: TickerState, other: TickerState) -> TickerState:
    """The state as if its bars had come in the editions of another: what is left to differ are bars, features, trainings."""
    return replace(
        state,
        delivered=other.delivered,
        fetched=other.fetched,
        split_fetched=other.split_fetched,
        withdrawn=other.withdrawn,
        restatements=other.restatements,
    )
