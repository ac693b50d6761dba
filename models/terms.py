"""What tells tickers apart in the variance that lies ahead: the terms of the regression within dates that `pooling` estimates.

Besides the log-HAR terms: the mean of logs, which single spikes do not move; the leverage effect; and the season of quarterly
reports, which daily bars show as volume spikes with overnight jumps one to four quarters earlier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.baseline import shrunk_mean
from models.contract import Window, horizon_variances
from models.regression import LEAST_VARIANCE, LEAST_VARIANCE_SHARE, VARIANCE_FEATURES, log_variances
from records import Floats

LOG_MEANS: Final = {
    "log_range_variance_21": "range_variance_21",
    "log_range_variance_63": "range_variance_63",
    "log_range_variance_252": "range_variance_252",
}
#: Quarters back, in bars.
QUARTERS: Final = (63, 126, 189, 252)
TERM_NAMES: Final = (*VARIANCE_FEATURES, *LOG_MEANS, "leverage", "season_volume", "season_jump")
#: What stands in for a term whose lookback is longer than a young ticker's history.
NEAREST_TERM: Final = {
    "range_variance_21": "range_variance_5",
    "range_variance_63": "range_variance_21",
    "range_variance_252": "range_variance_63",
    "log_range_variance_63": "log_range_variance_21",
    "log_range_variance_252": "log_range_variance_63",
}
#: A mean of logs this far below the log of the mean is a halt, not calm.
LARGEST_LOG_GAP: Final = 4.0
#: Bars of the window that the last row of terms rests on.
TERM_BARS: Final = 252
#: An overnight jump counts from one to seven times its usual size, a volume spike up to two standard deviations.
LARGEST_JUMP: Final = 6.0
LARGEST_SPIKE: Final = 2.0
LEVERAGE_CLIP: Final = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One ticker's rows of the pooled regression: `weeks` (m,) int32, `values` (m, 1 + k) float32, the target first."""

    weeks: np.ndarray
    values: np.ndarray


def variance_terms(window: Window, horizon: int) -> Floats:
    """The terms after each bar, shape (n, k) in the order of TERM_NAMES; NaN where a feature lacks its lookback."""
    columns = [*log_variances(window, VARIANCE_FEATURES).T]
    for name, mean in LOG_MEANS.items():
        columns.append(
            np.maximum(window.column(name), np.log(np.maximum(window.column(mean), LEAST_VARIANCE)) - LARGEST_LOG_GAP)
        )
    deviation = np.sqrt(np.maximum(21.0 * window.column("realised_variance_21"), 21.0 * LEAST_VARIANCE))
    columns.append(np.clip(window.column("momentum_21") / deviation, -LEVERAGE_CLIP, LEVERAGE_CLIP))
    spike = window.column("volume_zscore_63")
    usual = np.maximum(window.column("overnight_rms_63"), np.sqrt(LEAST_VARIANCE))
    jump = np.clip(np.abs(window.column("overnight_return")) / usual - 1.0, 0.0, LARGEST_JUMP)
    columns.append(_season(spike, horizon))
    columns.append(_season(jump * np.clip(spike, 0.0, LARGEST_SPIKE), horizon))
    return np.column_stack(columns)


def _season(values: Floats, horizon: int) -> Floats:
    """Largest value in the bars that lie one … four quarters before the horizon ahead, averaged over the quarters, shape (n,).

    A quarter shorter than the horizon would reach into it and is left out; without any, the season is 0.
    """
    n = len(values)
    quarters = [bars for bars in QUARTERS if bars >= horizon]
    largest = np.full(n, np.nan)
    if n >= horizon:
        largest[horizon - 1 :] = np.lib.stride_tricks.sliding_window_view(values, horizon).max(axis=1)
    total = np.zeros(n)
    for bars in quarters:
        lag = bars - horizon
        lagged = np.full(n, np.nan)
        lagged[lag:] = largest[: n - lag] if n > lag else largest[:0]
        total += lagged
    return total / max(1, len(quarters))


def current_terms(window: Window, horizon: int) -> Floats:
    """The terms after the window's last bar, shape (k,); NaN where the history is too short for one."""
    terms: Floats = variance_terms(window.last(TERM_BARS), horizon)[-1]
    return terms


def training_panel(window: Window, horizon: int) -> Panel:
    """Rows at the last bar of every other calendar week whose horizon ends within the window.

    Calendar weeks are what tickers have in common, whatever exchange they trade on; every `horizon` ÷ 10 of them,
    because labels of neighbouring weeks overlap and each row is kept with every forecast.
    """
    week = (window.day.astype(np.int64) + 3) // 7
    last_of_week = np.append(week[1:] != week[:-1], False)
    target = horizon_variances(window.log_return, horizon)
    terms = variance_terms(window, horizon)
    rows = last_of_week & (week % max(1, horizon // 10) == 0) & np.isfinite(target) & np.isfinite(terms).all(axis=1)
    floor = max(LEAST_VARIANCE, LEAST_VARIANCE_SHARE * float(np.nanmean(window.log_return**2)))
    values = np.column_stack([np.log(np.maximum(target[rows], floor)), terms[rows]])
    return Panel(week[rows].astype("<i4"), values.astype("<f4"))


def mean_statistics(window: Window) -> tuple[float, float]:
    """Mean daily simple return over the window, and the variance of its sampling error."""
    estimate = shrunk_mean(window.log_return)
    simple = np.expm1(window.log_return[np.isfinite(window.log_return)])
    return estimate.own_mean, float(simple.var(ddof=1)) / len(simple)
