"""A location of many tickers' numbers for each of them, in which no single ticker counts for more than a bound.

Huber's (1964) M-estimate of location, with a prior at the ticker's own number: M solves

    Σ_j clip(v_j − M, ±bound) = anchor_weight × (M − own)

Each ticker pulls with at most `bound`, and the anchor holds with `anchor_weight`. Another number in the place of one v_j moves
M by at most 2 × bound ÷ anchor_weight, whatever the numbers are. It is less the more of them lie near M. With few tickers M
stays near the own number; with many it is their common location.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from records import Floats

#: How far, in logs, one ticker pulls.
PULL: Final = 0.1
#: Up to so many tickers an anchor has its full weight, and from so many on its lightest.
FEW_TICKERS: Final = 30
MANY_TICKERS: Final = 100


def anchor_by_count(count: int, among_few: float, among_many: float) -> float:
    """The weight of an anchor in a table of `count` tickers."""
    return float(np.interp(count, (FEW_TICKERS, MANY_TICKERS), (among_few, among_many)))


def anchored_location(values: Floats, own: Floats, *, bound: float, anchor_weight: float) -> Floats:
    """M for each of the own numbers (m,), among the values (n,) of all tickers, n > 0; shape (m,).

    Exact: M less the pull ÷ anchor_weight is a rising function of M, linear between the values ± bound.
    """
    ordered = np.sort(values)
    total = np.concatenate([[0.0], np.cumsum(ordered)])
    corner = np.sort(np.concatenate([ordered - bound, ordered + bound]))
    below = np.searchsorted(ordered, corner - bound, side="right")
    inside = np.searchsorted(ordered, corner + bound, side="left")
    pull = bound * (len(ordered) - inside - below) + (total[inside] - total[below]) - corner * (inside - below)
    start = corner - pull / anchor_weight
    reach = len(ordered) * bound / anchor_weight
    location: Floats = np.interp(own, start, corner)
    location = np.where(own < start[0], own + reach, location)
    return np.where(own > start[-1], own - reach, location)
