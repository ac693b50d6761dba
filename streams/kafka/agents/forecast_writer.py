"""The one place where a worker makes a row, writes it to the table of forecasts, and asks for the training that it lacks."""

from __future__ import annotations

import logging
from functools import partial

from errors import StateCorruptError
from history.forecasting import refresh, wanted_training
from history.ticker_state import TickerState
from settings import Settings
from streams.kafka.agents.training_requests import Trainings
from streams.kafka.tables.ticker_tables import HeldModel, TickerTables

logger = logging.getLogger(__name__)


class ForecastWriter:
    """Rows are always written, changed or not: after a crash that repairs what did not reach the changelog."""

    def __init__(self, settings: Settings, tables: TickerTables, trainings: Trainings) -> None:
        self._settings = settings
        self._tables = tables
        self._trainings = trainings
        self.rows = 0

    def refresh(self, state: TickerState) -> None:
        """Make and write the row for the state's last bar; ask, once, for the training that it lacks."""
        ticker = state.ticker
        held, reason = self._model(state)
        loaded = None if held is None else held.loaded
        row = refresh(state, loaded, self._settings, reason=reason, previous=partial(self._tables.forecast, ticker))
        self._tables.save_forecast(row)
        self.rows += 1
        missing = wanted_training(state, None if loaded is None else loaded.trained, row, self._settings)
        if missing is not None:
            self._trainings.request(ticker, missing)

    def _model(self, state: TickerState) -> tuple[HeldModel | None, str | None]:
        failure = self._trainings.failure(state.ticker, state.due)
        if failure is not None:
            # A failed training leaves the same row whatever was trained before it.
            return None, failure
        try:
            return self._tables.model(state.ticker), None
        except StateCorruptError as error:
            logger.warning("stored models unreadable, trained again ticker=%s reason=%s", state.ticker, error)
            return None, None
