"""Which edition of each bar counts, when a ticker's bars arrive again, corrected, late or in any order.

Of the editions of one date the one that was fetched last counts; of two of the same moment the one that `outranks` the other.
Both are properties of the editions themselves, so any order of arrival ends in the same bars.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from records import VALUE_COLUMNS, Bars, Floats
from state.adjustment import Basis, Restatement, basis_of
from state.ticker_state import TickerState
from streams.restatement import find_restatement
from streams.windowing import first_replayable

Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]

#: In this order columns decide between editions of one moment: the larger volume has seen more of the session.
_RANKS: Final = ("volume", "dividend", "close", "high", "low", "open", "split")
#: More are not followed; no vendor is known to need three.
_MOST_RESTATEMENTS: Final = 16


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What became of the bars that arrived, as masks over them; `row` is where in the kept bars each of them belongs.

    `tail` are newer than all kept ones, `late` fill a gap, `corrected` replace a bar with other values. `renewed` are those
    that a later fetch confirms: an edition from in between must not replace them. `older` are editions from before the
    one that is kept. `duplicate` are all that say nothing new about their own date, these two among them. `expired` lie
    before what is kept, nobody can tell whether they are known. `context` would change a bar that only serves as context.
    """

    row: Rows
    tail: Flags
    late: Flags
    corrected: Flags
    renewed: Flags
    older: Flags
    duplicate: Flags
    expired: Flags
    context: Flags

    @property
    def taken(self) -> Flags:
        """Those that are kept from now on."""
        return self.tail | self.late | self.corrected | self.renewed


@dataclass(frozen=True, slots=True)
class Editions:
    """Those that count and the moments at which they were fetched.

    From row `first` on they may be others than before, from row `first_value` on with other values.
    """

    delivered: Bars
    fetched: Floats
    first: int
    first_value: int


def sort_arrivals(state: TickerState, bars: Bars, fetched: float) -> Arrivals:
    """Compare arriving bars, fetched at the moment `fetched`, with the kept editions."""
    held = state.delivered
    if not len(held) or bars.day[0] > held.day[-1]:
        none = np.zeros(len(bars), dtype=np.bool_)
        row = np.arange(len(held), len(held) + len(bars))
        return Arrivals(row, ~none, none, none, none, none, none, none, none)
    if _are_kept(state, bars, fetched):
        none = np.zeros(len(bars), dtype=np.bool_)
        row = held.day.searchsorted(bars.day)
        return Arrivals(row, none, none, none, none, none, ~none, none, none)
    tail = bars.day > held.day[-1]
    row = np.searchsorted(held.day, bars.day)
    beside = np.minimum(row, len(held) - 1)
    present = held.day[beside] == bars.day
    known, before = held[beside], state.fetched[beside]
    equal = present & same_values(known, bars)
    beaten = before < fetched
    if (before == fetched).any():
        beaten |= (before == fetched) & outranks(bars, known)
    new = ~tail & ~(present & (equal | ~beaten))
    expired = new & (state.first_index > 0) & (bars.day < held.day[0])
    fixed = ~tail & (row < first_replayable(state))
    context = new & fixed & ~expired
    new &= ~expired & ~fixed
    return Arrivals(
        row=row,
        tail=tail,
        late=new & ~present,
        corrected=new & present,
        renewed=equal & (before < fetched) & ~fixed,
        older=present & (before > fetched),
        duplicate=present & (equal | ~beaten),
        expired=expired,
        context=context,
    )


def _are_kept(state: TickerState, bars: Bars, fetched: float) -> bool:
    """Whether these very editions are kept, side by side: nearly always so of a message that comes twice."""
    held = state.delivered
    first = int(held.day.searchsorted(bars.day[0]))
    rows = slice(first, first + len(bars))
    if not (state.fetched[rows] == fetched).all():
        return False
    # Bytes are compared in a fraction of the time that arrays take; what differs in them alone (-0.0) is left to the caller.
    return all(getattr(held, name)[rows].tobytes() == getattr(bars, name).tobytes() for name in ("day", *VALUE_COLUMNS))


def same_values(bars: Bars, others: Bars) -> Flags:
    """Of bars of the same dates, which are equal."""
    same: Flags = bars.close == others.close
    for name in VALUE_COLUMNS:
        same &= getattr(bars, name) == getattr(others, name)
    return same


def outranks(bars: Bars, others: Bars) -> Flags:
    """Of bars of the same dates fetched at the same moment, whether the former count: a total order of their values."""
    larger = np.zeros(len(bars), dtype=np.bool_)
    undecided = ~larger
    for name in _RANKS:
        one, other = getattr(bars, name), getattr(others, name)
        larger |= undecided & (one > other)
        undecided &= one == other
    return larger


def with_arrivals(state: TickerState, bars: Bars, fetched: float, arrivals: Arrivals) -> Editions:
    """The kept editions with those in place that count from now on, not trimmed."""
    held, taken = state.delivered, arrivals.taken
    if not taken.any():
        return Editions(held, state.fetched, len(held), len(held))
    new = arrivals.tail | arrivals.late
    days = np.concatenate([held.day, bars.day[new]])
    old: slice | Rows = slice(len(held))
    if arrivals.late.any():
        days.sort()
        old = np.searchsorted(days, held.day)
    place = np.searchsorted(days, bars.day[taken])
    fetched_at = _placed(state.fetched, old, np.full(len(place), fetched), place, len(days))
    first = int(place.min(initial=len(days)))
    changed = new | arrivals.corrected
    if not changed.any():
        return Editions(held, fetched_at, first, len(days))
    place = np.searchsorted(days, bars.day[changed])
    columns = {
        name: _placed(getattr(held, name), old, getattr(bars, name)[changed], place, len(days)) for name in VALUE_COLUMNS
    }
    return Editions(Bars(days, **columns), fetched_at, first, int(place[0]))


def _placed(old: NDArray[Any], rows: slice | Rows, new: NDArray[Any], places: Rows, count: int) -> NDArray[Any]:
    column = np.empty(count, old.dtype)
    column[rows] = old
    column[places] = new
    return column


def basis_with(
    state: TickerState, bars: Bars, fetched: float, arrivals: Arrivals, delivered: Bars, delivered_at: Floats
) -> tuple[Basis, float]:
    """The basis after bars arrived, and the factor by which they show their vendor to have restated older prices, else 1.

    `delivered` are the editions that count now and are kept, `delivered_at` the moments at which they were fetched. Every pair
    of editions of one date is looked at, whichever of the two came first.
    """
    first = basis = basis_of(delivered, delivered_at, state.restatements)
    # Equal editions show something only beside others, or where one of them is adjusted and the other is not.
    telling = basis.steps or (arrivals.corrected | arrivals.older).any()
    pairs = _pairs(state, bars, fetched, arrivals, since=int(delivered.day[0])) if telling else []
    tried: list[Restatement] = []
    while len(tried) < 2 * _MOST_RESTATEMENTS:
        # One that is no longer needed is forgotten at once: the same message, come again, would not know it either.
        shown = (one for pair in pairs if (one := pair.shown_on(basis)) is not None)
        new = next((one for one in shown if one not in basis.restatements and one not in tried), None)
        if new is None:
            break
        tried.append(new)
        after = basis_of(delivered, delivered_at, [*basis.restatements, new])
        if len(after.restatements) <= _MOST_RESTATEMENTS:
            basis = after
    known = frozenset(first.steps)
    return basis, math.prod(1.0 / step.price for step in basis.steps if step not in known)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two editions of the same dates as they were delivered; all of `old` was fetched before all of `new`."""

    old: Bars
    old_fetched: Floats
    new: Bars
    new_fetched: Floats

    def shown_on(self, basis: Basis) -> Restatement | None:
        """What they show beyond what is known, as the whole change between the two."""
        old, new = basis.adjusted(self.old, self.old_fetched), basis.adjusted(self.new, self.new_fetched)
        one = find_restatement(old, self.old_fetched, new, self.new_fetched)
        return None if one is None else msgspec.structs.replace(one, ratio=one.ratio * basis.change(one))


def _pairs(state: TickerState, bars: Bars, fetched: float, arrivals: Arrivals, *, since: int) -> list[_Pair]:
    """Arriving bars and the kept editions of their dates from day `since` on, where they were fetched at different moments."""
    pairs = []
    for chosen, arriving_is_newer in ((arrivals.corrected | arrivals.renewed, True), (arrivals.older, False)):
        at = np.flatnonzero(chosen & (bars.day >= since))
        if not len(at):
            continue
        rows = arrivals.row[at]
        held, arriving = (state.delivered[rows], state.fetched[rows]), (bars[at], np.full(len(at), fetched))
        pairs.append(_Pair(*held, *arriving) if arriving_is_newer else _Pair(*arriving, *held))
    return pairs
