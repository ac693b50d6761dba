"""Suspect bars among those that have just come in, whoever published them: told, never held out.

What is told follows from the history that the bars are in by then. Holding a bar out is for its source, which sees the bars
after it: a stream that did so would depend on the order of arrival.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from records import Bars, Rule, Suspicion, date_of, suspicions
from records.suspicion import CONTEXT_BARS, SPIKE
from records.units import LASTING_BARS

_LARGEST_QUIET_MOVE: Final = float(np.exp(SPIKE))


def suspects_among(ticker: str, history: Bars, first_day: int, last_day: int) -> list[Suspicion]:
    """The suspect bars of a history of dates between two day numbers, by date.

    With them is what only they show, a spike of the bar before or a change of unit LASTING_BARS before, and whatever is wrong
    with the bar after.
    """
    first, stop = history.day.searchsorted([first_day, last_day + 1]).tolist()
    before, lasting, after = max(0, first - 1), max(0, first - LASTING_BARS), min(stop, len(history) - 1)
    if _is_quiet(history, max(0, lasting - 1), stop + LASTING_BARS + 1):
        return []
    found = suspicions(ticker, history[max(0, lasting - CONTEXT_BARS) : stop + LASTING_BARS + 1])
    shown_since = {Rule.SPIKE: date_of(history.day[before]), Rule.UNIT_CHANGE: date_of(history.day[lasting])}
    since, until = date_of(first_day), date_of(history.day[after])
    return [one for one in found if shown_since.get(one.rule, since) <= one.date <= until]


def _is_quiet(history: Bars, first: int, stop: int) -> bool:
    """Whether nothing moves as far as any rule asks for, as is nearly always so."""
    close = history.close[first:stop]
    if len(close) < 2:
        return True
    moves = (close[1:] + history.dividend[first + 1 : stop]) / close[:-1]
    quiet = moves.max() < _LARGEST_QUIET_MOVE and moves.min() > 1 / _LARGEST_QUIET_MOVE
    return bool(quiet and history.volume[first:stop].min() > 0)
