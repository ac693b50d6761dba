"""Deliveries made for tests: bars as a vendor gives them, in editions of different days, some with errors."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields, replace
from itertools import pairwise

import msgspec
import numpy as np
from hypothesis import strategies as st

from records import MARKET_COLUMNS, PER_SHARE_COLUMNS, PRICE_COLUMNS, BarBatch, Bars, Floats, date_of, day_number
from tests.made.bars import batch, walk


@dataclass(frozen=True)
class Vendor:
    """A vendor of one ticker: `final` is its history in the end; an edition of a day is adjusted for the splits until then."""

    final: Bars

    def edition(self, rows: slice | np.ndarray, fetched: int, *, told: bool = True) -> BarBatch:
        """These bars as the vendor gives them on a day; `told` False leaves splits out of them."""
        bars = self.final
        columns = {f.name: getattr(bars, f.name).copy() for f in fields(bars)}
        for at in np.flatnonzero((bars.split != 1.0) & (bars.day > fetched)):
            for name in PER_SHARE_COLUMNS:
                columns[name][:at] *= bars.split[at]
            columns["volume"][:at] /= bars.split[at]
        if not told:
            columns["split"][:] = 1.0
        return batch(Bars(**columns)[rows], as_of=date_of(fetched))

    def untold(self) -> Bars:
        """The final history without its splits' events."""
        return replace(self.final, split=np.ones(len(self.final)))


def with_splits(bars: Bars, splits: dict[int, float]) -> Bars:
    split = bars.split.copy()
    for at, ratio in splits.items():
        split[at] = ratio
    return replace(bars, split=split, volume=bars.volume * 64)  # divisible by every split


def damaged(message: BarBatch, how: str, row: int) -> BarBatch:
    """An edition with one wrong bar."""
    copied = copied_columns(message)
    if how == "hundredfold":
        for name in PRICE_COLUMNS:
            getattr(copied, name)[row] *= 100.0
    elif how == "volume":
        copied.volume[row] += 1.0
    else:
        copied.close[row] = copied.low[row]
    return copied


def copied_columns(message: BarBatch) -> BarBatch:
    return msgspec.structs.replace(message, **{name: list(getattr(message, name)) for name in MARKET_COLUMNS})


@st.composite
def deliveries(draw: st.DrawFn, ratios: tuple[float, ...], *, longest: int = 330) -> tuple[Bars, list[BarBatch]]:
    """A final history, and messages of it in any order, some more than once.

    They are live bars and backfills of different days, on the basis of their day, splits reported with their bar; some with
    a wrong bar that a later edition mends; and editions of parts of the history from later days, across splits or not.
    """
    count = draw(st.integers(130, longest))
    bars = walk(count, draw(st.integers(0, 2**32 - 1)))
    gaps = draw(st.lists(st.integers(1, count - 2), max_size=8, unique=True))
    bars = bars[np.setdiff1d(np.arange(count), gaps)]
    count = len(bars)
    splits = draw(st.dictionaries(st.integers(1, count - 1), st.sampled_from(ratios), max_size=3))
    vendor = Vendor(with_splits(bars, splits))
    messages = []
    edges = sorted({0, count, *draw(st.lists(st.integers(1, count - 1), max_size=12))})
    for first, stop in pairwise(edges):
        fetched = int(bars.day[stop - 1]) + draw(st.sampled_from([0, 0, 1, 30, 400]))
        message = vendor.edition(slice(first, stop), fetched)
        how = draw(st.sampled_from(["none", "none", "hundredfold", "volume", "close"]))
        if how != "none":
            row = draw(st.integers(0, stop - first - 1))
            message = damaged(message, how, row)
            begin = max(first, first + row - draw(st.sampled_from([0, 3])))
            messages.append(vendor.edition(slice(begin, first + row + 1), fetched + draw(st.sampled_from([1, 40]))))
        messages.append(message)
    damaged_on = {day_number(message.as_of) for message in messages}  # two editions of one day that differ are another matter
    for _ in range(draw(st.integers(0, 5))):
        first, stop = sorted(draw(st.tuples(st.integers(0, count), st.integers(0, count))))
        if stop > first:
            fetched = int(bars.day[stop - 1]) + draw(st.integers(0, 500))
            if fetched not in damaged_on:
                messages.append(vendor.edition(slice(first, stop), fetched))
    messages += draw(st.lists(st.sampled_from(messages), max_size=4))
    return vendor.final, draw(st.permutations(messages))


def edition_with(rows: slice, fetched: int, splits: Floats | None, *, vendor: Vendor, seconds: int = 0) -> BarBatch:
    """The vendor's edition of a day, with other splits: `splits` for all its bars, or None for no report."""
    message = vendor.edition(rows, fetched)
    reported = None if splits is None else splits[rows].tolist()
    return msgspec.structs.replace(message, split=reported, as_of_time=dt.time(0, 0, seconds))
