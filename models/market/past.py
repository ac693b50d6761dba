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
    month's. `together` are all seven in this order, shape (7, …, bars).
    """

    returns: Floats
    overnight: Floats
    variance: Floats
    report: Floats
    spike: Floats
    score: Floats
    size: Floats
    together: Floats


#: Places in `Past.together`.
OVERNIGHT: Final = Past._fields.index("overnight")
VARIANCE: Final = Past._fields.index("variance")
REPORT: Final = Past._fields.index("report")
SPIKE: Final = Past._fields.index("spike")
SIZE: Final = Past._fields.index("size")


def past_of(window: Window, rows: np.ndarray, bars: int) -> Past:
    """The last `bars` up to each row, shape (m, bars) each; (bars,) of a single row with so many bars before it."""
    together = together_of(window, rows, bars)
    return Past._make([*together, together])


def together_of(window: Window, rows: np.ndarray, bars: int) -> Floats:
    """`Past.together` alone, of `past_of`."""
    marks = window.once(_marks)
    if len(rows) == 1 and rows[0] >= bars - 1:
        # One row, as after each new bar: the bars up to it are a part of the window and need not be gathered.
        return marks[:, int(rows[0]) + 1 - bars : int(rows[0]) + 1]
    index = rows[:, None] + np.arange(1 - bars, 1)
    inside = index >= 0
    # By `take`, since indexing may lay the axes out in another order, and sums would have other last digits.
    return np.where(inside, marks.take(np.where(inside, index, 0), axis=1), np.nan)


def _marks(window: Window) -> Floats:
    """The first fields of `Past` over the window, shape (7, n)."""
    marks = np.empty((len(Past._fields) - 1, len(window)))
    returns, overnight, variance, report, spike, score, size = marks
    returns[:], overnight[:] = window.log_return, window.column("overnight_return")
    spike[:] = window.column("volume_zscore_63")
    # Exactly 0 is what a volume that does not vary, or is missing, has.
    spike[spike == 0.0] = np.nan
    np.maximum(window.range_variance, LEAST_VARIANCE, out=variance)
    usual = np.maximum(window.column("overnight_rms_63"), LEAST_USUAL_JUMP)
    calm = np.exp(window.column("log_range_variance_63"))
    positive = np.maximum(spike, 0.0)
    jump = between(np.abs(overnight) / usual - 1.0, 0.0, LARGEST_JUMP)
    np.multiply(jump, np.minimum(positive, LARGEST_SPIKE), out=score)
    np.add(np.minimum(positive, LARGEST_REPORT_SPIKE), 0.5 * jump * (spike > NEWS_AND_JUMP_SPIKE), out=report)
    news = np.where(spike > NEWS_SPIKE, np.maximum(variance, returns**2), 0.0)
    np.add(np.log1p(news / np.maximum(MONTH * calm, 1e-8)), 0.0 * spike, out=size)
    return marks


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
