"""A ticker with a trained model, for tests of rows."""

from __future__ import annotations

from functools import cache

from history.forecasting import training_job
from history.ticker_state import TickerState
from models.results import TrainedTicker
from models.training import train_ticker
from tests.made.bars import walk
from tests.made.histories import backfill, due_of
from tests.streams.scenarios import CHEAP


@cache
def state() -> TickerState:
    """A state with enough bars to train."""
    return backfill(walk(500, 1), CHEAP)


@cache
def trained() -> TrainedTicker:
    """The result of its due training."""
    return train_ticker(training_job(state(), due_of(state()), CHEAP))
