"""The constants that bring inputs to order one: taken from the rows of the fit, the same for every ticker and date after it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from records import Floats

#: Outer percentiles of the fit's rows at which an input is winsorised.
TAILS: Final = (1.0, 99.0)
#: In standard deviations: no input counts for more.
CLIP: Final = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Standard:
    """Per input, shape (k,) each: the bounds it is winsorised at, then its mean and standard deviation."""

    low: Floats
    high: Floats
    center: Floats
    spread: Floats

    @classmethod
    def fit(cls, inputs: Floats) -> Self:
        """From the inputs of the fit's rows, shape (n, k); NaN is left out.

        An input that does not vary, or that no row has, is scaled to zero.
        """
        inputs = np.where(np.isnan(inputs).all(axis=0), 0.0, inputs)
        low, high = np.nanpercentile(inputs, TAILS, axis=0)
        inside = np.clip(inputs, low, high)
        spread = np.nanstd(inside, axis=0)
        return cls(low, high, np.nanmean(inside, axis=0), np.where(spread > 0.0, spread, np.inf))

    def scale(self, inputs: Floats) -> Floats:
        """Inputs of shape (…, k) in standard deviations from the fit's mean, within ±3; a missing input is at the mean."""
        return _scaled(inputs, self.low, self.high, self.center, self.spread)

    def scale_one(self, column: int, values: Floats) -> Floats:
        """As `scale`, of one input: shape (n,)."""
        constants = [part[column] for part in (self.low, self.high, self.center, self.spread)]
        if len(values) != 1:
            return _scaled(values, *constants)
        # Of a single row, by Python's numbers: NumPy's calls on short arrays take most of the time.
        low, high, center, spread = map(float, constants)
        scaled = (min(max(float(values[0]), low), high) - center) / spread
        return np.array([0.0 if math.isnan(scaled) else min(max(scaled, -CLIP), CLIP)])


def _scaled(inputs: Floats, low: Floats, high: Floats, center: Floats, spread: Floats) -> Floats:
    # Not `np.clip` and `np.nan_to_num`: they take most of the time of a single row.
    scaled = (np.minimum(np.maximum(inputs, low), high) - center) / spread
    limited: Floats = np.minimum(np.maximum(scaled, -CLIP), CLIP)
    limited[np.isnan(limited)] = 0.0
    return limited
