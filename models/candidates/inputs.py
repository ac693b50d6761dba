"""The feature matrix of the learners: every column stationary and of order one, so that three years can be learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from errors import TooFewBarsError
from models.candidates.regression import LEAST_COVERAGE, VARIANCE_FEATURES, log_variances
from models.contract import Window
from records import Floats

#: Variances enter as logs, returns over windows in units of the volatility of a quarter, the others are relative already.
LOG_COLUMNS: Final = (*VARIANCE_FEATURES, "realised_variance_21", "ewma_variance_94")
MOMENTUM: Final = {"momentum_21": 21, "momentum_63": 63, "momentum_252": 252}
DAILY_RETURNS: Final = ("log_return", "overnight_return")
RELATIVE: Final = ("macd_12_26", "macd_histogram_9")
PLAIN: Final = ("rsi_14", "volume_zscore_63", "drawdown_252")
INPUT_NAMES: Final = (*LOG_COLUMNS, *MOMENTUM, *DAILY_RETURNS, *RELATIVE, *PLAIN)
#: A scaled input further out than this is a data error or a once-in-a-decade day: it counts, but not in proportion.
CLIP: Final = 5.0


def learner_inputs(window: Window, names: tuple[str, ...] = INPUT_NAMES) -> Floats:
    """The inputs `names` after each bar, shape (n, k); NaN where a feature lacks its lookback."""
    logs = log_variances(window, LOG_COLUMNS)
    volatility = np.sqrt(np.maximum(window.column("range_variance_63"), 1e-12))
    columns: dict[str, Floats] = dict(zip(LOG_COLUMNS, logs.T, strict=True))
    for name, bars in MOMENTUM.items():
        columns[name] = window.column(name) / (volatility * np.sqrt(bars))
    for name in (*DAILY_RETURNS, *RELATIVE):
        columns[name] = window.column(name) / volatility
    for name in PLAIN:
        columns[name] = window.column(name)
    return np.column_stack([columns[name] for name in names])


def usable_inputs(window: Window, labelled: np.ndarray) -> tuple[str, ...]:
    """Names of the inputs that enough of the window's bars have, counted among the `labelled` (a mask of shape (n,))."""
    present = np.count_nonzero(np.isfinite(learner_inputs(window)[labelled]), axis=0)
    least = LEAST_COVERAGE * len(window)
    return tuple(name for name, count in zip(INPUT_NAMES, present, strict=True) if count >= least)


@dataclass(frozen=True, slots=True, eq=False)
class Scaler:
    """Mean and standard deviation of the training part, shape (k,) each; scaled values are clipped at ± 5."""

    names: tuple[str, ...]
    center: Floats
    spread: Floats

    @classmethod
    def fit(cls, names: tuple[str, ...], inputs: Floats) -> Self:
        """From inputs of shape (n, k) without NaN. A column that does not vary scales to zero."""
        spread = inputs.std(axis=0)
        return cls(names, inputs.mean(axis=0), np.where(spread > 0, spread, np.inf))

    def scale(self, inputs: Floats) -> Floats:
        """Scaled inputs, shape (n, k)."""
        scaled: Floats = np.clip((inputs - self.center) / self.spread, -CLIP, CLIP)
        return scaled

    def scaled_tail(self, window: Window, bars: int) -> Floats:
        """Scaled inputs of the window's last `bars` bars, shape (bars, k). Raises TooFewBarsError where one is missing."""
        inputs = learner_inputs(window.last(bars), self.names)
        if len(inputs) < bars or not np.isfinite(inputs).all():
            raise TooFewBarsError(f"{window.ticker}: features are missing on the last {bars} bars up to {window.as_of}")
        return self.scale(inputs)
