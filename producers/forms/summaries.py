"""Bars of whole weeks or months among daily bars: each reaches as far as the days beside it together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from producers.forms.exchanged import weekend_rows
from records import Days, Floats, date_of

#: So many of them are no chance. Coins have two bars of seven at weekends, and these are days.
_FEWEST: Final = 3
_MOST: Final = 0.25
#: A bar of one day hardly reaches beyond all of so many days before it, or after it.
_DAYS: Final = 4
_SHARE: Final = 0.8


def summary_fault(day: Days, values: Mapping[str, Floats]) -> str | None:
    """Why some of one ticker's bars, by date, are of several days; None if they are not.

    Suspect are bars at weekends, and of two bars of one date the wider.
    """
    at_weekends = weekend_rows(day)
    twice = np.flatnonzero(day[1:] == day[:-1])
    if len(at_weekends) + len(twice) < _FEWEST or len(at_weekends) > _MOST * len(day):
        return None
    is_suspect = np.zeros(len(day), np.bool_)
    is_suspect[at_weekends] = True
    high, low = values["high"], values["low"]
    with np.errstate(divide="ignore", invalid="ignore"):
        is_suspect[np.where(high[twice] / low[twice] > high[twice + 1] / low[twice + 1], twice, twice + 1)] = True
    at = np.flatnonzero(is_suspect)
    if not _FEWEST <= len(at) <= _MOST * len(day):
        return None
    others = np.flatnonzero(~is_suspect)
    after = np.searchsorted(others, at)
    for before in (_DAYS, 0):
        found = _covering(at, others, after - before, high, low)
        if len(found) >= max(_FEWEST, _SHARE * len(at)):
            example = date_of(int(day[found[0]]))
            return (
                f"{len(found):,} bars, as that of {example}, have the highs and lows of several days: weekly or monthly bars "
                f"beside daily bars; leave them out"
            )
    return None


def _covering(
    at: NDArray[np.intp], others: NDArray[np.intp], first: NDArray[np.intp], high: Floats, low: Floats
) -> NDArray[np.intp]:
    """The bars `at` that reach over the _DAYS bars of `others` from `first` on."""
    inside = (first >= 0) & (first + _DAYS <= len(others))
    rows = others[first[inside, None] + np.arange(_DAYS)]
    at = at[inside]
    covers = (high[at] >= high[rows].max(axis=1)) & (low[at] <= low[rows].min(axis=1))
    covers &= high[at] - low[at] > (high[rows] - low[rows]).max(axis=1)  # of prices that stand still none is wider
    found: NDArray[np.intp] = at[covers]
    return found
