"""The days of decisions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backtest.market import Market
from errors import NoDataError


def decision_rows(market: Market, days: Sequence[int], delay: int) -> list[int]:
    """The rows of the last days of the market up to each of `days`, with a day left to trade on and one to earn on.

    Raises NoDataError if there is none.
    """
    rows = {int(np.searchsorted(market.day, day, side="right")) - 1 for day in days}
    chosen = sorted(row for row in rows if 0 <= row < len(market.day) - 1 - delay)
    if not chosen:
        raise NoDataError("none of the forecasts lies within the days of the bars: take forecasts of the same file")
    return chosen


def phases_of(market: Market, minimum_bars: int, horizon: int, phases: int, delay: int) -> list[int]:
    """Rows of decisions, every `horizon` ÷ `phases` days from the day that has `minimum_bars` before it.

    Phase p decides at every `phases`-th of them, from the p-th on. Raises NoDataError if the bars are too few.
    """
    step = horizon / phases
    rows = np.arange(float(minimum_bars), len(market.day) - 1 - delay, step)
    if len(rows) < phases:
        raise NoDataError(
            f"{len(market.day)} days of bars are too few: {minimum_bars} come before the first decision, and a day to trade "
            "on follows each"
        )
    return [int(row) for row in rows]
