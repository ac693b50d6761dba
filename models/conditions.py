"""What a window must fulfil before a model is fitted to it or asked: enough bars, finite, and a price that moves."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from errors import DegenerateSeriesError, TooFewBarsError
from models.contract import Window
from records import Floats

#: A price that has not moved for a month of trading is a halt or a frozen quote, not a calm market.
FROZEN_BARS: Final = 21
#: With fewer moving days than this share, the variance measures how often it trades rather than how far it moves.
LEAST_MOVING_SHARE: Final = 0.2


def require_trainable(window: Window, minimum_bars: int, model: str) -> None:
    """Raise TooFewBarsError or DegenerateSeriesError, naming ticker and model, if `model` cannot be fitted to the window."""
    if len(window) < minimum_bars:
        raise TooFewBarsError(f"{window.ticker}: {len(window)} bars, {model} needs {minimum_bars}")
    require_finite(window, model)
    moving = np.count_nonzero(window.log_return[1:]) / (len(window) - 1)
    if moving < LEAST_MOVING_SHARE:
        raise DegenerateSeriesError(
            f"{window.ticker}: the close moved on {moving:.1%} of {len(window)} bars, "
            f"{model} needs {LEAST_MOVING_SHARE:.0%}: serve an estimate without a model"
        )


def require_finite(window: Window, model: str) -> None:
    """Raise DegenerateSeriesError if a return is missing (the history's first bar has no return)."""
    if not (_all_finite(window.log_return[1:]) and _all_finite(window.range_variance[1:])):
        raise DegenerateSeriesError(f"{window.ticker}: a return is not a number, {model} cannot use it: check the bars")


def _all_finite(values: Floats) -> bool:
    # A sum is finite if all of them are; each is looked at where it is not.
    return math.isfinite(np.add.reduce(values)) or bool(np.isfinite(values).all())


def is_frozen(log_return: Floats) -> bool:
    """Whether the last month of closes is one price, by the log returns from each to the next, shape (n,)."""
    return not np.count_nonzero(log_return[-FROZEN_BARS:])


def require_moving(window: Window, model: str) -> None:
    """Raise TooFewBarsError for an empty window, DegenerateSeriesError if its last month of closes is one price."""
    if len(window) < 2:
        raise TooFewBarsError(f"{window.ticker}: {len(window)} bars, {model} needs at least 2")
    if is_frozen(window.log_return):
        raise DegenerateSeriesError(
            f"{window.ticker}: the close has not moved on the last {min(FROZEN_BARS, len(window))} bars up to {window.as_of}: "
            f"{model} cannot forecast a halted or frozen price"
        )
