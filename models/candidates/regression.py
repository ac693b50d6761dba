"""Log-HAR: the log variance of the next horizon as a linear function of log variances over past windows.

Corsi (2009), "A simple approximate long-memory model of realized volatility". The regressor is the range-based variance of
Parkinson (1980) plus the overnight jump, because daily bars have no intraday returns. The learners start from it and learn
only what it leaves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from errors import DegenerateSeriesError, TooFewBarsError
from models.contract import Window, horizon_variances, places_of
from records import Floats

#: Regressors of one ticker's own log-HAR. Not the year's variance: three years hold three of it, and what a regression finds
#: between so few values and what followed is a spurious return to their mean. Over many tickers it can be used.
HAR_FEATURES: Final = ("range_variance_5", "range_variance_21", "range_variance_63")
VARIANCE_FEATURES: Final = (*HAR_FEATURES, "range_variance_252")
#: A short window's variance below this share of the longest one's is a halt: its log would rule the regression.
LEAST_VARIANCE_SHARE: Final = 0.02
#: Nothing that trades has an annual volatility below 0.05 %; keeps logs finite.
LEAST_VARIANCE: Final = 1e-9
#: A feature that fewer bars have, in a young history, would cost more in bars than it tells: it is left out.
LEAST_COVERAGE: Final = 0.6
#: Overlapping labels of a 21-bar horizon: three independent months and more.
MINIMUM_ROWS: Final = 63
#: What the slopes are shrunk towards: four fifths of a shock are left in the month to come. Variances of all assets share
#: their dynamics (Bollerslev, Hood, Huss and Pedersen 2018, "Risk everywhere"); docs/ablations.md names what they were set on.
PRIOR_SLOPES: Final = {"range_variance_5": 0.3, "range_variance_21": 0.3, "range_variance_63": 0.2}
#: The prior counts as much as the data: three years are some thirty independent months, however many tickers share them, and
#: when all of them were calm, their slopes alone would send each crisis straight back to calm.
PRIOR_SHARE: Final = 1.0
#: In robust standard deviations: ratios beyond it are cut to it when the level is corrected.
OUTLIER: Final = 3.0
#: A forecast stays within the range of the training part, widened by this factor on both sides. This is the "insanity filter"
#: of Bollerslev, Patton and Quaedvlieg (2016), less strict, so that a crisis beyond the sample can still be forecast.
SANE_FACTOR: Final = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class LogVarianceRegression:
    """A fitted log-HAR. `columns` are the features in use, `coefficients` (shape (k,)) and `intercept` apply to their logs."""

    columns: tuple[str, ...]
    coefficients: Floats
    intercept: float
    log_scale: float
    lowest: float
    highest: float

    @classmethod
    def fit(cls, window: Window, horizon: int) -> Self:
        """Least squares, shrunk towards PRIOR_SLOPES, on every bar whose horizon ends within the window.

        A feature that too many bars lack (a young history) is left out. The level is corrected so that the mean of realised ÷
        forecast is 1, which is the scale that minimises QLIKE (Patton 2011), with outlying ratios winsorised: one spin-off
        booked as a crash must not double every forecast. Raises TooFewBarsError or DegenerateSeriesError.
        """
        target = horizon_variances(window.log_return, horizon)
        labelled = np.isfinite(target)
        columns = tuple(
            name
            for name in HAR_FEATURES
            if np.count_nonzero(labelled & np.isfinite(window.column(name))) >= LEAST_COVERAGE * len(window)
        )
        regressors = log_variances(window, columns)
        rows = labelled & np.isfinite(regressors).all(axis=1)
        if not columns or np.count_nonzero(rows) < MINIMUM_ROWS:
            raise TooFewBarsError(
                f"{window.ticker}: {np.count_nonzero(rows)} bars with all variance features and a label, "
                f"log-HAR needs {MINIMUM_ROWS}"
            )
        x = regressors[rows]
        y = np.log(np.maximum(target[rows], LEAST_VARIANCE_SHARE * target[rows].mean()))
        center = x.mean(axis=0)
        if not (x.std(axis=0) > 0).all():
            raise DegenerateSeriesError(f"{window.ticker}: its variance never changes, log-HAR cannot be fitted")
        coefficients = shrunk_slopes(y - y.mean(), x - center, prior_slopes(columns), PRIOR_SHARE)
        intercept = float(y.mean() - center @ coefficients)
        residual = y - (x @ coefficients + intercept)
        return cls(
            columns,
            coefficients,
            intercept,
            log_level_correction(residual),
            float(y.min()) - float(np.log(SANE_FACTOR)),
            float(y.max()) + float(np.log(SANE_FACTOR)),
        )

    def log_variance(self, window: Window) -> float:
        """Expected log of the mean daily variance over the horizon after the window's last bar; not corrected in level.

        Raises TooFewBarsError when a feature in use is missing there.
        """
        row = window.once(_last_log_variances, self.columns)
        if row is None:
            raise TooFewBarsError(f"{window.ticker}: variance features are missing at {window.as_of}")
        return min(max(float(row.dot(self.coefficients)) + self.intercept, self.lowest), self.highest)


def log_variances(window: Window, columns: tuple[str, ...]) -> Floats:
    """Logs of variance features, shape (n, k), floored beside the largest of the row so that a halt is no outlier."""
    if not columns:
        return np.empty((len(window), 0))
    values = window.columns(columns)
    largest = np.fmax.reduce(values, axis=1, keepdims=True)
    floor = np.maximum(LEAST_VARIANCE, LEAST_VARIANCE_SHARE * largest)
    return np.log(np.maximum(values, floor))


def _last_log_variances(window: Window, columns: tuple[str, ...]) -> Floats | None:
    """Those after the window's last bar, shape (k,); None if one is missing."""
    return floored_logs(window.features[-1].take(places_of(window.feature_names, columns)).tolist())


def floored_logs(values: list[float]) -> Floats | None:
    """`log_variances` of a single row, by Python's numbers: NumPy takes as long for each call. None if one is missing."""
    if not all(map(math.isfinite, values)):
        return None
    floor = max(LEAST_VARIANCE, LEAST_VARIANCE_SHARE * max(values))
    return np.asarray(np.log([max(value, floor) for value in values]))


def prior_slopes(columns: tuple[str, ...]) -> Floats:
    """The prior of the slopes on these log variances, shape (k,); what a young history lacks is spread over the others."""
    slopes = np.array([PRIOR_SLOPES.get(name, 0.0) for name in columns])
    return np.asarray(slopes * (sum(PRIOR_SLOPES.values()) / slopes.sum()))


def shrunk_slopes(target: Floats, terms: Floats, prior: Floats, share: float) -> Floats:
    """Slopes of `target` (n,) on `terms` (n, k), both centred, shrunk towards `prior` (k,): a ridge around it.

    `share` is the penalty per row on terms in units of their own spread; a term that does not vary keeps its prior.
    """
    spread = np.sqrt(np.mean(terms**2, axis=0))
    spread[spread == 0.0] = np.inf
    scaled = terms / spread
    gram = scaled.T @ scaled + share * len(scaled) * np.eye(scaled.shape[1])
    return np.asarray(prior + np.linalg.solve(gram, scaled.T @ (target - terms @ prior)) / spread)


def log_level_correction(residual: Floats, weight: Floats | None = None) -> float:
    """Log of the mean of realised ÷ forecast, from log residuals of shape (n,), winsorised at three robust deviations.

    `weight` (n,) weighs the mean.
    """
    center = float(np.median(residual))
    spread = 1.4826 * float(np.median(np.abs(residual - center)))
    limited = np.clip(residual, center - OUTLIER * spread, center + OUTLIER * spread)
    return float(np.log(np.average(np.exp(limited), weights=weight)))
