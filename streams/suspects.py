"""Suspect bars among those that have just come in, whoever published them: told, never held out.

What is told follows from the history that the bars are in by then. Holding a bar out is for its source, which sees the bars
after it: a stream that did so would depend on the order of arrival.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from records import Bars, Rule, Suspicion, date_of, suspicions
from records.suspicion import SPIKE

#: The rules look at the moves of 63 bars before; some more show whether a bar is the way back of one that is suspect itself.
_CONTEXT_BARS: Final = 72
_LARGEST_QUIET_MOVE: Final = float(np.exp(SPIKE))


def suspects_among(ticker: str, history: Bars, first_day: int, last_day: int) -> list[Suspicion]:
    """The suspect bars of a history of dates between two day numbers, by date.

    With them is a spike of the bar before, which only the first of them shows, and whatever is wrong with the bar after.
    """
    first, stop = history.day.searchsorted([first_day, last_day + 1]).tolist()
    first, stop = max(0, first - 1), stop + 1
    if _is_quiet(history, max(0, first - 1), stop):
        return []
    found = suspicions(ticker, history[max(0, first - _CONTEXT_BARS) : stop])
    since, before = date_of(first_day), date_of(history.day[first])
    return [one for one in found if one.date >= since or (one.date == before and one.rule is Rule.SPIKE)]


def _is_quiet(history: Bars, first: int, stop: int) -> bool:
    """Whether nothing moves as far as any rule asks for, as is nearly always so."""
    close = history.close[first:stop]
    if len(close) < 2:
        return True
    moves = (close[1:] + history.dividend[first + 1 : stop]) / close[:-1]
    quiet = moves.max() < _LARGEST_QUIET_MOVE and moves.min() > 1 / _LARGEST_QUIET_MOVE
    return bool(quiet and history.volume[first:stop].min() > 0)
