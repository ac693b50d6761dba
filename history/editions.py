"""Decides which edition of each bar counts, when bars arrive again, corrected, late or in any order.

Of the editions of one date the edition fetched last counts. Of two editions of the same moment the edition that `outranks` the
other counts. Splits have a rule of their own (`history.splits`). All rules depend on the editions alone, so any order of
arrival ends with the same bars. A dividend belongs to the prices of its edition: a source without dividends may include them in
its prices, and a dividend kept from another edition would count twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from history.adjustment import Basis, Restatement, WithdrawnSplit, basis_of
from history.replay import first_replayable
from history.restatement import find_restatement, snapped
from history.splits import SplitChanges, no_split_changes, split_changes
from history.ticker_state import TickerState
from records import VALUE_COLUMNS, Bars, Floats

Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]

#: Columns that decide between editions of one moment, in this order: the larger volume has seen more of the session.
_RANKS: Final = ("volume", "dividend", "close", "high", "low", "open")
#: The columns of an edition that belong together.
_EDITION_COLUMNS: Final = tuple(name for name in VALUE_COLUMNS if name != "split")
#: Further restatements are ignored; no vendor is known to need three.
_MOST_RESTATEMENTS: Final = 16


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How the arriving bars relate to the kept bars, as masks; `row` is the place of each bar among the kept bars.

    `tail`: newer than every kept bar. `late`: fills a gap. `corrected`: replaces a kept bar with other values. `renewed`: a
    later fetch with the same values, so an edition fetched in between must not replace it. `older`: fetched before the kept
    edition. `expired`: older than every kept bar, so it is unknown whether the bar was known. `context`: would change a bar
    that only serves as context. `splits`: what the bars report of the splits of kept bars.
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
        """Bars of dates without a kept bar."""
        return self.tail | self.late

    @property
    def taken(self) -> Flags:
        """Bars whose prices are kept from now on."""
        return self.new | self.corrected | self.renewed

    @property
    def resplit(self) -> Flags:
        """Bars that change the split of a kept bar, or whether it is withdrawn."""
        return self.splits.changed & ~self.context


@dataclass(frozen=True, slots=True)
class Editions:
    """The editions that count, and the moments at which they were fetched.

    From row `first` on they may differ from the editions before; from row `first_value` on their values may differ.
    """

    delivered: Bars
    fetched: Floats
    split_fetched: Floats
    withdrawn: tuple[WithdrawnSplit, ...]
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
    uncorrectable = ~tail & (row < first_replayable(state))
    splits = split_changes(state, bars, fetched, beside, present, uncorrectable) if gives_splits else unsaid
    new = ~tail & (~present | (beaten & ~equal) | splits.changed)
    expired = new & (state.first_index > 0) & (bars.day < held.day[0])
    context = new & uncorrectable & ~expired
    new &= ~expired & ~uncorrectable
    return Arrivals(
        row=row,
        tail=tail,
        late=new & ~present,
        corrected=new & present & beaten & ~equal,
        renewed=equal & (before < fetched) & ~uncorrectable,
        older=present & (before > fetched),
        expired=expired,
        context=context,
        splits=splits,
    )


def _are_kept(state: TickerState, bars: Bars, fetched: float, *, gives_splits: bool) -> bool:
    """Whether exactly these editions are kept, side by side. A repeated message nearly always meets this test."""
    held = state.delivered
    first = int(held.day.searchsorted(bars.day[0]))
    rows = slice(first, first + len(bars))
    if not (state.fetched[rows] == fetched).all() or (gives_splits and not (state.split_fetched[rows] == fetched).all()):
        return False
    # Comparing bytes takes a fraction of the time of comparing arrays. The caller handles values that differ in bytes alone
    # (-0.0).
    names = VALUE_COLUMNS if gives_splits else _EDITION_COLUMNS
    return all(getattr(held, name)[rows].tobytes() == getattr(bars, name).tobytes() for name in ("day", *names))


def same_values(bars: Bars, others: Bars) -> Flags:
    """Which of two bars of the same date are equal, for each date."""
    same: Flags = same_edition(bars, others) & (bars.split == others.split)
    return same


def same_edition(bars: Bars, others: Bars) -> Flags:
    """Which of two bars of the same date are equal, splits apart, for each date."""
    same: Flags = bars.close == others.close
    for name in _EDITION_COLUMNS:
        same &= getattr(bars, name) == getattr(others, name)
    return same


def outranks(bars: Bars, others: Bars) -> Flags:
    """Which of `bars` count against `others` of the same dates and the same moment: a total order of their values."""
    larger = np.zeros(len(bars), dtype=np.bool_)
    undecided = ~larger
    for name in _RANKS:
        value, other = getattr(bars, name), getattr(others, name)
        larger |= undecided & (value > other)
        undecided &= value == other
    return larger


def with_arrivals(state: TickerState, bars: Bars, fetched: float, arrivals: Arrivals, *, gives_splits: bool) -> Editions:
    """The editions that count after the arrivals, not trimmed."""
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
    columns = {name: placed(getattr(held, name), of_edition, getattr(bars, name)) for name in _EDITION_COLUMNS}
    columns["split"] = placed(held.split, of_split, bars.split)
    fetched_at = placed(state.fetched, taken, at_once)
    split_fetched = placed(state.split_fetched, of_split, at_once if gives_splits else np.full(len(bars), -math.inf))
    changed = of_edition | (newer & arrivals.splits.changed)
    return Editions(
        delivered=Bars(days, **columns) if changed.any() else held,
        fetched=fetched_at,
        split_fetched=shared_if_equal(split_fetched, fetched_at),
        withdrawn=withdrawn,
        first=int(place[taken | newer].min()),
        first_value=int(place[changed].min(initial=len(days))),
    )


def shared_if_equal(split_fetched: Floats, fetched: Floats) -> Floats:
    """`split_fetched`, or the object `fetched` itself if both are equal, so that a state holds the values once."""
    return fetched if np.array_equal(split_fetched, fetched) else split_fetched


def _placed(old: NDArray[Any], rows: slice | Rows, new: NDArray[Any], places: Rows, count: int) -> NDArray[Any]:
    column = np.empty(count, old.dtype)
    column[rows] = old
    column[places] = new
    return column


def basis_with(
    state: TickerState, bars: Bars, fetched: float, arrivals: Arrivals, editions: Editions, kept: slice
) -> tuple[Basis, float]:
    """The basis after the arrivals, and the factor by which the vendor restated older prices, else 1.

    `editions` are the editions that count now, and `kept` their rows that are not dropped. Every pair of editions of one date
    is compared, whichever of the two came first.
    """
    delivered, delivered_at, withdrawn = editions.delivered[kept], editions.fetched[kept], editions.withdrawn
    first = basis = basis_of(delivered, delivered_at, state.restatements, withdrawn)
    # Equal editions show a restatement only beside different editions, or if only one of the two is adjusted.
    telling = basis.steps or (arrivals.corrected | arrivals.older).any()
    pairs = _pairs(state, bars, fetched, arrivals, since=int(delivered.day[0])) if telling else []
    tried: list[Restatement] = []
    while len(tried) < 2 * _MOST_RESTATEMENTS:
        # A restatement that is no longer needed is dropped at once, so that a repeated message finds the same restatements.
        shown = (found for pair in pairs if (found := pair.restatement_on(basis)) is not None)
        new = next((found for found in shown if found not in basis.restatements and found not in tried), None)
        if new is None:
            break
        tried.append(new)
        after = basis_of(delivered, delivered_at, [*basis.restatements, new], withdrawn)
        if len(after.restatements) <= _MOST_RESTATEMENTS:
            basis = after
    known = frozenset(first.steps)
    return basis, math.prod(1.0 / step.price for step in basis.steps if step not in known)


@dataclass(frozen=True, slots=True)
class _EditionPair:
    """Two editions of the same dates, as delivered; all of `old` was fetched before all of `new`."""

    old: Bars
    old_fetched: Floats
    new: Bars
    new_fetched: Floats

    def restatement_on(self, basis: Basis) -> Restatement | None:
        """The restatement that the pair shows on this basis, as the whole change between the two editions, or None."""
        old, new = basis.adjusted(self.old, self.old_fetched), basis.adjusted(self.new, self.new_fetched)
        found = find_restatement(old, self.old_fetched, new, self.new_fetched)
        if found is None:
            return None
        restatement, day = found
        ratio = snapped(restatement.ratio * basis.change(restatement, day))
        return msgspec.structs.replace(restatement, ratio=ratio)


def _pairs(state: TickerState, bars: Bars, fetched: float, arrivals: Arrivals, *, since: int) -> list[_EditionPair]:
    """Pairs of arriving and kept editions, of dates from `since` on and fetched at different moments."""
    pairs = []
    for chosen, arriving_is_newer in ((arrivals.corrected | arrivals.renewed, True), (arrivals.older, False)):
        at = np.flatnonzero(chosen & (bars.day >= since))
        if not len(at):
            continue
        rows = arrivals.row[at]
        held, arriving = (state.delivered[rows], state.fetched[rows]), (bars[at], np.full(len(at), fetched))
        pairs.append(_EditionPair(*held, *arriving) if arriving_is_newer else _EditionPair(*arriving, *held))
    return pairs
