"""A ticker's history, changed by newly arrived bars: appended, merged, restated for splits, trimmed. All pure."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np

from errors import MessageError
from records import VALUE_COLUMNS, Bars, Days, Floats
from state.ticker_state import BLOCK_BARS, Counters, TickerState
from streams.features import RETURN_MEANS, advance_state, initial_state, rebased
from streams.restatement import Restatement, find_restatement, is_rounding
from streams.windowing import first_replayable

_PRICES = ("open", "high", "low", "close", "dividend")
#: Beyond what is accepted from outside by a thousand splits' worth, and far within what floats hold.
_LOWEST_PRICE: Final = 1e-15
_HIGHEST_PRICE: Final = 1e18
_HIGHEST_VOLUME: Final = 1e24


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What became of the bars that arrived, as masks over them.

    `tail` are newer than all kept ones, `late` fill a gap, `corrected` replace a bar with other values, `duplicate` are there
    already (or an older edition of what is there, or differ from the oldest kept by rounding). `expired` lie before what is
    kept, nobody can tell whether they are known. `fixed` would change a bar that only serves as context for others and is
    refused. `renewed` are those duplicates that a later fetch confirms: an edition from in between must not replace them.
    """

    tail: np.ndarray
    late: np.ndarray
    corrected: np.ndarray
    duplicate: np.ndarray
    expired: np.ndarray
    fixed: np.ndarray
    renewed: np.ndarray


def empty_state(ticker: str) -> TickerState:
    """A ticker before its first bar."""
    nothing = np.empty((0, len(initial_state())))
    return TickerState(
        ticker=ticker,
        first_index=0,
        bars=Bars.empty(),
        fetched=np.empty(0, np.int32),
        feature_state=initial_state(),
        snapshots=nothing,
        due=None,
        counters=Counters(),
    )


def restated(state: TickerState, bars: Bars, fetched: int) -> Bars:
    """Arriving bars, adjusted for the splits that the history knows and their source, when it was asked, did not yet."""
    held = state.bars
    for row in np.flatnonzero((held.split != 1.0) & (held.day > fetched)):
        bars = _split(bars, bars.day < held.day[row], float(held.split[row]))
    return bars


def sort_arrivals(state: TickerState, bars: Bars, fetched: int) -> Arrivals:
    """Compare arriving bars (restated) with the history."""
    held = state.bars
    if not len(held) or bars.day[0] > held.day[-1]:
        none = np.zeros(len(bars), dtype=np.bool_)
        return Arrivals(np.ones(len(bars), dtype=np.bool_), none, none, none, none, none, none)
    tail = bars.day > held.day[-1]
    row = np.minimum(np.searchsorted(held.day, bars.day), len(held) - 1)
    present = held.day[row] == bars.day
    equal = present.copy()
    for name in VALUE_COLUMNS:
        equal &= getattr(held, name)[row] == getattr(bars, name)
    outdated = present & (state.fetched[row] > fetched)
    duplicate = equal | outdated
    new = ~tail & ~duplicate
    expired = new & (state.first_index > 0) & (bars.day < held.day[0])
    context = new & ~expired & (row < first_replayable(state))
    # The beginning cannot be corrected, and need not be for what a restatement's rounding makes of it.
    rounded = context & present & is_rounding(held[row], bars)
    fixed = context & ~rounded
    duplicate |= rounded
    new &= ~expired & ~context
    renewed = equal & (state.fetched[row] < fetched)
    return Arrivals(tail, new & ~present, new & present, duplicate, expired, fixed, renewed)


def renew(state: TickerState, bars: Bars, fetched: int) -> tuple[TickerState, int]:
    """The state with these bars, which it holds as they are, marked as fetched later; and the first absolute index of them."""
    rows = np.searchsorted(state.bars.day, bars.day)
    days = state.fetched.copy()
    days[rows] = fetched
    return replace(state, fetched=days), state.first_index + int(rows[0])


def untold_restatement(state: TickerState, bars: Bars, fetched: int) -> Restatement | None:
    """Whether arriving bars show that their vendor restated the history, beyond the splits that they tell of."""
    held = state.bars
    current = np.zeros(len(held), dtype=np.bool_)
    ratios = _new_ratios(held, bars)
    for at in np.flatnonzero(ratios != 1.0):
        older = (held.day < bars.day[at]) & (state.fetched < bars.day[at])
        held = _split(held, older, float(ratios[at]))
        current |= older
    return find_restatement(held, state.fetched, current, bars, fetched)


def follow(state: TickerState, restatement: Restatement, fetched: int) -> tuple[TickerState, int]:
    """The state on the new basis, which its vendor had on day `fetched`; and the first absolute index that changed."""
    rows = restatement.rows
    bars = _rescaled(state.bars, rows, restatement.price, restatement.volume)
    after, row = _recomputed(state, bars, np.where(rows, np.int32(fetched), state.fetched), int(np.argmax(rows)))
    return after, state.first_index + row


def merge(state: TickerState, bars: Bars, fetched: int) -> tuple[TickerState, int]:
    """The state with `bars` in it (appended, inserted, or in place of others), and the first absolute index that changed.

    Equals, to the bit, what a fresh backfill of the resulting history gives. There is one limit: when a split restates a
    history whose beginning is no longer kept, its exponentially weighted means of prices begin anew with the kept bars; what
    that loses has decayed below 1e-9 where forecasts look.
    """
    held = state.bars
    days = np.full(len(bars), fetched, dtype=np.int32)
    if not len(held) or bars.day[0] > held.day[-1]:
        row = len(held)
        ratios = bars.split
        combined = Bars.concatenate([held, bars]) if row else bars
        combined_days = np.concatenate([state.fetched, days])
    else:
        kept = ~np.isin(held.day, bars.day)
        ratios = _new_ratios(held, bars)
        combined = Bars.concatenate([held[kept], bars])
        order = np.argsort(combined.day, kind="stable")
        combined = combined[order]
        combined_days = np.concatenate([state.fetched[kept], days])[order]
        row = int(np.searchsorted(held.day, bars.day[0]))
    for at in np.flatnonzero(ratios != 1.0):
        older = (combined.day < bars.day[at]) & (combined_days < bars.day[at])
        if older.any():
            combined = _split(combined, older, float(ratios[at]))
            row = min(row, int(np.argmax(older)))
    merged, row = _recomputed(state, combined, combined_days, row)
    return merged, state.first_index + row


def trim(state: TickerState, keep: int) -> TickerState:
    """Without the oldest whole blocks beyond `keep` bars: which ones depends on nothing but the total number of bars."""
    first = max(0, (state.total_bars - keep) // BLOCK_BARS * BLOCK_BARS)
    drop = first - state.first_index
    if drop <= 0:
        return state
    return replace(
        state,
        first_index=first,
        bars=Bars(*(getattr(state.bars, f.name)[drop:].copy() for f in fields(Bars))),
        fetched=state.fetched[drop:].copy(),
        snapshots=state.snapshots[drop // BLOCK_BARS :].copy(),
    )


def _recomputed(state: TickerState, bars: Bars, fetched: Days, row: int) -> tuple[TickerState, int]:
    before: Floats
    if row == len(state.bars):
        before, begin, snapshots = state.feature_state, row, state.snapshots
    elif row >= first_replayable(state):
        block = row // BLOCK_BARS
        before, begin, snapshots = state.snapshots[block], block * BLOCK_BARS, state.snapshots[:block]
    elif state.first_index == 0:
        row, before, begin, snapshots = 0, initial_state(), 0, state.snapshots[:0]
    else:
        row, begin = 0, first_replayable(state)
        before, snapshots = _restarted(state, bars[:begin])
    after, newer = advance_state(before, bars, begin)
    snapshots = np.concatenate([snapshots, newer])
    return replace(state, bars=bars, fetched=fetched, feature_state=after, snapshots=snapshots), row


def _restarted(state: TickerState, context: Bars) -> tuple[Floats, Floats]:
    """The rolling state after the context rows, restated ones, when nothing before them is kept; and the snapshots on the way.

    All windows lie within the context. Of what decays, the means of squared returns are far the slowest, and no split
    changes them: they go on. Those of prices begin anew; what they lose decays by 2/27 a bar.
    """
    after, snapshots = advance_state(initial_state(), context, 0)
    after = rebased(after, state.first_index)
    after[RETURN_MEANS] = state.snapshots[len(snapshots), RETURN_MEANS]
    return after, rebased(snapshots, state.first_index)


def _new_ratios(held: Bars, bars: Bars) -> Floats:
    """By how much each arriving bar's split differs from what is held for its date."""
    row = np.minimum(np.searchsorted(held.day, bars.day), len(held) - 1)
    known = np.where(held.day[row] == bars.day, held.split[row], 1.0)
    return bars.split / known


def _split(bars: Bars, rows: np.ndarray, ratio: float) -> Bars:
    columns = {f.name: getattr(bars, f.name).copy() for f in fields(bars)}
    with np.errstate(over="ignore", under="ignore"):
        for name in _PRICES:
            columns[name][rows] /= ratio
        columns["volume"][rows] *= ratio
    return _within_range(Bars(**columns))


def _rescaled(bars: Bars, rows: np.ndarray, price: float, volume: float) -> Bars:
    columns = {f.name: getattr(bars, f.name).copy() for f in fields(bars)}
    with np.errstate(over="ignore", under="ignore"):
        for name in _PRICES:
            columns[name][rows] *= price
        columns["volume"][rows] *= volume
    return _within_range(Bars(**columns))


def _within_range(bars: Bars) -> Bars:
    """The bars, if arithmetic on their prices still means something. Raises MessageError: no real split does otherwise."""
    if len(bars) and not (
        bars.low.min() > _LOWEST_PRICE
        and max(bars.high.max(), bars.dividend.max()) < _HIGHEST_PRICE
        and bars.volume.max() < _HIGHEST_VOLUME
    ):
        raise MessageError("its split, or those known, would bring prices out of all range")
    return bars
