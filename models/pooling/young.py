"""The terms of a ticker that is too young for all of them."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.pooling.location import PULL, anchor_by_count, anchored_location
from models.pooling.terms import SHORTER_TERM, TERM_NAMES, USUAL_SEASONS
from records import Floats

#: Weight of what usually lies between two lookbacks of a term, against the pulls of the tickers of the table.
STEP_ANCHOR: Final = 80.0
LIGHT_STEP_ANCHOR: Final = 8.0


def filled_terms(young: Floats, members: Floats, *, closes: bool) -> Floats:
    """Terms of young tickers, shape (u, k), from what they have and the terms of `members` (n, k), who have them all.

    In place of a term that lacks its lookback stands the next shorter one, and what lies between the two: usually, or by many
    members. All have the shortest (`pool.untrained_rows`). `closes` is for bars whose open, high and low are the close.
    """
    anchor = anchor_by_count(len(members), STEP_ANCHOR, LIGHT_STEP_ANCHOR)
    filled = young.copy()
    for column, name in enumerate(TERM_NAMES):
        lacking = ~np.isfinite(filled[:, column])
        if name in SHORTER_TERM:
            shorter = SHORTER_TERM[name]
            nearest = TERM_NAMES.index(shorter.name)
            usual = np.array([shorter.closes if closes else shorter.usual])
            step = anchored_location(members[:, column] - members[:, nearest], usual, bound=PULL, anchor_weight=anchor)
            filled[lacking, column] = filled[lacking, nearest] + step
        else:
            filled[lacking, column] = USUAL_SEASONS.get(name, 0.0)
    return filled
