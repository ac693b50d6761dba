"""What the market model's net reads: a year of one ticker's bars, in steps of two weeks."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.contract import Window
from models.market.past import LEAST_VARIANCE, largest_of, log_of, past_of
from records import Floats

#: A year in steps of two weeks.
STEPS: Final = 26
STEP_BARS: Final = 10
SEQUENCE_NAMES: Final = ("variance", "largest_variance", "spike", "report", "momentum", "overnight_share")


def market_sequences(window: Window, rows: np.ndarray) -> Floats:
    """What the net reads after each of the bars `rows`: shape (m, STEPS, len(SEQUENCE_NAMES)), the newest step last.

    Each step sums up two weeks: its mean and largest variance against the year's, volume, marks of reports, return in units of
    volatility, overnight share of variance. NaN before the history begins.
    """

    def steps(values: Floats) -> Floats:
        return values.reshape(len(values), STEPS, STEP_BARS)

    with np.errstate(invalid="ignore", divide="ignore"):
        past = past_of(window, rows, STEPS * STEP_BARS)
        squares = past.overnight**2
        variance, spike, overnight = (
            np.add.reduce(steps(part), axis=2) / STEP_BARS for part in (past.variance, past.spike, squares)
        )
        usual = window.column("log_range_variance_252")[rows, None]
        parts = {
            "variance": log_of(variance) - usual,
            "largest_variance": log_of(largest_of(steps(past.variance))) - usual,
            "spike": spike,
            "report": largest_of(steps(past.report)),
            "momentum": np.add.reduce(steps(past.returns), axis=2) / np.exp(0.5 * usual),
            "overnight_share": overnight / np.maximum(variance, LEAST_VARIANCE),
        }
    return np.stack([parts[name] for name in SEQUENCE_NAMES], axis=2)
