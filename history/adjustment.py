"""Brings the editions of a ticker's bars, fetched on different days, onto today's basis of prices.

A vendor adjusts an edition for the splits that it knows on the day of fetching. The history keeps prices as delivered, and this
module computes the adjusted prices from them. So the result depends on which editions came, and not on their order.
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
from records import PER_SHARE_COLUMNS, VALUE_COLUMNS, Bars, Floats

Flags = NDArray[np.bool_]

#: Two ratios of rounded prices that differ by less, relatively, count as equal.
SAME_RATIO: Final = 3e-3
#: A vendor that reports a split late does so within this many days.
_LATE_DAYS: Final = 30
_ANY_DATE: Final = int(np.iinfo(np.int32).max)
#: Wider than the limits for incoming bars, so that any real product of splits fits, and far inside the range of floats.
_LOWEST_PRICE: Final = 1e-15
_HIGHEST_PRICE: Final = 1e18
_HIGHEST_VOLUME: Final = 1e24


class Restatement(msgspec.Struct, frozen=True, array_like=True):
    """A vendor changed the unit of a bar's prices between two fetches, `until` and `since` (as `BarBatch.fetched`).

    Prices fetched up to `until` are `ratio` times the prices fetched from `since` on. With `with_volume` the volumes are
    smaller by the same ratio, as after a split of `ratio` new shares per old share. Without it only prices changed, as after a
    spin-off.
    """

    until: float
    since: float
    ratio: float
    with_volume: bool


class WithdrawnSplit(msgspec.Struct, frozen=True, array_like=True):
    """A split on `day`, given by an edition fetched at `fetched`; a later edition says that there was no split."""

    day: int
    ratio: float
    fetched: float


@dataclass(frozen=True, slots=True)
class Step:
    """Prices ÷ `price` and volumes × `volume`, for bars dated before `older_than` and fetched before the moment `before`."""

    before: float
    older_than: int
    price: float
    volume: float


@dataclass(frozen=True, slots=True)
class Basis:
    """The adjustments that bring editions onto today's basis.

    `restatements` are the restatements that no split explains, sorted. `confirmed` are the withdrawn splits that the prices
    show.
    """

    steps: Sequence[Step]
    restatements: tuple[Restatement, ...] = ()
    confirmed: tuple[WithdrawnSplit, ...] = ()

    def adjusted(self, bars: Bars, fetched: Floats) -> Bars:
        """The bars on today's basis; `fetched` (shape (n,)) is when each was fetched. Without any adjustment the same object.

        Raises MessageError if an adjusted price or volume leaves the possible range, which no real split causes.
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
            columns |= {name: columns[name] / price for name in PER_SHARE_COLUMNS}
            columns["volume"] = columns["volume"] * volume
        return _within_range(Bars(bars.day, **columns))

    def change(self, restatement: Restatement, day: int) -> float:
        """The factor by which known adjustments divide the prices of the bar of `day` between its two editions."""
        return _change((step for step in self.steps if day < step.older_than), restatement)


def basis_of(
    delivered: Bars, fetched: Floats, restatements: Sequence[Restatement], withdrawn: Sequence[WithdrawnSplit] = ()
) -> Basis:
    """The basis that follows from the splits of the bars, the restatements and the withdrawn splits.

    A split applies to bars fetched before its day. A withdrawn split applies as well if the prices show it, that is, if the
    adjusted bars then lie closer to their neighbours: vendors lose splits that happened, and their prices stay adjusted. A
    withdrawn split that applies to no bar needs no decision. It explains a restatement with its ratio.

    A restatement covers the whole change between two fetches. Splits and shorter restatements between them explain part of it.
    The rest is either the ratio of a split that the vendor reported late, and then says until when the vendor did not know that
    split; or it is an adjustment of its own. Such an adjustment is applied only if the older bars then lie closer to their
    newer neighbours. If they do not, the bars that showed the restatement were wrong.
    """
    given = np.flatnonzero(delivered.split != 1.0)
    steps = [_split(int(day), float(ratio)) for day, ratio in zip(delivered.day[given], delivered.split[given], strict=True)]
    confirmed: list[WithdrawnSplit] = []
    idle: list[Step] = []
    for split in sorted(withdrawn, key=lambda split: -split.day):
        before = (fetched < split.day) & (delivered.day < split.day)
        if not before.any():
            idle.append(_split(split.day, split.ratio))
        elif _fits(steps, delivered, fetched, before, ~before, split.ratio):
            confirmed.append(split)
            steps.append(_split(split.day, split.ratio))
    needed: list[Restatement] = []
    for restatement in sorted(restatements, key=_latest_and_shortest_first):
        ratio = restatement.ratio / _change(steps, restatement)
        if _is_same(ratio, 1.0) or _is_same(ratio, _change(idle, restatement)):
            continue
        needed.append(restatement)
        late = _reported_late(steps, delivered, fetched, restatement, ratio)
        if late is not None:
            steps[late] = replace(steps[late], before=_after(restatement.until))
        elif _fits(steps, delivered, fetched, fetched <= restatement.until, fetched >= restatement.since, ratio):
            steps.append(Step(_after(restatement.until), _ANY_DATE, ratio, ratio if restatement.with_volume else 1.0))
    return Basis(steps, tuple(needed), tuple(confirmed))


def _change(steps: Iterable[Step], restatement: Restatement) -> float:
    return math.prod(step.price for step in steps if restatement.until < step.before <= restatement.since)


def _after(moment: float) -> float:
    return math.nextafter(moment, math.inf)


def _split(day: int, ratio: float) -> Step:
    return Step(day, day, ratio, ratio)


def _latest_and_shortest_first(restatement: Restatement) -> tuple[float, float, float, bool]:
    return (-restatement.until, restatement.since, restatement.ratio, restatement.with_volume)


def _is_same(ratio: float, other: float) -> bool:
    return abs(ratio / other - 1.0) <= SAME_RATIO


def _reported_late(
    steps: Sequence[Step], delivered: Bars, fetched: Floats, restatement: Restatement, ratio: float
) -> int | None:
    """The index of the adjustment by a split that the vendor reported late, or None.

    The split's day lies shortly before the last fetch of prices without it. Some bar must have been fetched in between. Without
    such a bar the split changes nothing, and may be a different split with the same ratio.
    """
    for at, step in enumerate(steps):
        split_day = step.older_than
        if (
            step.before <= restatement.until
            and split_day <= restatement.until < split_day + _LATE_DAYS
            and _is_same(ratio, step.price)
        ):
            between = (step.before <= fetched) & (fetched <= restatement.until) & (delivered.day < split_day)
            if between.any():
                return at
    return None


def _fits(steps: Sequence[Step], delivered: Bars, fetched: Floats, before: Flags, after: Flags, ratio: float) -> bool:
    """Whether the bars `before` lie closer to their neighbours `after` when their prices are divided by the ratio."""
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
        raise MessageError("with its split and the known splits, adjusted prices leave the possible range")
    return bars
