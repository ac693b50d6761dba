"""Finds suspect bars among newly arrived bars. They are reported, never held out.

The report follows from the whole history after the arrival. Only the source of a bar may hold it out, since it sees the
following bars as well. If the stream held bars out, its result would depend on their order of arrival.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from records import Bars, Suspicion, SuspicionRule, date_of, suspicions
from records.suspicion import CONTEXT_BARS, SPIKE
from records.units import LASTING_BARS, OWN_MOVE, TEN

_LARGEST_QUIET_MOVE: Final = float(np.exp(SPIKE))
_LARGEST_QUIET_RANGE: Final = float(np.exp(TEN - OWN_MOVE))


def suspects_among(ticker: str, history: Bars, first_day: int, last_day: int) -> list[Suspicion]:
    """The suspect bars of a history with dates between two day numbers, by date.

    Bars outside that these bars reveal are included: a spike of the bar before, a change of unit LASTING_BARS before, and a
    suspect bar after.
    """
    first, stop = history.day.searchsorted([first_day, last_day + 1]).tolist()
    before, lasting, after = max(0, first - 1), max(0, first - LASTING_BARS), min(stop, len(history) - 1)
    if _is_quiet(history, max(0, lasting - 1), stop + LASTING_BARS + 1):
        return []
    found = suspicions(ticker, history[max(0, lasting - CONTEXT_BARS) : stop + LASTING_BARS + 1])
    shown_since = {SuspicionRule.SPIKE: date_of(history.day[before]), SuspicionRule.UNIT_CHANGE: date_of(history.day[lasting])}
    since, until = date_of(first_day), date_of(history.day[after])
    return [suspect for suspect in found if shown_since.get(suspect.rule, since) <= suspect.date <= until]


def _is_quiet(history: Bars, first: int, stop: int) -> bool:
    """Whether no bar moves far enough for any rule, which is true nearly always."""
    close = history.close[first:stop]
    if len(close) < 2:
        return True
    moves = (close[1:] + history.dividend[first + 1 : stop]) / close[:-1]
    # The extremes of a bar may be suspect alone: `records.suspicion`.
    if history.high[first:stop].max() > _LARGEST_QUIET_RANGE * history.low[first:stop].min():
        return False
    quiet = moves.max() < _LARGEST_QUIET_MOVE and moves.min() > 1 / _LARGEST_QUIET_MOVE
    return bool(quiet and history.volume[first:stop].min() > 0)
