"""Makes a ticker's row, writes it to the table of forecasts, and requests the training that is missing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from history.ticker_state import TickerState
from records import Forecast
from settings import Settings
from streams.kafka.agents.training_requests import TrainingRequests
from streams.kafka.tables.ticker_tables import TickerTables
from streams.rows import make_row, readable_models, readable_row


class ForecastWriter:
    """Writes every row, changed or not: after a crash this repairs rows that did not reach the changelog.

    `noted` is called with each row that was written.
    """

    def __init__(
        self, settings: Settings, tables: TickerTables, requests: TrainingRequests, noted: Callable[[Forecast], None]
    ) -> None:
        self._settings = settings
        self._tables = tables
        self._requests = requests
        self._noted = noted
        self.rows = 0

    def refresh(self, state: TickerState) -> None:
        """Make and write the row for the state's last bar. Requests the missing training, once."""
        ticker = state.ticker
        reason = self._requests.failure(ticker, state.due)
        # A failed training leaves the same row whatever was trained before it.
        stored = None if reason is not None else readable_models(ticker, partial(self._tables.peek_model, ticker))
        trained, stored_at = (None, 0.0) if stored is None else stored
        load = partial(self._tables.load_models, stored_at=stored_at)
        previous = partial(readable_row, ticker, partial(self._tables.forecast, ticker))
        row, missing = make_row(state, trained, load, self._settings, reason=reason, previous=previous)
        self._tables.save_forecast(row)
        self.rows += 1
        self._noted(row)
        if missing is not None:
            self._requests.request(ticker, missing)
