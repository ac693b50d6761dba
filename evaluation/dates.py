"""The dates of an evaluation: the same for all tickers, since a service pools the rows that stand in its table on one date."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from records import Days


def common_dates(days: Sequence[Days]) -> Days:
    """Dates with a bar of at least half of the tickers that are listed on them, in order.

    `days` has each ticker's dates in order; a ticker is listed from its first to its last.
    """
    found = [each for each in days if len(each)]
    if not found:
        return np.array([], np.int32)
    date, bars = np.unique(np.concatenate(found), return_counts=True)
    first, last = np.sort([each[0] for each in found]), np.sort([each[-1] for each in found])
    listed = np.searchsorted(first, date, side="right") - np.searchsorted(last, date, side="left")
    return date[2 * bars >= listed]


def origin_dates(days: Sequence[Days], horizon: int, count: int) -> Days:
    """The `count` newest origins in order, `horizon` common dates apart, back from the last that leaves a whole horizon."""
    date = common_dates(days)
    return date[max(0, len(date) - 1 - horizon) :: -horizon][:count][::-1] if len(date) > horizon else date[:0]
