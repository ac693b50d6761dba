"""Rounded weights: above 1e-4, five decimals, sum 1, within their limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from optimizer.frontier import GroupLimit
from records import Floats

#: Weights are whole numbers of these: five decimals.
UNITS: Final = 100_000
#: The smallest weight worth holding, 1e-4, must be exceeded: 11 units.
SMALLEST: Final = 11
#: A limit this close to a whole number of units is that number.
_NEARLY: Final = 1e-6


def rounded_weights(weights: Floats, cap: float = 1.0, groups: Sequence[GroupLimit] = ()) -> Floats:
    """Weights (n,) as multiples of 1e-5, each 0 or above 1e-4, summing to 1, none above `cap`, no group above its limit.

    A limit with more decimals is rounded down, or up where the weights could not sum to 1 otherwise (a cap of a third on
    three assets). Groups are disjoint. Largest remainders are rounded up first, so the sum is exact. The rest from small
    weights and limits is shared among the others in proportion to their weights.
    """
    kept = weights * UNITS >= SMALLEST - 0.5
    if not kept.any():
        # More assets than units allow: the heaviest are held.
        kept[np.argsort(-weights, kind="stable")[: UNITS // SMALLEST]] = True
    while True:
        units = _whole_units(np.where(kept, weights, 0.0), cap, groups)
        small = (units > 0) & (units < SMALLEST)
        if not small.any():
            return units / UNITS
        kept &= ~small


def _whole_units(weights: Floats, cap: float, groups: Sequence[GroupLimit]) -> Floats:
    """Whole units in proportion to `weights` within the limits, summing to UNITS unless the limits leave no room for that."""
    quotas = [(list(group.members), group.limit * UNITS) for group in groups]
    units = _within(weights, math.floor(cap * UNITS + _NEARLY), [(m, math.floor(quota + _NEARLY)) for m, quota in quotas])
    if units.sum() < UNITS:
        units = _within(weights, math.ceil(cap * UNITS - _NEARLY), [(m, math.ceil(quota - _NEARLY)) for m, quota in quotas])
    return units


def _within(weights: Floats, ceiling: int, quotas: Sequence[tuple[list[int], int]]) -> Floats:
    """Whole units, each group at most its quota; a group above its quota gets the quota, the others share the rest."""
    fixed = np.zeros(len(weights))
    free = weights.copy()
    while True:
        units = _apportion(free, ceiling, UNITS - int(fixed.sum()))
        over = next(((members, quota) for members, quota in quotas if units[members].sum() > quota), None)
        if over is None:
            return fixed + units
        members, quota = over
        inside = np.zeros(len(weights))
        inside[members] = free[members]
        fixed += _apportion(inside, ceiling, quota)
        free[members] = 0.0


def _apportion(weights: Floats, ceiling: int, total: int) -> Floats:
    """Whole units in proportion to `weights`, summing to `total` unless every weighted name is at the ceiling."""
    share = np.zeros(len(weights))
    free = weights > 0
    left = float(total)
    while free.any() and left > 0:
        share[free] = left * weights[free] / weights[free].sum()
        above = free & (share >= ceiling)
        if not above.any():
            break
        share[above] = ceiling
        free &= ~above
        left = total - share[~free].sum()
    units = np.floor(share + 1e-9)
    missing = round(min(total, share.sum()) - units.sum())
    remainder = np.where(units < ceiling, share - units, -1.0)
    units[np.argsort(-remainder, kind="stable")[:missing]] += 1
    return units
