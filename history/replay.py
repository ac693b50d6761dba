"""From where a window's features are computed again: the snapshots of the rolling state that are kept with the bars."""

from __future__ import annotations

from dataclasses import dataclass

from history.features import CONTEXT_BARS
from history.ticker_state import BLOCK_BARS, TickerState


@dataclass(frozen=True, slots=True)
class ReplaySpan:
    """Rows of the kept bars that a window rests on.

    Its own begin at `first`, the replay at `begin`, the first of `block`, and what the replay looks back to at `context`.
    """

    context: int
    begin: int
    first: int
    block: int


def replay_span(state: TickerState, count: int, stop: int) -> ReplaySpan:
    """Where the `count` bars before row `stop` are replayed from."""
    first = max(stop - count, first_replayable(state))
    block = first // BLOCK_BARS
    begin = block * BLOCK_BARS
    return ReplaySpan(max(0, begin - CONTEXT_BARS), begin, first, block)


def first_replayable(state: TickerState) -> int:
    """First row of the kept bars whose features can be computed again: those before it only serve as context."""
    return 0 if state.first_index == 0 else -(-CONTEXT_BARS // BLOCK_BARS) * BLOCK_BARS
