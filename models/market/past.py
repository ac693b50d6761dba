"""The bars up to a row as the market model's inputs and sequences read them: returns, variances, volume, marks of reports."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from models.contract import Window
from records import Floats

#: Bars of a month of trading.
MONTH: Final = 21
#: Nothing that trades has a lower daily variance.
LEAST_VARIANCE: Final = 1e-9
#: A jump counts from one to seven times its usual size; a volume spike up to two (beside a jump) or 2.5 deviations.
LARGEST_JUMP: Final = 6.0
LARGEST_SPIKE: Final = 2.0
LARGEST_REPORT_SPIKE: Final = 2.5
#: Volume deviations from which on a day's variance is taken for that of news, and a jump for that of a report.
NEWS_SPIKE: Final = 0.75
NEWS_AND_JUMP_SPIKE: Final = 0.5
LEAST_USUAL_JUMP: Final = 1e-4


class Past(NamedTuple):
    """Bars up to each row, shape (…, bars) each, the newest last; NaN before the history begins.

    `returns` and `overnight` are daily log returns, `variance` is the range-based variance, `spike` the volume's z-score. Two
    marks of a report: `score` is jump × spike, `report` is spike + jump. `size` is the log of a news day's variance over a calm
    month's.
    """

    returns: Floats
    overnight: Floats
    variance: Floats
    spike: Floats
    score: Floats
    report: Floats
    size: Floats


def past_of(window: Window, rows: np.ndarray, bars: int) -> Past:
    """The last `bars` up to each row, shape (m, bars) each; (bars,) of a single row with so many bars before it."""
    marks = window.once(_marks)
    if len(rows) == 1 and rows[0] >= bars - 1:
        # One row, as after each new bar: the bars up to it are a part of the window and need not be gathered.
        known = slice(int(rows[0]) + 1 - bars, int(rows[0]) + 1)
        return Past(*[values[known] for values in marks])
    index = rows[:, None] + np.arange(1 - bars, 1)
    inside = index >= 0
    taken = np.where(inside, index, 0)
    return Past(*(np.where(inside, values[taken], np.nan) for values in marks))


def _marks(window: Window) -> tuple[Floats, ...]:
    """The fields of `Past` over the window, shape (n,) each."""
    spike = window.column("volume_zscore_63")
    # Exactly 0 is what a volume that does not vary, or is missing, has.
    spike = np.where(spike == 0.0, np.nan, spike)
    overnight = window.column("overnight_return")
    variance = np.maximum(window.range_variance, LEAST_VARIANCE)
    usual = np.maximum(window.column("overnight_rms_63"), LEAST_USUAL_JUMP)
    calm = np.exp(window.column("log_range_variance_63"))
    positive = np.maximum(spike, 0.0)
    jump = between(np.abs(overnight) / usual - 1.0, 0.0, LARGEST_JUMP)
    score = jump * np.minimum(positive, LARGEST_SPIKE)
    report = np.minimum(positive, LARGEST_REPORT_SPIKE) + 0.5 * jump * (spike > NEWS_AND_JUMP_SPIKE)
    news = np.where(spike > NEWS_SPIKE, np.maximum(variance, window.log_return**2), 0.0)
    size = np.log1p(news / np.maximum(MONTH * calm, 1e-8)) + 0.0 * spike
    return window.log_return, overnight, variance, spike, score, report, size


def between(values: Floats, low: float, high: float) -> Floats:
    """As `np.clip`, at a third of its time for short arrays."""
    inside: Floats = np.minimum(np.maximum(values, low), high)
    return inside


def largest_of(values: Floats) -> Floats:
    """Over the last axis."""
    largest: Floats = np.maximum.reduce(values, axis=-1)
    return largest


def running_largest(values: Floats, bars: int) -> Floats:
    """Largest of each `bars` successive values, shape (…, n − bars + 1); by doubling, so in a few steps."""
    found, width = values, 1
    while width < bars:
        further = min(width, bars - width)
        found = np.maximum(found[..., :-further], found[..., further:])
        width += further
    return found


def log_of(values: Floats) -> Floats:
    """Logs of variances, none below LEAST_VARIANCE."""
    return np.log(np.maximum(values, LEAST_VARIANCE))
