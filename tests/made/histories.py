"""Histories made for tests: the states that batches lead to, and stored states."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from history.pipeline import Output, absorb
from history.ticker_state import BLOCK_BARS, Counters, DueTraining, TickerState
from records import BarBatch, Bars
from settings import Settings
from tests.made.bars import TODAY, batch

#: As small as the settings allow, so that trimming and trainings happen within short histories.
SMALL = Settings(lookback=126, minimum_bars=126, history_bars=400)
#: The size of the rolling state of `history`: smaller than the real one, since only its storage is tested.
STATE_SIZE = 12


def deliver(
    batches: Iterable[BarBatch], settings: Settings, state: TickerState | None = None
) -> tuple[TickerState, list[Output]]:
    """The state after batches, and all outputs."""
    outputs: list[Output] = []
    for item in batches:
        state, more = absorb(state, item, today=TODAY, settings=settings)
        outputs += more
    assert state is not None
    return state, outputs


def due_of(state: TickerState) -> DueTraining:
    """The training that is due, which there must be."""
    assert state.due is not None
    return state.due


def backfill(bars: Bars, chosen: Settings = SMALL) -> TickerState:
    """The state that a fresh delivery of the whole history gives."""
    return deliver([batch(bars)], chosen)[0]


def as_fetched_with(state: TickerState, other: TickerState) -> TickerState:
    """The state as if its bars had come in the editions of another: what is left to differ are bars, features, trainings."""
    return replace(
        state,
        delivered=other.delivered,
        fetched=other.fetched,
        split_fetched=other.split_fetched,
        withdrawn=other.withdrawn,
        restatements=other.restatements,
    )


def history(ticker: str, total: int, *, first_index: int = 0, corrected: int | None = None) -> TickerState:
    """A ticker's state after `total` bars; bar i is the same whatever the total, except the bar `corrected`."""
    index = np.arange(first_index, total)
    close = 100 + np.sin(index / 7.0) + (index % 13) / 100
    if corrected is not None:
        close[corrected - first_index] += 0.5
    bars = Bars.of(
        (15_000 + index).astype(np.int32),
        open=close - 0.25,
        high=close + 1.0,
        low=close - 1.0,
        close=close.copy(),
        volume=1e6 + 1e3 * index,
    )
    blocks = np.arange(first_index // BLOCK_BARS, -(-total // BLOCK_BARS))
    fetched = np.full(len(index), 20_000.0)
    return TickerState(
        ticker=ticker,
        first_index=first_index,
        delivered=bars,
        fetched=fetched,
        split_fetched=fetched,
        withdrawn=(),
        restatements=(),
        bars=bars,
        feature_state=np.arange(STATE_SIZE) * 1.5 + total,
        snapshots=blocks[:, None] + np.arange(STATE_SIZE) / 3,
        due=DueTraining(15_000 + total, b"digest" + str(total).encode()),
        counters=Counters(accepted=total),
    )
