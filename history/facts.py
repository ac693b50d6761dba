"""What is known of a ticker's bars besides their values: how many, which splits, dividends, corrections. For people."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np

from history.ticker_state import Counters, TickerState
from records import date_of


class SplitFact(msgspec.Struct, frozen=True):
    """A split of these bars: new shares per old one."""

    date: dt.date
    ratio: float


class BarFacts(msgspec.Struct, frozen=True):
    """The bars that a forecast rests on, and what is kept of them.

    `first` and `last` are the first and last bar of the look-back, `bars` their number; `kept` bars are in the state.
    `withdrawn` are splits that a later edition says were none. `restatements` are changes of the unit that no split explains.
    `counts` are of all deliveries so far.
    """

    first: dt.date
    last: dt.date
    bars: int
    kept: int
    splits: tuple[SplitFact, ...]
    dividends: int
    withdrawn: tuple[SplitFact, ...]
    restatements: tuple[float, ...]
    fetched_last: dt.datetime
    counts: Counters


def bar_facts(state: TickerState, lookback: int) -> BarFacts:
    """The facts of a history that has a bar."""
    bars = state.bars[max(0, len(state.bars) - lookback) :]
    rows = np.flatnonzero(bars.split != 1.0)
    return BarFacts(
        first=bars.first_date,
        last=bars.last_date,
        bars=len(bars),
        kept=len(state.bars),
        splits=tuple(SplitFact(date_of(bars.day[row]), float(bars.split[row])) for row in rows),
        dividends=int(np.count_nonzero(bars.dividend)),
        withdrawn=tuple(SplitFact(date_of(split.day), split.ratio) for split in state.withdrawn),
        restatements=tuple(restatement.ratio for restatement in state.restatements),
        fetched_last=dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=float(state.fetched.max())),
        counts=state.counters,
    )
