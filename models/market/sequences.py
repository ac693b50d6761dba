"""What the market model's net reads: a year of one ticker's bars, in steps of two weeks."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.contract import Window
from models.market.past import LEAST_VARIANCE, OVERNIGHT, REPORT, VARIANCE, largest_of, log_of, together_of
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
    sequences = np.empty((len(rows), STEPS, len(SEQUENCE_NAMES)))
    with np.errstate(invalid="ignore", divide="ignore"):
        bars = together_of(window, rows, STEPS * STEP_BARS)
        steps = bars.reshape(*bars.shape[:-1], STEPS, STEP_BARS)
        returns, _, variance, _, spike, _, _ = np.add.reduce(steps, axis=-1)
        overnight = np.add.reduce(steps[OVERNIGHT] ** 2, axis=-1) / STEP_BARS
        variance, spike = variance / STEP_BARS, spike / STEP_BARS
        largest, report = largest_of(steps[VARIANCE : REPORT + 1])
        usual = window.column("log_range_variance_252")[rows, None]
        logs = log_of(np.array([variance, largest])) - usual
        parts = {
            "variance": logs[0],
            "largest_variance": logs[1],
            "spike": spike,
            "report": report,
            "momentum": returns / np.exp(0.5 * usual),
            "overnight_share": overnight / np.maximum(variance, LEAST_VARIANCE),
        }
    for column, name in enumerate(SEQUENCE_NAMES):
        sequences[..., column] = parts[name]
    return sequences
