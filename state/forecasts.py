"""The forecast table: one row per ticker, the newest."""

from __future__ import annotations

from errors import MessageError, SchemaError, StateCorruptError
from records import Forecast, decode_forecast, encode_forecast
from state.database import Database


class ForecastTable:
    """Forecast rows in a database that this process writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, row: Forecast) -> None:
        """Store a row in the place of the ticker's last one. Raises StateWriteError when the disk refuses."""
        self._database.write([(row.ticker.encode(), encode_forecast(row))])

    def get(self, ticker: str) -> Forecast | None:
        """The ticker's row, or None. Raises SchemaError or StateCorruptError, naming the ticker."""
        payload = self._database.get(ticker.encode())
        return None if payload is None else decode_row(ticker, payload)

    def all(self) -> list[Forecast]:
        """All rows, sorted by ticker. Raises as `get` does."""
        return [decode_row(key.decode(), payload) for key, payload in self._database.iterate()]


def decode_row(ticker: str, payload: bytes) -> Forecast:
    """The row stored under a ticker. Raises SchemaError for a newer version, StateCorruptError for anything else."""
    try:
        row = decode_forecast(payload)
    except SchemaError as error:
        raise SchemaError(f"{ticker}: {error}") from error
    except MessageError as error:
        raise StateCorruptError(f"{ticker}: {error}; run the stream again for it: a new row replaces this one") from error
    if row.ticker != ticker:
        raise StateCorruptError(f"{ticker}: its row belongs to {row.ticker}; delete the state folder and run again")
    return row
