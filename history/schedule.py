"""Which training is due: calendar periods in the event time of the ticker's own bars."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import fields

import numpy as np

from history.features import CONTEXT_BARS
from history.replay import replay_span
from history.ticker_state import BLOCK_BARS, DueTraining, TickerState
from records import Days, date_of, day_number
from settings import CalendarPeriod, Settings

#: A calendar period has at most one bar a day.
_LONGEST_PERIOD = 31
_DIGEST_BYTES = 16


def period_start(date: dt.date, period: CalendarPeriod) -> dt.date:
    """First day of the calendar period (day, ISO week, month) that contains the date."""
    match period:
        case CalendarPeriod.DAY:
            return date
        case CalendarPeriod.WEEK:
            return date - dt.timedelta(days=date.weekday())
        case CalendarPeriod.MONTH:
            return date.replace(day=1)


def bars_to_cutoff(day: Days, period: CalendarPeriod) -> int:
    """How many of these bars (day numbers) lie in completed periods, that is, before the period of the last bar."""
    if not len(day):
        return 0
    start = day_number(period_start(date_of(day[-1]), period))
    return int(np.searchsorted(day, start))


def kept_bars(settings: Settings) -> int:
    """How many bars are kept of a ticker, at least.

    Whatever HISTORY_BARS says, a training up to the end of the newest completed period must find its look-back and the bars
    that the features before it need. Otherwise the forecasts would depend on when the training runs.
    """
    return max(settings.history_bars, settings.lookback + _LONGEST_PERIOD + BLOCK_BARS + CONTEXT_BARS)


def due_training(
    state: TickerState, settings: Settings, *, known: DueTraining | None = None, unchanged_before: int = 0
) -> DueTraining | None:
    """The due training, or None while there are fewer than `minimum_bars` bars up to the cut-off.

    `known` is returned if it has the same cut-off and no bar up to it has changed: only bars from absolute index
    `unchanged_before` on may have changed. It must come from the same settings.
    """
    stop = bars_to_cutoff(state.bars.day, settings.window)
    if stop == 0 or state.first_index + stop < settings.minimum_bars:
        return None
    cutoff = int(state.bars.day[stop - 1])
    if known is not None and known.cutoff == cutoff and unchanged_before >= state.first_index + stop:
        return known
    return DueTraining(cutoff=cutoff, digest=_digest(state, stop, settings))


def early_training(state: TickerState, cutoff: int, settings: Settings) -> DueTraining | None:
    """A training up to a later cut-off than the due training's, requested by a drift alarm; None if the cut-off is not later.

    It follows from the due training and the bars up to `cutoff`. Its digest covers both, so a correction of either replaces it.
    """
    due = state.due
    if due is None or cutoff <= due.cutoff:
        return None
    return DueTraining(cutoff=cutoff, digest=_digest(state, bars_up_to(state, cutoff), settings, due.digest))


def bars_up_to(state: TickerState, cutoff: int) -> int:
    """How many of the kept bars are dated up to `cutoff` (a day number)."""
    return int(np.searchsorted(state.bars.day, cutoff, side="right"))


def _digest(state: TickerState, stop: int, settings: Settings, *others: bytes) -> bytes:
    """Digest of everything on which a training window depends to the bit, and of `others`.

    This is its bars, the bars that its features look back to, and the rolling state before those.
    """
    span = replay_span(state, settings.lookback, stop)
    # Processors have instructions for SHA-256: it takes a third of the time of BLAKE2.
    digest = hashlib.sha256(state.snapshots[span.block].tobytes())
    bars = state.bars[span.context : stop]
    for field in fields(bars):
        digest.update(getattr(bars, field.name).data)
    for other in others:
        digest.update(other)
    return digest.digest()[:_DIGEST_BYTES]


def sessions_behind(last_day: int, sessions: Days) -> int:
    """How many of the sessions (rising day numbers) lie after the ticker's last bar."""
    return len(sessions) - int(np.searchsorted(sessions, last_day, side="right"))
