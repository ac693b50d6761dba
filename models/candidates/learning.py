"""What the learners (boosted trees, LSTM) learn: the part of the horizon's return and log variance that the baseline leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from errors import DegenerateSeriesError, TooFewBarsError
from models.candidates.inputs import Scaler, learner_inputs, usable_inputs
from models.candidates.regression import LEAST_VARIANCE_SHARE, LogVarianceRegression
from models.contract import HorizonForecast, Window, horizon_returns, horizon_variances
from models.historical import shrunk_mean
from records import Floats

#: Half a year of labelled bars; below it a learner memorises.
MINIMUM_ROWS: Final = 126
#: Weights of a learner's answer. Stock returns are predictable to well below one percent of their variance (Gu, Kelly and Xiu
#: 2020), their log variance to a third.
RETURN_WEIGHT: Final = 0.1
VARIANCE_WEIGHT: Final = 0.5
#: Standardised targets further out than this are one event, seen through many overlapping horizons.
TARGET_CLIP: Final = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class LearningTask:
    """Scaler of the inputs, the log-HAR to start from, and the spreads that bring targets to order one.

    A learner answers two numbers in units of those spreads; `answer` turns them into a forecast around the baseline's.
    """

    horizon: int
    scaler: Scaler
    regression: LogVarianceRegression
    return_spread: float
    variance_spread: float

    def answer(self, window: Window, return_score: float, variance_score: float) -> HorizonForecast:
        """The forecast after the window's last bar, from what a learner says of it."""
        log_variance = self.regression.log_variance(window) + self.regression.log_scale
        limit = TARGET_CLIP
        tilt = float(np.clip(variance_score, -limit, limit)) * VARIANCE_WEIGHT * self.variance_spread
        mean = self.horizon * shrunk_mean(window.log_return).daily_return
        shift = float(np.clip(return_score, -limit, limit)) * RETURN_WEIGHT * self.return_spread
        return HorizonForecast(mean + shift, float(np.exp(log_variance + tilt)))


@dataclass(frozen=True, slots=True, eq=False)
class LearningSet:
    """Training data over the window's bars: `inputs` (n, k) scaled, NaN where missing; `targets` (n, 2) standardised.

    `labelled` (n,) marks the bars that have all inputs and whose horizon ends within the window. Target columns: return, log
    variance.
    """

    task: LearningTask
    inputs: Floats
    targets: Floats
    labelled: np.ndarray


def learning_set(window: Window, horizon: int) -> LearningSet:
    """What is fitted here (scaler, log-HAR, spreads) sees this window only. Raises TooFewBarsError, DegenerateSeriesError."""
    regression = LogVarianceRegression.fit(window, horizon)
    returns = horizon_returns(window.log_return, horizon)
    variances = horizon_variances(window.log_return, horizon)
    start = regression.log_variance_path(window)
    labelled = np.isfinite(returns) & np.isfinite(variances) & np.isfinite(start)
    names = usable_inputs(window, labelled)
    raw = learner_inputs(window, names)
    labelled &= np.isfinite(raw).all(axis=1)
    if np.count_nonzero(labelled) < MINIMUM_ROWS:
        raise TooFewBarsError(
            f"{window.ticker}: {np.count_nonzero(labelled)} bars with all inputs and a label, "
            f"a learner needs {MINIMUM_ROWS}: wait for more history"
        )
    least = LEAST_VARIANCE_SHARE * variances[labelled].mean()
    rest = np.where(labelled, np.log(np.maximum(variances, least)) - start, 0.0)
    returns = np.where(labelled, returns, 0.0)
    center, spread = float(returns[labelled].mean()), float(returns[labelled].std())
    variance_spread = float(rest[labelled].std())
    if not (spread > 0.0 and variance_spread > 0.0):
        raise DegenerateSeriesError(f"{window.ticker}: its returns over {horizon} bars never differ, there is nothing to learn")
    scaler = Scaler.fit(names, raw[labelled])
    targets = np.column_stack([(returns - center) / spread, rest / variance_spread])
    task = LearningTask(horizon, scaler, regression, spread, variance_spread)
    return LearningSet(task, scaler.scale(raw), np.clip(targets, -TARGET_CLIP, TARGET_CLIP), labelled)
