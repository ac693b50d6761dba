"""How far apart bars are, by their dates alone: daily, or weekly, monthly and longer, which are no daily bars."""

from __future__ import annotations

from typing import Final

import numpy as np

from records.bars import Days, date_of

#: Of fewer bars the dates say nothing.
FEWEST_BARS: Final = 5
#: Days between two bars → the word for such bars.
_PERIODS: Final = ((6, 8, "weekly"), (12, 16, "fortnightly"), (26, 35, "monthly"), (85, 98, "quarterly"), (350, 380, "yearly"))
_MOST: Final = 0.8
#: So many gaps of a period in a row are a part of the history in it: no daily series has a bar a week for ten weeks.
_RUN: Final = 10
_LARGEST_GAP: Final = 4


def not_daily(day: Days) -> str | None:
    """Why bars on these days (rising) are not daily, with what to do; None for daily bars, or too few to say."""
    gaps = day[1:] - day[:-1]
    # Bars a day apart, with weekends: the usual case, decided at once.
    if len(day) < FEWEST_BARS or (np.minimum.reduce(gaps) == 1 and np.maximum.reduce(gaps) <= _LARGEST_GAP):
        return None
    # Such bars with some holidays have hardly a gap as long as the shortest period.
    long = np.count_nonzero(gaps >= _PERIODS[0][0]) >= min(_RUN, _MOST * len(gaps))
    for shortest, longest, word in _PERIODS if long else ():
        inside = (gaps >= shortest) & (gaps <= longest)
        if inside.mean() >= _MOST:
            return f"{word} bars, one every {float(np.median(gaps)):g} days: daily bars are needed"
        last = _end_of_run(inside)
        if last is not None:
            rest = f"; use the rest with --start {date_of(int(day[last]) + 1)}" if last < len(day) - FEWEST_BARS else ""
            return f"{word} bars up to {date_of(day[last])} beside daily bars: daily bars are needed{rest}"
    if np.minimum.reduce(gaps) == 1 and 2 * np.count_nonzero(gaps > _LARGEST_GAP) < len(gaps):
        return None
    usual = float(np.median(gaps))
    if len(gaps) >= _RUN and gaps.min() > 1:
        return f"no two bars on successive days, one every {usual:g} days: daily bars are needed"
    return f"one bar every {usual:g} days: daily bars are needed" if usual > _LARGEST_GAP else None


def _end_of_run(inside: np.ndarray) -> int | None:
    """Index of the bar that ends the last run of at least _RUN gaps, None if there is none."""
    edges = np.diff(np.concatenate([[0], inside.astype(np.int8), [0]]))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    long = stops[stops - starts >= _RUN]
    return int(long[-1]) if len(long) else None
