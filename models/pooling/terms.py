"""What tells tickers apart in the variance that lies ahead: the terms of the regression within dates that `pooling` estimates.

Besides the log-HAR terms: the mean of logs, which single spikes do not move; the leverage effect; and the season of quarterly
reports, which daily bars show as volume spikes with overnight jumps one to four quarters earlier.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from models.candidates.regression import LEAST_VARIANCE, LEAST_VARIANCE_SHARE, VARIANCE_FEATURES, floored_logs, log_variances
from models.contract import Window, horizon_variances
from models.historical import window_mean
from models.market.past import between, running_largest
from records import Floats


class ShorterTerm(NamedTuple):
    """The next shorter term than one, and the one less the shorter: `usual`, and of `closes` alone."""

    name: str
    usual: float
    closes: float


LOG_MEANS: Final = {
    "log_range_variance_21": "range_variance_21",
    "log_range_variance_63": "range_variance_63",
    "log_range_variance_252": "range_variance_252",
}
#: Quarters back, in bars.
QUARTERS: Final = (63, 126, 189, 252)
TERM_NAMES: Final = (*VARIANCE_FEATURES, *LOG_MEANS, "leverage", "season_volume", "season_jump")
#: Slopes within weeks of the log variance ahead on the terms, in the order of TERM_NAMES. Least squares with a ridge over the
#: 170 tickers of the shipped market model, 2014 to 2017 (`pretraining.fitting.term_slopes_of`). Their halves agree within 0.05.
USUAL_SLOPES: Final = {
    "range_variance_5": 0.010,
    "range_variance_21": -0.125,
    "range_variance_63": 0.042,
    "range_variance_252": 0.044,
    "log_range_variance_21": 0.353,
    "log_range_variance_63": 0.418,
    "log_range_variance_252": 0.208,
    "leverage": -0.086,
    "season_volume": 0.053,
    "season_jump": 0.053,
}
#: Likewise for bars whose open, high and low are the close, and no volumes (80 of the tickers). The mean of logs of squared
#: returns is a noisy number, so that more is left to the log of their mean.
CLOSES_SLOPES: Final = {
    "range_variance_5": 0.016,
    "range_variance_21": -0.026,
    "range_variance_63": 0.131,
    "range_variance_252": 0.211,
    "log_range_variance_21": 0.042,
    "log_range_variance_63": 0.194,
    "log_range_variance_252": 0.334,
    "leverage": -0.080,
    "season_volume": 0.0,
    "season_jump": 0.0,
}
#: What the slopes leave of the log variance in the mean, of the same tickers: 0.09 is its deviation over them.
USUAL_LEVEL: Final = -0.40
CLOSES_LEVEL: Final = -0.07
#: The pooled log-HAR's intercept (`cross_section`): the median of those 200 shares, and of 20 other stocks' closes.
USUAL_INTERCEPT: Final = -1.57
CLOSES_INTERCEPT: Final = -1.44
#: What stands in for the seasons of bars without volumes, and of a young ticker: means over 200 shares, 2016 to 2018, rounded.
USUAL_SEASONS: Final = {"season_volume": 2.0, "season_jump": 2.5}
#: Log of the year's mean variance less the mean of its logs: 0.6 for bars with a range, 1.7 for closes alone.
CLOSES_ONLY: Final = 1.1
SHORTEST_TERM: Final = "range_variance_5"
#: What stands in for a term whose lookback is longer than a young ticker's history: the next shorter one, and what lies
#: between the two. Medians over those 200 shares, and over 20 other stocks' closes alone.
SHORTER_TERM: Final = {
    "range_variance_21": ShorterTerm("range_variance_5", 0.11, 0.15),
    "range_variance_63": ShorterTerm("range_variance_21", 0.10, 0.06),
    "range_variance_252": ShorterTerm("range_variance_63", 0.18, 0.10),
    "log_range_variance_21": ShorterTerm("range_variance_21", -0.30, -1.36),
    "log_range_variance_63": ShorterTerm("log_range_variance_21", 0.04, 0.0),
    "log_range_variance_252": ShorterTerm("log_range_variance_63", 0.12, 0.03),
}
#: A mean of logs this far below the log of the mean is a halt, not calm.
LARGEST_LOG_GAP: Final = 4.0
#: Bars of the window that the last row of terms rests on.
TERM_BARS: Final = 252
#: An overnight jump counts from one to seven times its usual size, a volume spike up to two standard deviations.
LARGEST_JUMP: Final = 6.0
LARGEST_SPIKE: Final = 2.0
LEVERAGE_CLIP: Final = 3.0
_LEAST_JUMP: Final = math.sqrt(LEAST_VARIANCE)


class LabelledRows(NamedTuple):
    """Bars with a label, m of them: their rows and calendar weeks, log of the realised variance, terms (m, k)."""

    rows: np.ndarray
    weeks: np.ndarray
    log_variance: Floats
    terms: Floats


@dataclass(frozen=True, slots=True, eq=False)
class TrainingPanel:
    """One ticker's rows of the pooled regression: `weeks` (m,) int32, `values` (m, 1 + k) float32, the target first.

    `rows` (m,) are the window's bars that they belong to.
    """

    rows: np.ndarray
    weeks: np.ndarray
    values: np.ndarray


def variance_terms(window: Window, horizon: int, rows: int | None = None) -> Floats:
    """The terms after each of the last `rows` bars (default: all), shape (rows, k) in the order of TERM_NAMES.

    NaN where a feature lacks its lookback.
    """
    rows = len(window) if rows is None else rows
    now = window.last(rows)
    least = np.log(np.maximum(now.columns(LOG_MEANS.values()), LEAST_VARIANCE)) - LARGEST_LOG_GAP
    log_means = np.maximum(now.columns(LOG_MEANS), least)
    deviation = np.sqrt(np.maximum(21.0 * now.column("realised_variance_21"), 21.0 * LEAST_VARIANCE))
    leverage = between(now.column("momentum_21") / deviation, -LEVERAGE_CLIP, LEVERAGE_CLIP)
    season = _season(_report(window), horizon, rows).T
    return np.concatenate([log_variances(now, VARIANCE_FEATURES), log_means, leverage[:, None], season], axis=1)


def _report(window: Window) -> Floats:
    """Marks of a report, shape (2, n): the volume's spike, and the overnight jump beside one."""
    spike = window.column("volume_zscore_63")
    usual = np.maximum(window.column("overnight_rms_63"), _LEAST_JUMP)
    jump = between(np.abs(window.column("overnight_return")) / usual - 1.0, 0.0, LARGEST_JUMP)
    return np.array([spike, jump * between(spike, 0.0, LARGEST_SPIKE)])


def _season(values: Floats, horizon: int, rows: int) -> Floats:
    """Largest of values, shape (m, n), in the bars one … four quarters before the horizon ahead, averaged over the quarters.

    Shape (m, rows): after each of the last bars. A quarter shorter than the horizon would reach into it and is left out;
    without any, the season is 0.
    """
    quarters = [bars for bars in QUARTERS if bars >= horizon]
    total = np.zeros((len(values), rows))
    if values.shape[1] < horizon:
        values = np.full((len(values), horizon), np.nan)
    largest = running_largest(values, horizon)
    for bars in quarters:
        # The quarter's bars end `bars` - `horizon` before each row; the first rows may lack them.
        known = largest[:, : max(0, largest.shape[1] - (bars - horizon))][:, -rows:]
        lacking = rows - known.shape[1]
        total[:, :lacking] = np.nan
        total[:, lacking:] += known
    return total / max(1, len(quarters))


def current_terms(window: Window, horizon: int) -> Floats:
    """The terms after the window's last bar, shape (k,); NaN where the history is too short for one."""
    known = window.last(TERM_BARS)
    terms = _full_terms(known, horizon) if len(known) == TERM_BARS and horizon <= QUARTERS[0] else None
    return variance_terms(known, horizon, rows=1)[0] if terms is None else terms


def _full_terms(window: Window, horizon: int) -> Floats | None:
    """The last row of `variance_terms` of TERM_BARS bars, to the bit, in a third of its time; None if a feature is missing."""
    now = dict(zip(window.feature_names, window.features[-1].tolist(), strict=True))
    logs = floored_logs([now[name] for name in VARIANCE_FEATURES])
    if logs is None or not all(math.isfinite(now[name]) for name in LOG_MEANS):
        return None
    least = np.log([max(now[name], LEAST_VARIANCE) for name in LOG_MEANS.values()]).tolist()
    log_means = [max(now[name], low - LARGEST_LOG_GAP) for name, low in zip(LOG_MEANS, least, strict=True)]
    deviation = math.sqrt(max(21.0 * now["realised_variance_21"], 21.0 * LEAST_VARIANCE))
    leverage = min(max(now["momentum_21"] / deviation, -LEVERAGE_CLIP), LEVERAGE_CLIP)
    # The bars one … four quarters before the horizon ahead, the oldest quarter first.
    by_quarter = _report(window).reshape(2, len(QUARTERS), QUARTERS[0])[..., :horizon]
    season = [0.0, 0.0]
    for quarter in np.maximum.reduce(by_quarter, axis=-1).T[::-1].tolist():
        season = [total + largest for total, largest in zip(season, quarter, strict=True)]
    return np.array([*logs.tolist(), *log_means, leverage, *(total / len(QUARTERS) for total in season)])


def labelled_rows(window: Window, horizon: int) -> LabelledRows:
    """Rows at the last bar of every other calendar week whose horizon ends within the window.

    Calendar weeks are what tickers have in common, whatever exchange they trade on; every `horizon` ÷ 10 of them,
    because labels of neighbouring weeks overlap and each row is kept with every forecast.
    """
    week = (window.day.astype(np.int64) + 3) // 7
    last_of_week = np.append(week[1:] != week[:-1], False)
    target = horizon_variances(window.log_return, horizon)
    terms = variance_terms(window, horizon)
    chosen = last_of_week & (week % max(1, horizon // 10) == 0) & np.isfinite(target) & np.isfinite(terms).all(axis=1)
    floor = max(LEAST_VARIANCE, LEAST_VARIANCE_SHARE * float(np.nanmean(window.log_return**2)))
    rows = np.flatnonzero(chosen)
    return LabelledRows(rows, week[rows], np.log(np.maximum(target[rows], floor)), terms[rows])


def training_panel(window: Window, horizon: int) -> TrainingPanel:
    """The labelled rows as they are kept with the ticker's forecasts."""
    labels = labelled_rows(window, horizon)
    values = np.column_stack([labels.log_variance, labels.terms])
    return TrainingPanel(labels.rows, labels.weeks.astype("<i4"), values.astype("<f4"))


def mean_statistics(window: Window) -> tuple[float, float]:
    """Mean daily simple return over the window, and the variance of its sampling error."""
    estimate = window.once(window_mean)
    return estimate.own_mean, estimate.sampling_variance
