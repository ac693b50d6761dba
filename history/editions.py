"""Which edition of each bar counts, when a ticker's bars arrive again, corrected, late or in any order.

Of the editions of one date the one that was fetched last counts; of two of the same moment the one that `outranks` the other.
The split has a rule of its own (`history.splits`). All are properties of the editions themselves, so any order of arrival ends
in the same bars. A dividend goes with the prices of its edition: a source without dividends may have them in its prices, and
one kept from another edition would count twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from history.adjustment import Basis, Restatement, Withdrawn, basis_of
from history.replay import first_replayable
from history.restatement import find_restatement, snapped
from history.splits import SplitChanges, no_split_changes, split_changes
from history.ticker_state import TickerState
from records import VALUE_COLUMNS, Bars, Floats

Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]

#: In this order columns decide between editions of one moment: the larger volume has seen more of the session.
_RANKS: Final = ("volume", "dividend", "close", "high", "low", "open")
#: The columns of an edition that go together.
_VALUES: Final = tuple(name for name in VALUE_COLUMNS if name != "split")
#: More are not followed; no vendor is known to need three.
_MOST_RESTATEMENTS: Final = 16


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What became of the bars that arrived, as masks over them; `row` is where in the kept bars each of them belongs.

    `tail` are newer than all kept ones, `late` fill a gap, `corrected` replace a bar with other values. `renewed` are those
    that a later fetch confirms: an edition from in between must not replace them. `older` are editions from before the
    one that is kept. `expired` lie before what is kept, nobody can tell whether they are known. `context` would change
    a bar that only serves as context. `splits` is what they say of the splits of bars that are kept, new ones apart.
    """

    row: Rows
    tail: Flags
    late: Flags
    corrected: Flags
    renewed: Flags
    older: Flags
    expired: Flags
    context: Flags
    splits: SplitChanges

    @property
    def new(self) -> Flags:
        """Those of dates that had no bar."""
        return self.tail | self.late

    @property
    def taken(self) -> Flags:
        """Those whose prices are kept from now on."""
        return self.new | self.corrected | self.renewed

    @property
    def resplit(self) -> Flags:
        """Those that change the split of a bar, or what was withdrawn of it."""
        return self.splits.changed & ~self.context


@dataclass(frozen=True, slots=True)
class Editions:
    """Those that count and the moments at which they were fetched.

    From row `first` on they may be others than before, from row `first_value` on with other values.
    """

    delivered: Bars
    fetched: Floats
    split_fetched: Floats
    withdrawn: tuple[Withdrawn, ...]
    first: int
    first_value: int


def sort_arrivals(state: TickerState, bars: Bars, fetched: float, *, gives_splits: bool) -> Arrivals:
    """Compare arriving bars, fetched at the moment `fetched`, with the kept editions."""
    held = state.delivered
    none = np.zeros(len(bars), dtype=np.bool_)
    unsaid = no_split_changes(state, bars)
    if not len(held) or bars.day[0] > held.day[-1]:
        row = np.arange(len(held), len(held) + len(bars))
        return Arrivals(row, ~none, none, none, none, none, none, none, unsaid)
    if _are_kept(state, bars, fetched, gives_splits=gives_splits):
        return Arrivals(held.day.searchsorted(bars.day), none, none, none, none, none, none, none, unsaid)
    tail = bars.day > held.day[-1]
    row = np.searchsorted(held.day, bars.day)
    beside = np.minimum(row, len(held) - 1)
    present = held.day[beside] == bars.day
    known, before = held[beside], state.fetched[beside]
    equal = present & same_edition(known, bars)
    beaten = before < fetched
    if (before == fetched).any():
        beaten |= (before == fetched) & outranks(bars, known)
    fixed = ~tail & (row < first_replayable(state))
    splits = split_changes(state, bars, fetched, beside, present, fixed) if gives_splits else unsaid
    new = ~tail & (~present | (beaten & ~equal) | splits.changed)
    expired = new & (state.first_index > 0) & (bars.day < held.day[0])
    context = new & fixed & ~expired
    new &= ~expired & ~fixed
    return Arrivals(
        row=row,
        tail=tail,
        late=new & ~present,
        corrected=new & present & beaten & ~equal,
        renewed=equal & (before < fetched) & ~fixed,
        older=present & (before > fetched),
        expired=expired,
        context=context,
        splits=splits,
    )


def _are_kept(state: TickerState, bars: Bars, fetched: float, *, gives_splits: bool) -> bool:
    """Whether these very editions are kept, side by side: nearly always so of a message that comes twice."""
    held = state.delivered
    first = int(held.day.searchsorted(bars.day[0]))
    rows = slice(first, first + len(bars))
    if not (state.fetched[rows] == fetched).all() or (gives_splits and not (state.split_fetched[rows] == fetched).all()):
        return False
    # Bytes are compared in a fraction of the time that arrays take; what differs in them alone (-0.0) is left to the caller.
    names = VALUE_COLUMNS if gives_splits else _VALUES
    return all(getattr(held, name)[rows].tobytes() == getattr(bars, name).tobytes() for name in ("day", *names))


def same_values(bars: Bars, others: Bars) -> Flags:
    """Of bars of the same dates, which are equal."""
    same: Flags = same_edition(bars, others) & (bars.split == others.split)
    return same


def same_edition(bars: Bars, others: Bars) -> Flags:
    """Of bars of the same dates, which are equal but for their splits."""
    same: Flags = bars.close == others.close
    for name in _VALUES:
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


def with_arrivals(state: TickerState, bars: Bars, fetched: float, arrivals: Arrivals, *, gives_splits: bool) -> Editions:
    """The kept editions with those in place that count from now on, not trimmed."""
    held, taken, new, newer = state.delivered, arrivals.taken, arrivals.new, arrivals.splits.newer
    withdrawn = arrivals.splits.withdrawn
    if not (taken | newer).any():
        return Editions(held, state.fetched, state.split_fetched, withdrawn, len(held), len(held))
    days = np.concatenate([held.day, bars.day[new]])
    old: slice | Rows = slice(len(held))
    if arrivals.late.any():
        days.sort()
        old = np.searchsorted(days, held.day)
    place = np.searchsorted(days, bars.day)

    def placed(column: NDArray[Any], chosen: Flags, values: NDArray[Any]) -> NDArray[Any]:
        if not chosen.any():
            return column
        return _placed(column, old, values[chosen], place[chosen], len(days))

    of_edition, of_split = new | arrivals.corrected, new | newer
    at_once = np.full(len(bars), fetched)
    columns = {name: placed(getattr(held, name), of_edition, getattr(bars, name)) for name in _VALUES}
    columns["split"] = placed(held.split, of_split, bars.split)
    fetched_at = placed(state.fetched, taken, at_once)
    split_fetched = placed(state.split_fetched, of_split, at_once if gives_splits else np.full(len(bars), -math.inf))
    changed = of_edition | (newer & arrivals.splits.changed)
    return Editions(
        delivered=Bars(days, **columns) if changed.any() else held,
        fetched=fetched_at,
        split_fetched=as_one(split_fetched, fetched_at),
        withdrawn=withdrawn,
        first=int(place[taken | newer].min()),
        first_value=int(place[changed].min(initial=len(days))),
    )


def as_one(split_fetched: Floats, fetched: Floats) -> Floats:
    """The former; where it equals the latter that very object, so that a state has it once."""
    return fetched if np.array_equal(split_fetched, fetched) else split_fetched


def _placed(old: NDArray[Any], rows: slice | Rows, new: NDArray[Any], places: Rows, count: int) -> NDArray[Any]:
    column = np.empty(count, old.dtype)
    column[rows] = old
    column[places] = new
    return column


def basis_with(
    state: TickerState, bars: Bars, fetched: float, arrivals: Arrivals, editions: Editions, kept: slice
) -> tuple[Basis, float]:
    """The basis after bars arrived, and the factor by which they show their vendor to have restated older prices, else 1.

    `editions` are those that count now, `kept` the rows of them that are not dropped. Every pair of editions of one date is
    looked at, whichever of the two came first.
    """
    delivered, delivered_at, withdrawn = editions.delivered[kept], editions.fetched[kept], editions.withdrawn
    first = basis = basis_of(delivered, delivered_at, state.restatements, withdrawn)
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
        after = basis_of(delivered, delivered_at, [*basis.restatements, new], withdrawn)
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
        found = find_restatement(old, self.old_fetched, new, self.new_fetched)
        if found is None:
            return None
        one, day = found
        return msgspec.structs.replace(one, ratio=snapped(one.ratio * basis.change(one, day)))


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
