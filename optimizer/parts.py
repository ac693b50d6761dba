"""A portfolio problem over many assets, solved over few of them at a time.

A long-only portfolio of 500 assets holds some dozens, and a solution takes time with the cube of the assets: 170 ms for 500
and a tenth of that in parts. The problems are convex, so a portfolio that no asset left out would improve is the optimum of
all (the active-set idea; Best and Hlouskova 2000 describe it for portfolios with bounds).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from records import Floats

#: Assets that a problem begins with, and that are added at a time.
PART: Final = 64
#: Fewer assets are solved at once.
LEAST: Final = 3 * PART
#: Improvements below this part of the portfolio's own variance or return are ignored.
_SHORTFALL: Final = 1e-7

Columns = NDArray[np.intp]


def solved_in_parts(ranked: Columns, solve: Callable[[Columns], Floats], shortfall: Callable[[Floats], Floats]) -> Floats:
    """The optimal weights (n,) over all n assets.

    `ranked` (n,) holds their indices, likely tickers first; `solve` gives the weights of the optimum over some of them, and
    `shortfall` (n,) of weights is how much each asset misses its optimality condition by, relative to the portfolio.
    """
    chosen = ranked[:PART]
    while True:
        weights = np.zeros(len(ranked))
        weights[chosen] = solve(chosen)
        missing = shortfall(weights)
        missing[chosen] = 0.0
        more = np.argsort(-missing, kind="stable")[:PART]
        more = more[missing[more] > _SHORTFALL]
        if not len(more):
            return weights
        chosen = np.union1d(chosen, more)
