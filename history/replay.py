"""Where the replay of a window's features begins: at a snapshot of the rolling state, kept with the bars."""

from __future__ import annotations

from dataclasses import dataclass

from history.features import CONTEXT_BARS
from history.ticker_state import BLOCK_BARS, TickerState


@dataclass(frozen=True, slots=True)
class ReplaySpan:
    """Row numbers of the kept bars that a window needs.

    The window begins at `first`. The replay begins at `begin`, the first bar of `block`, and looks back to `context`.
    """

    context: int
    begin: int
    first: int
    block: int


def replay_span(state: TickerState, count: int, stop: int) -> ReplaySpan:
    """The span for the `count` bars before row `stop`."""
    first = max(stop - count, first_replayable(state))
    block = first // BLOCK_BARS
    begin = block * BLOCK_BARS
    return ReplaySpan(max(0, begin - CONTEXT_BARS), begin, first, block)


def first_replayable(state: TickerState) -> int:
    """The first kept bar whose features can be computed again; the bars before it serve as context only."""
    return 0 if state.first_index == 0 else -(-CONTEXT_BARS // BLOCK_BARS) * BLOCK_BARS
