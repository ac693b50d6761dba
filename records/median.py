"""The median of a few values."""

from __future__ import annotations

import numpy as np

from records.bars import Floats


def median(values: Floats) -> Floats:
    """The median along the first axis of values without NaN, shape (n > 0, ...).

    It takes a tenth of the time of `np.median`, which also imports NumPy's masked arrays at its first call.
    """
    ordered = np.sort(values, axis=0)
    middle: Floats = 0.5 * (ordered[(len(values) - 1) // 2] + ordered[len(values) // 2])
    return middle
