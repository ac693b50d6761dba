"""Forecast rows as of an earlier date: what a ticker's history and models say without anything from after that date. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Final

import msgspec
import numpy as np

from errors import TooFewBarsError
from history.adjustment import basis_of
from history.editions import same_values, shared_if_equal
from history.features import advance_state
from history.forecasting import is_usable, refresh, training_job
from history.merging import rolling_states
from history.replay import first_replayable
from history.schedule import bars_up_to, due_training
from history.ticker_state import BLOCK_BARS, DueTraining, TickerState
from models.selection.combination import BASELINE
from models.serving import LoadedTicker
from models.training import train_ticker
from records import EARLIER, FallbackStep, Floats, Forecast, date_of, day_number, spans_between
from settings import Settings

#: Models trained more bars ago than this (a quarter) are left out: the watch on drift takes a millisecond for each bar since.
_MOST_BARS_SINCE: Final = 63


def state_as_of(state: TickerState, day: int) -> TickerState:
    """The state as it would be without the bars after `day` (a day number): no bit of it depends on them.

    Corrections of earlier bars count, whenever they came. Prices stand on the basis of `day`: a later split does not change
    them, unless only some of the bars were fetched after it, which have their vendor's adjustment in them.
    """
    stop = bars_up_to(state, day)
    if stop == len(state.bars):
        return state
    delivered, fetched = state.delivered[:stop], state.fetched[:stop]
    same_fetched = state.split_fetched is state.fetched
    blocks = -(-stop // BLOCK_BARS)
    cut = replace(
        state,
        delivered=delivered,
        fetched=fetched,
        split_fetched=fetched if same_fetched else shared_if_equal(state.split_fetched[:stop], fetched),
        withdrawn=tuple(split for split in state.withdrawn if split.day <= day),
        bars=delivered if state.bars is state.delivered else state.bars[:stop],
        snapshots=state.snapshots[:blocks],
        due=None,
        currencies=spans_between(state.currencies, int(delivered.day[0]), int(delivered.day[-1])) if stop else (),
    )
    cut = replace(cut, feature_state=_after_last_bar(cut))
    adjusted = state.bars is not state.delivered or state.restatements or state.withdrawn
    return _on_its_basis(cut) if adjusted and stop and not _is_refetched_in_part(state, stop) else cut


def earlier_row(state: TickerState, trained: LoadedTicker | None, date: dt.date, settings: Settings) -> Forecast:
    """The row for the newest bar up to `date`, as `refresh` makes it.

    The newest training's result serves if its bars end by that date. Else the baseline alone is trained, on the bars of the
    training that was due then, and the row says so. Raises TooFewBarsError if bars that the row needs are not kept or never
    were.
    """
    then = state_as_of(state, day_number(date))
    if not len(then.bars):
        raise TooFewBarsError(f"no bar up to {date}")
    then = replace(then, due=due_training(then, settings))
    start = bars_up_to(then, then.bars.day[-1] if then.due is None else then.due.cutoff) - settings.lookback
    if then.first_index and start < first_replayable(then):
        raise TooFewBarsError(f"the bars that a forecast of {date} looks back to are not kept: raise HISTORY_BARS")
    if then.due is None:
        return refresh(then, None, settings)
    unfit = _unfit(then, trained, then.due, settings)
    if unfit is None:
        return refresh(then, trained, settings)
    if BASELINE not in settings.models:
        return refresh(then, None, settings, reason=f"{unfit}; the baseline {BASELINE} is not among MODELS")
    baseline = train_ticker(replace(training_job(then, then.due, settings), models=(BASELINE,)))
    row = refresh(then, baseline, settings)
    if settings.models == (BASELINE,):
        return row
    reason = f"{unfit}: the baseline {BASELINE} alone was trained, up to {date_of(then.due.cutoff)}"
    return msgspec.structs.replace(row, fallbacks=(FallbackStep(model=EARLIER, reason=reason), *row.fallbacks))


def _unfit(then: TickerState, trained: LoadedTicker | None, due: DueTraining, settings: Settings) -> str | None:
    """Why the models cannot make a row of the state `then`, or None if they can."""
    if trained is None:
        return "no trained models are stored"
    cutoff = trained.trained.cutoff
    if not is_usable(trained.trained, settings):
        return "the stored models were trained under other settings or by another version"
    if cutoff > then.bars.day[-1]:
        return f"the stored models were trained up to {date_of(cutoff)}, after that date"
    if cutoff < due.cutoff and len(then.bars) - bars_up_to(then, cutoff) > _MOST_BARS_SINCE:
        return f"the stored models were trained up to {date_of(cutoff)}, long before that date"
    return None


def _is_refetched_in_part(state: TickerState, stop: int) -> bool:
    """Whether a split of a later bar came between the fetches of the first `stop` bars."""
    later = state.delivered.day[stop:][state.delivered.split[stop:] != 1.0].tolist()
    later += [split.day for split in state.withdrawn if split.day > state.delivered.day[stop - 1]]
    first, last = state.fetched[:stop].min(), state.fetched[:stop].max()
    return any(first < day <= last for day in later)


def _on_its_basis(state: TickerState) -> TickerState:
    """The state with prices on the basis that its own bars give."""
    basis = basis_of(state.delivered, state.fetched, state.restatements, state.withdrawn)
    bars = basis.adjusted(state.delivered, state.fetched)
    same = same_values(state.bars, bars)
    if same.all():
        return replace(state, restatements=basis.restatements)
    states, _ = rolling_states(state, bars, int(np.argmin(same)))
    return replace(state, restatements=basis.restatements, bars=bars, feature_state=states.last, snapshots=states.snapshots)


def _after_last_bar(state: TickerState) -> Floats:
    """The rolling state after the last bar, from the snapshot before its block."""
    if not len(state.snapshots):
        return state.feature_state
    begin = (len(state.snapshots) - 1) * BLOCK_BARS
    return advance_state(state.snapshots[-1], state.bars, begin)[0]
