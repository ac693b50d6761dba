"""The one place where a worker makes a forecast row and writes it: to the table, and to the topic `forecasts`."""

from __future__ import annotations

import logging

from errors import StateCorruptError
from settings import Settings
from state.ticker_state import DueTraining, TickerState
from streams.forecasting import refresh
from streams.kafka.outbox import Outbox
from streams.kafka.tables import HeldModel, TickerTables

logger = logging.getLogger(__name__)


class ForecastWriter:
    """Rows are always written, changed or not: after a crash that repairs what did not reach the changelog."""

    def __init__(self, settings: Settings, tables: TickerTables, outbox: Outbox) -> None:
        self._settings = settings
        self._tables = tables
        self._outbox = outbox
        self._failed: dict[str, tuple[DueTraining, str]] = {}
        self.rows = 0

    def note_failure(self, ticker: str, due: DueTraining, reason: str) -> None:
        """The due training failed for good; rows say so until another one is due."""
        self._failed[ticker] = (due, reason)

    def has_failed(self, ticker: str, due: DueTraining) -> bool:
        """Whether this worker has tried this training in vain."""
        failed = self._failed.get(ticker)
        return failed is not None and failed[0] == due

    def refresh(self, state: TickerState, partition: int) -> HeldModel | None:
        """Make and write the row for the state's last bar; returns the models it rests on."""
        held, reason = self._model(state)
        row = refresh(state, None if held is None else held.loaded, self._settings, reason=reason)
        payload = self._tables.save_forecast(row)
        self._outbox.forecast(partition, state.ticker, payload)
        self.rows += 1
        return held

    def _model(self, state: TickerState) -> tuple[HeldModel | None, str | None]:
        failed = self._failed.get(state.ticker)
        if failed is not None and failed[0] == state.due:
            # A failed training leaves the same row whatever was trained before it.
            return None, failed[1]
        try:
            return self._tables.model(state.ticker), None
        except StateCorruptError as error:
            logger.warning("stored models unreadable, trained again ticker=%s reason=%s", state.ticker, error)
            return None, None
