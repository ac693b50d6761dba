"""Editions of a ticker's bars, fetched on different days, brought onto one basis of prices: today's.

An edition is adjusted for the splits that its vendor knew on the day it was fetched. What is kept is what was delivered; what
is computed with follows from it here. So it depends on which editions came, not on the order in which they did.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from errors import MessageError
from records import VALUE_COLUMNS, Bars, Floats

Flags = NDArray[np.bool_]

#: Ratios of rounded prices that are nearer to each other are the same.
SAME_RATIO: Final = 3e-3
#: A vendor that tells of a split late does so within as many days.
_LATE_DAYS: Final = 30
_PRICES: Final = ("open", "high", "low", "close", "dividend")
_ANY_DATE: Final = int(np.iinfo(np.int32).max)
#: Beyond what is accepted from outside by a thousand splits' worth, and far within what floats hold.
_LOWEST_PRICE: Final = 1e-15
_HIGHEST_PRICE: Final = 1e18
_HIGHEST_VOLUME: Final = 1e24


class Restatement(msgspec.Struct, frozen=True, array_like=True):
    """Two editions of a bar, fetched at the moments `until` and `since` (as `BarBatch.fetched`), differ by one factor.

    What their vendor told until the former has prices `ratio` times those that it tells from the latter on and, where
    `with_volume`, volumes that much smaller: a split of so many new shares per old one; without, a spin-off.
    """

    until: float
    since: float
    ratio: float
    with_volume: bool


class Withdrawn(msgspec.Struct, frozen=True, array_like=True):
    """A split of the bar of `day` that an edition fetched at the moment `fetched` gave, and that a later one says was none."""

    day: int
    ratio: float
    fetched: float


@dataclass(frozen=True, slots=True)
class Step:
    """Bars of dates before `older_than` that were fetched before the moment `before`: prices ÷ `price`, volumes × `volume`."""

    before: float
    older_than: int
    price: float
    volume: float


@dataclass(frozen=True, slots=True)
class Basis:
    """How editions come onto today's basis.

    `restatements` are those that nothing else explains, sorted. `upheld` are the withdrawn splits that the prices show.
    """

    steps: Sequence[Step]
    restatements: tuple[Restatement, ...] = ()
    upheld: tuple[Withdrawn, ...] = ()

    def adjusted(self, bars: Bars, fetched: Floats) -> Bars:
        """Bars, each fetched at its moment, on today's basis; the same object where nothing is to be adjusted.

        Raises MessageError if prices come out of all range: no real split does that.
        """
        applied = [(step, (fetched < step.before) & (bars.day < step.older_than)) for step in self.steps]
        if not any(rows.any() for _, rows in applied):
            return bars
        price, volume = np.ones(len(bars)), np.ones(len(bars))
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            for step, rows in applied:
                price[rows] *= step.price
                volume[rows] *= step.volume
            columns = {name: getattr(bars, name) for name in VALUE_COLUMNS}
            columns |= {name: columns[name] / price for name in _PRICES}
            columns["volume"] = columns["volume"] * volume
        return _within_range(Bars(bars.day, **columns))

    def change(self, one: Restatement, day: int) -> float:
        """By what the known steps divide a bar's prices between its two editions; `day` is its date."""
        return _change((step for step in self.steps if day < step.older_than), one)


def basis_of(
    delivered: Bars, fetched: Floats, restatements: Sequence[Restatement], withdrawn: Sequence[Withdrawn] = ()
) -> Basis:
    """The basis that the splits among the bars, each fetched at its moment, and restatements call for.

    A split applies to what was fetched before its day. A withdrawn split does so too if the prices show it: if the bars that it
    applies to then fit better to their neighbours. Vendors lose splits that happened, and their prices stay adjusted. One
    that applies to no bar needs no decision, and explains a restatement of its ratio.

    A restatement speaks of the whole change between two days: what splits and shorter restatements within them leave of it is
    a step of its own, or says until when the vendor did not know a split that it told late. A step of its own is taken only if
    the bars from before it fit better to their neighbours from after it when they follow: else those that showed it had been
    wrong.
    """
    given = np.flatnonzero(delivered.split != 1.0)
    steps = [_split(int(day), float(ratio)) for day, ratio in zip(delivered.day[given], delivered.split[given], strict=True)]
    upheld: list[Withdrawn] = []
    idle: list[Step] = []
    for split in sorted(withdrawn, key=lambda split: -split.day):
        before = (fetched < split.day) & (delivered.day < split.day)
        if not before.any():
            idle.append(_split(split.day, split.ratio))
        elif _fits(steps, delivered, fetched, before, ~before, split.ratio):
            upheld.append(split)
            steps.append(_split(split.day, split.ratio))
    needed: list[Restatement] = []
    for one in sorted(restatements, key=_latest_and_shortest_first):
        ratio = one.ratio / _change(steps, one)
        if _is_same(ratio, 1.0) or _is_same(ratio, _change(idle, one)):
            continue
        needed.append(one)
        late = _told_late(steps, delivered, fetched, one, ratio)
        if late is not None:
            steps[late] = replace(steps[late], before=_after(one.until))
        elif _fits(steps, delivered, fetched, fetched <= one.until, fetched >= one.since, ratio):
            steps.append(Step(_after(one.until), _ANY_DATE, ratio, ratio if one.with_volume else 1.0))
    return Basis(steps, tuple(needed), tuple(upheld))


def _change(steps: Iterable[Step], one: Restatement) -> float:
    return math.prod(step.price for step in steps if one.until < step.before <= one.since)


def _after(moment: float) -> float:
    return math.nextafter(moment, math.inf)


def _split(day: int, ratio: float) -> Step:
    return Step(day, day, ratio, ratio)


def _latest_and_shortest_first(one: Restatement) -> tuple[float, float, float, bool]:
    return (-one.until, one.since, one.ratio, one.with_volume)


def _is_same(ratio: float, other: float) -> bool:
    return abs(ratio / other - 1.0) <= SAME_RATIO


def _told_late(steps: Sequence[Step], delivered: Bars, fetched: Floats, one: Restatement, ratio: float) -> int | None:
    """The split that its vendor told for a day shortly before the one until which it gave prices without it.

    Bars from in between must be there: where none is, such a split changes nothing, and may be another one of the same ratio.
    """
    for at, step in enumerate(steps):
        told_for = step.older_than
        if step.before <= one.until and told_for <= one.until < told_for + _LATE_DAYS and _is_same(ratio, step.price):
            between = (step.before <= fetched) & (fetched <= one.until) & (delivered.day < told_for)
            if between.any():
                return at
    return None


def _fits(steps: Sequence[Step], delivered: Bars, fetched: Floats, before: Flags, after: Flags, ratio: float) -> bool:
    """Whether the bars `before` lie nearer to their neighbours `after` when their prices are divided by the ratio."""
    rows = np.flatnonzero(before | after)
    changes = before[rows]
    borders = np.flatnonzero(changes[1:] != changes[:-1])
    beside = np.concatenate([rows[borders], rows[borders + 1]])
    close = np.log(Basis(steps).adjusted(delivered[beside], fetched[beside]).close)
    jump = np.where(changes[borders], 1.0, -1.0) * (close[len(borders) :] - close[: len(borders)])
    return float(np.abs(jump + math.log(ratio)).sum()) < float(np.abs(jump).sum())


def _within_range(bars: Bars) -> Bars:
    if not (
        bars.low.min() > _LOWEST_PRICE
        and max(bars.high.max(), bars.dividend.max()) < _HIGHEST_PRICE
        and bars.volume.max() < _HIGHEST_VOLUME
    ):
        raise MessageError("its split, or those known, would bring prices out of all range")
    return bars
