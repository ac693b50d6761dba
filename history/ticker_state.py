"""What is kept of one ticker: its bars, its rolling features, and which training is due."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import msgspec

from history.adjustment import Restatement, Withdrawn
from records import Bars, Floats

#: Bars per stored block. A new day rewrites one block: 64 bars of 60 bytes, about 4 kB before compression.
BLOCK_BARS: Final = 64


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened to a ticker's bars so far, for people and metrics; no forecast depends on it."""

    accepted: int = 0
    duplicate: int = 0
    corrected: int = 0
    rejected: int = 0


class DueTraining(msgspec.Struct, frozen=True):
    """A training that the bars call for: on the `lookback` bars up to `cutoff` (a day number).

    `digest` covers the whole content of those bars, so that a correction inside the window is a new training and
    a replay is not.
    """

    cutoff: int
    digest: bytes


@dataclass(frozen=True, slots=True, eq=False)
class TickerState:
    """Immutable; operators return a new one. Equal deliveries in any batching give equal states (counters apart).

    `first_index` is the absolute number, from the ticker's first bar on, of `bars[0]`; always a multiple of BLOCK_BARS, because
    old bars leave by whole blocks. `feature_state` (shape (S,)) is the rolling features' state after the last bar;
    `snapshots` (shape (blocks held, S)) that state *before* each block's first bar: features of any kept bar can be
    computed again, to the bit, from the snapshot before it.

    `delivered` are the bars as their source gave them and `fetched` (shape of `bars.day`) the moments at which it
    did (`BarBatch.fetched`): their values are adjusted for splits up to then by the source. A bar's split is that of the
    last edition that speaks of splits: it was fetched at the moment `split_fetched`, -inf where there is none; the same object
    as `fetched` where the two are equal. `withdrawn`, by day, are splits that such an edition says were none. `restatements`
    are changes of the basis that no split tells of. `bars`, on today's basis, follow from these (`history.adjustment`) and are
    the same object as `delivered` where nothing is to be adjusted.
    """

    ticker: str
    first_index: int
    delivered: Bars
    fetched: Floats
    split_fetched: Floats
    withdrawn: tuple[Withdrawn, ...]
    restatements: tuple[Restatement, ...]
    bars: Bars
    feature_state: Floats
    snapshots: Floats
    due: DueTraining | None
    counters: Counters

    @property
    def total_bars(self) -> int:
        """Bars since the ticker's first one, those no longer kept included."""
        return self.first_index + len(self.bars)


def same_state(a: TickerState, b: TickerState) -> bool:
    """Whether two states are equal to the byte, counters apart; so that NaNs are equal, and 0.0 and -0.0 are not."""
    return _content(a) == _content(b)


def _content(state: TickerState) -> tuple[object, ...]:
    columns = [getattr(bars, field.name) for bars in (state.delivered, state.bars) for field in fields(bars)]
    arrays = (*columns, state.fetched, state.split_fetched, state.feature_state, state.snapshots)
    plain = (state.ticker, state.first_index, state.withdrawn, state.restatements, state.due)
    return plain + tuple((a.dtype.str, a.shape, a.tobytes()) for a in arrays)
