"""Weights as the contract wants them: above 1e-4, five decimals, summing to 1 as nearly as those allow."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from records import Floats

#: Weights are whole numbers of these: five decimals.
UNITS: Final = 100_000
#: The smallest weight worth holding, 1e-4, must be exceeded: 11 units.
SMALLEST: Final = 11


def rounded_weights(weights: Floats, cap: float = 1.0) -> Floats:
    """Weights (n,) as multiples of 1e-5, each 0 or above 1e-4, none above `cap` (rounded up), summing to 1 (n · cap allowing).

    Largest remainders are rounded up first, so the sum is exact. What the small ones leave is shared among the others in
    proportion to their weights.
    """
    ceiling = min(UNITS, math.ceil(cap * UNITS - 1e-6))
    kept = weights * UNITS >= SMALLEST - 0.5
    if not kept.any():
        # More names than units allow: the heaviest ones are held.
        kept[np.argsort(-weights, kind="stable")[: UNITS // SMALLEST]] = True
    while True:
        units = _apportion(np.where(kept, weights, 0.0), ceiling)
        small = (units > 0) & (units < SMALLEST)
        if not small.any():
            return units / UNITS
        kept &= ~small


def _apportion(weights: Floats, ceiling: int) -> Floats:
    """Whole units in proportion to `weights`, summing to UNITS unless every weighted name is at the ceiling."""
    share = np.zeros(len(weights))
    free = weights > 0
    left = float(UNITS)
    while free.any() and left > 0:
        share[free] = left * weights[free] / weights[free].sum()
        above = free & (share >= ceiling)
        if not above.any():
            break
        share[above] = ceiling
        free &= ~above
        left = UNITS - share[~free].sum()
    units = np.floor(share + 1e-9)
    missing = round(min(UNITS, share.sum()) - units.sum())
    remainder = np.where(units < ceiling, share - units, -1.0)
    units[np.argsort(-remainder, kind="stable")[:missing]] += 1
    return units
