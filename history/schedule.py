"""Which training a ticker's bars call for: calendar windows in the ticker's own event time."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import fields

import numpy as np

from history.features import CONTEXT_BARS
from history.replay import replay_span
from history.ticker_state import BLOCK_BARS, DueTraining, TickerState
from records import Days, date_of, day_number
from settings import Settings, WindowPeriod

#: No calendar period holds more bars than its days.
_LONGEST_PERIOD = 31
_DIGEST_BYTES = 16


def period_start(date: dt.date, period: WindowPeriod) -> dt.date:
    """First day of the calendar period (day, ISO week, month) in which a date lies."""
    match period:
        case WindowPeriod.DAY:
            return date
        case WindowPeriod.WEEK:
            return date - dt.timedelta(days=date.weekday())
        case WindowPeriod.MONTH:
            return date.replace(day=1)


def bars_to_cutoff(day: Days, period: WindowPeriod) -> int:
    """How many of the bars with these dates lie in windows that have aged out: before the last bar's own period."""
    if not len(day):
        return 0
    start = day_number(period_start(date_of(day[-1]), period))
    return int(np.searchsorted(day, start))


def kept_bars(settings: Settings) -> int:
    """The fewest bars that are kept of a ticker, as soon as it has so many.

    Whatever the setting, a training on the newest aged-out window must find its look-back and what the features before
    it rest on: else the numbers would depend on when the training runs.
    """
    return max(settings.history_bars, settings.lookback + _LONGEST_PERIOD + BLOCK_BARS + CONTEXT_BARS)


def due_training(
    state: TickerState, settings: Settings, *, known: DueTraining | None = None, unchanged_before: int = 0
) -> DueTraining | None:
    """The training that the bars call for, None while there are fewer than `minimum_bars` up to the cut-off.

    `known` is taken over if it has the same cut-off and no bar up to that has changed: only those of absolute index
    `unchanged_before` on may have. It must have been found under the same settings.
    """
    stop = bars_to_cutoff(state.bars.day, settings.window)
    if stop == 0 or state.first_index + stop < settings.minimum_bars:
        return None
    cutoff = int(state.bars.day[stop - 1])
    if known is not None and known.cutoff == cutoff and unchanged_before >= state.first_index + stop:
        return known
    return DueTraining(cutoff=cutoff, digest=_digest(state, stop, settings))


def early_training(state: TickerState, cutoff: int, settings: Settings) -> DueTraining | None:
    """A training up to a later bar than the due one's, because what that one gave has drifted; None where none is due.

    It follows from the due training and the bars up to `cutoff`, so its digest covers both: a correction of either undoes it.
    """
    due = state.due
    if due is None or cutoff <= due.cutoff:
        return None
    return DueTraining(cutoff=cutoff, digest=_digest(state, bars_up_to(state, cutoff), settings, due.digest))


def bars_up_to(state: TickerState, cutoff: int) -> int:
    """How many of the kept bars have this date (a day number) or an earlier one."""
    return int(np.searchsorted(state.bars.day, cutoff, side="right"))


def _digest(state: TickerState, stop: int, settings: Settings, *others: bytes) -> bytes:
    """Over all that a training window depends on to the bit, and others.

    These are its bars, those before it that its features look back to, and the rolling state before those.
    """
    span = replay_span(state, settings.lookback, stop)
    # Processors have instructions for this one: a third of the time that BLAKE2 takes.
    digest = hashlib.sha256(state.snapshots[span.block].tobytes())
    bars = state.bars[span.context : stop]
    for field in fields(bars):
        digest.update(getattr(bars, field.name).data)
    for other in others:
        digest.update(other)
    return digest.digest()[:_DIGEST_BYTES]


def sessions_behind(last_day: int, sessions: Days) -> int:
    """How many of these sessions (day numbers, rising) lie after a ticker's last bar."""
    return len(sessions) - int(np.searchsorted(sessions, last_day, side="right"))
