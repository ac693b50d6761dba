"""The forecast table: the newest row of each ticker."""

from __future__ import annotations

import logging

from errors import MessageError, SchemaError, StateCorruptError
from records import Forecast, decode_forecast, encode_forecast
from state.database import Database

logger = logging.getLogger(__name__)


class ForecastTable:
    """Forecast rows in a database that this process writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, row: Forecast) -> None:
        """Store a row, replacing the ticker's last row. Raises StateWriteError if the disk refuses."""
        self._database.write([(row.ticker.encode(), encode_forecast(row))])

    def put_changed(self, row: Forecast) -> bool:
        """Store a row unless the same bytes are stored. Returns whether it stored the row.

        An unreadable row is replaced, with a warning. Raises StateWriteError, or SchemaError if the stored row is of a newer
        version.
        """
        payload = self._database.get(row.ticker.encode())
        if payload == encode_forecast(row):
            return False
        if payload is not None:
            try:
                decode_row(row.ticker, payload)
            except StateCorruptError as error:
                logger.warning("unreadable forecast row replaced ticker=%s reason=%s", row.ticker, error)
        self.put(row)
        return True

    def get(self, ticker: str) -> Forecast | None:
        """The ticker's row, or None. Raises SchemaError or StateCorruptError, naming the ticker."""
        payload = self._database.get(ticker.encode())
        return None if payload is None else decode_row(ticker, payload)

    def all(self) -> list[Forecast]:
        """All rows, sorted by ticker. Raises as `get` does."""
        return [decode_row(key.decode(), payload) for key, payload in self._database.iterate()]


def decode_row(ticker: str, payload: bytes) -> Forecast:
    """The row stored under a ticker. Raises SchemaError for a newer version, StateCorruptError for any other bytes."""
    try:
        row = decode_forecast(payload)
    except SchemaError as error:
        raise SchemaError(f"{ticker}: {error}") from error
    except MessageError as error:
        raise StateCorruptError(f"{ticker}: {error}; run the stream again for it: a new row replaces it") from error
    if row.ticker != ticker:
        raise StateCorruptError(
            f"{ticker}: its row belongs to {row.ticker}; run the stream again for it: a new row replaces it"
        )
    return row
