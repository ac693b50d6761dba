"""From what is held to what is wanted: a partial step where no cost is known, and whole shares for a budget.

Every forecast is noisy, and a portfolio that follows each of them pays for the noise. Moving only part of the way each time
keeps the lasting part of the forecasts and skips most of the noise. Under quadratic costs the optimum is a partial step towards
an aim (Gârleanu and Pedersen 2013, "Dynamic trading with predictable returns and transaction costs", JF 68).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from records import Floats

#: The part of the way from the held to the wanted weights that one rebalancing goes where no cost is given: with monthly
#: rebalancing seven eighths of a lasting change are there after a quarter.
STEP: Final = 0.5
#: Halvings that find the smallest step that a goal allows.
_HALVINGS: Final = 40


def partial_step(held: Floats, wanted: Floats, step: float = STEP) -> Floats:
    """Weights (n,), sum 1, `step` of the way from `held` (n,), which may sum to less than 1, to `wanted` (n,), which sums to 1.

    Cash and what comes from other sales is invested in the wanted weights at once.
    """
    moved: Floats = (1.0 - step) * held + (1.0 - (1.0 - step) * held.sum()) * wanted
    return moved


def step_within(held: Floats, wanted: Floats, keeps_goal: Callable[[Floats], bool]) -> tuple[Floats, float]:
    """The partial step and its size: STEP, or the smallest larger one whose weights keep the goal; 1 where none does.

    The goals are convex and `wanted` keeps them, so all steps from the smallest on keep them as well.
    """
    if keeps_goal(partial_step(held, wanted)):
        return partial_step(held, wanted), STEP
    low, high = STEP, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if keeps_goal(partial_step(held, wanted, middle)):
            high = middle
        else:
            low = middle
    return partial_step(held, wanted, high), high


def whole_shares(weights: Floats, price: Floats, budget: float) -> tuple[NDArray[np.int64], float]:
    """Whole shares (n,) for a budget and the cash that is left, ≥ 0: prices (n,) positive, in the budget's currency.

    Each weight's shares are rounded down; then, as long as the cash allows, one share more of whatever is furthest below its
    weight in money. So no holding is above its weight by more than one share.
    """
    wanted = weights * budget
    shares = np.floor(wanted / price + 1e-9).astype(np.int64)
    cash = budget - float(shares @ price)
    bought = np.zeros(len(weights), dtype=bool)
    while True:
        missing = np.where((price <= cash) & ~bought & (wanted > shares * price), wanted - shares * price, 0.0)
        best = int(np.argmax(missing)) if len(missing) else 0
        if not len(missing) or missing[best] <= 0.0:
            return shares, cash
        shares[best] += 1
        bought[best] = True
        cash -= float(price[best])
