"""The state of one ticker: its bars, its rolling features, and the due training."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import msgspec

from history.adjustment import Restatement, WithdrawnSplit
from records import Bars, CurrencySpan, Floats

#: Bars per stored block. A new day rewrites one block: 64 bars of 60 bytes, about 4 kB before compression.
BLOCK_BARS: Final = 64


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of a ticker's bars by outcome, for people and metrics; no forecast depends on them."""

    accepted: int = 0
    duplicate: int = 0
    corrected: int = 0
    rejected: int = 0


class DueTraining(msgspec.Struct, frozen=True):
    """A due training, on the `lookback` bars up to `cutoff` (a day number).

    `digest` covers the content of those bars. So a correction inside the window makes a new training, and a replay does not.
    """

    cutoff: int
    digest: bytes


@dataclass(frozen=True, slots=True, eq=False)
class TickerState:
    """Immutable; operators return a new state. The same bars in any batching give equal states, counters apart.

    `first_index` counts the ticker's bars before `bars[0]`. It is a multiple of BLOCK_BARS, because old bars are dropped in
    whole blocks. `feature_state` (shape (S,)) is the rolling state of the features after the last bar. `snapshots` (shape
    (blocks held, S)) are the rolling states *before* the first bar of each block. From them the features of any kept bar can be
    computed again, to the bit.

    `delivered` are the bars as their source gave them, and `fetched` (shape of `bars.day`) the moments of fetching
    (`BarBatch.fetched`): the source adjusted them for the splits up to then. The split of a bar comes from the last edition
    that reports splits, fetched at the moment `split_fetched`, or -inf without such an edition; if equal to `fetched`, it is
    the same object. `withdrawn`, by day, are the splits that such an edition withdrew. `restatements` are changes of the basis
    that no split explains. `bars`, on today's basis, follow from these (`history.adjustment`). Without any adjustment they are
    the same object as `delivered`.

    `currencies`, by day, are the kept bars whose edition names its currency (`history.currencies`): neighbours are one span.
    """

    ticker: str
    first_index: int
    delivered: Bars
    fetched: Floats
    split_fetched: Floats
    withdrawn: tuple[WithdrawnSplit, ...]
    restatements: tuple[Restatement, ...]
    bars: Bars
    feature_state: Floats
    snapshots: Floats
    due: DueTraining | None
    counters: Counters
    currencies: tuple[CurrencySpan, ...] = ()

    @property
    def total_bars(self) -> int:
        """All bars since the ticker's first bar, the dropped bars included."""
        return self.first_index + len(self.bars)


def same_state(a: TickerState, b: TickerState) -> bool:
    """Whether two states are equal to the byte, counters apart: NaNs are equal, 0.0 and -0.0 are not."""
    return _content(a) == _content(b)


def _content(state: TickerState) -> tuple[object, ...]:
    columns = [getattr(bars, field.name) for bars in (state.delivered, state.bars) for field in fields(bars)]
    arrays = (*columns, state.fetched, state.split_fetched, state.feature_state, state.snapshots)
    plain = (state.ticker, state.first_index, state.withdrawn, state.restatements, state.due, state.currencies)
    return plain + tuple((a.dtype.str, a.shape, a.tobytes()) for a in arrays)
