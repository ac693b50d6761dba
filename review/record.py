"""The record of what was served: an SQLite file in the state folder, one row per ticker and date.

The forecast table has only the newest row of each ticker, and the topic is compacted: without a record nobody could say later
what was forecast. The last row of a ticker before its next bar is kept. A row that is older than the ticker's newest recorded
one is not taken: after a rebuild the past is derived again, and what was served then must stay.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec

from errors import SchemaError, StateCorruptError, StateWriteError
from records import date_of, day_number
from review.served import ServedForecast

RECORD: Final = "record.sqlite"
#: Over a long weekend one exchange may be so far ahead of another.
LARGEST_LAG_DAYS: Final = 4
_VERSION: Final = 1
_BUSY_SECONDS: Final = 30.0
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS served (
    ticker TEXT NOT NULL, as_of INTEGER NOT NULL, recorded_at REAL NOT NULL, forecast BLOB NOT NULL,
    PRIMARY KEY (ticker, as_of)
) WITHOUT ROWID
"""
_ADD: Final = """
INSERT INTO served SELECT :ticker, :as_of, :at, :forecast
WHERE NOT EXISTS (SELECT 1 FROM served WHERE ticker = :ticker AND as_of > :as_of)
ON CONFLICT (ticker, as_of) DO UPDATE SET recorded_at = excluded.recorded_at, forecast = excluded.forecast
WHERE forecast != excluded.forecast AND :may_change
"""


class Recorded(NamedTuple):
    """A forecast and the moment at which it was last seen to change."""

    at: dt.datetime
    forecast: ServedForecast


class ForecastRecord:
    """The record of one state folder. Several processes may add to it. A context manager.

    Raises SchemaError for a record of a newer version, StateWriteError if it cannot be written, StateCorruptError if it is
    damaged.
    """

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / RECORD
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(ServedForecast)
        with self._errors():
            state_dir.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                self._path, timeout=_BUSY_SECONDS, isolation_level="IMMEDIATE", check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def add(self, forecasts: Sequence[ServedForecast], at: dt.datetime) -> int:
        """Record what is served now; returns how many of them are new or changed.

        Pooling moves the row of a ticker that lags with the later bars of others. So a row is not taken if the newest date is
        more than `LARGEST_LAG_DAYS` later than its own, and not changed if it is more than a day later.
        """
        newest = max((each.as_of for each in forecasts), default=dt.date.min)
        lags = [(newest - each.as_of).days for each in forecasts]
        rows = [
            {
                "ticker": each.ticker,
                "as_of": day_number(each.as_of),
                "at": at.timestamp(),
                "forecast": self._encoder.encode(each),
                "may_change": lag <= 1,
            }
            for each, lag in zip(forecasts, lags, strict=True)
            if lag <= LARGEST_LAG_DAYS
        ]
        with self._errors(), self._connection:
            before = self._connection.total_changes
            self._connection.executemany(_ADD, rows)
            return self._connection.total_changes - before

    def since(self, first: dt.date) -> list[Recorded]:
        """What was served with an `as_of` from this date on, by ticker and date."""
        with self._errors():
            rows = self._connection.execute(
                "SELECT recorded_at, forecast FROM served WHERE as_of >= ? ORDER BY ticker, as_of", (day_number(first),)
            ).fetchall()
        try:
            return [Recorded(dt.datetime.fromtimestamp(at, dt.UTC), self._decoder.decode(payload)) for at, payload in rows]
        except msgspec.MsgspecError as error:
            raise StateCorruptError(f"{self._path}: a row cannot be decoded ({error}): {_REMEDY}") from error

    def forget_before(self, first: dt.date) -> int:
        """Delete what was served before this date; returns how many rows that was."""
        with self._errors(), self._connection:
            return self._connection.execute("DELETE FROM served WHERE as_of < ?", (day_number(first),)).rowcount

    def span(self) -> tuple[dt.date, dt.date] | None:
        """The first and the last `as_of`, None of an empty record."""
        with self._errors():
            first, last = self._connection.execute("SELECT MIN(as_of), MAX(as_of) FROM served").fetchone()
        return None if first is None else (date_of(first), date_of(last))

    def _prepare(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise SchemaError(f"{self._path}: the record has version {version}, this program knows {_VERSION}: upgrade it")
        if version < _VERSION:
            with self._connection:
                self._connection.execute(_TABLE)
                self._connection.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise StateWriteError(f"{self._path}: the record cannot be read or written ({error}): {_MEND}") from error
        except sqlite3.DatabaseError as error:
            raise StateCorruptError(f"{self._path}: the record is damaged ({error}): {_REMEDY}") from error
        except OSError as error:
            raise StateWriteError.at(self._path, error) from error


_REMEDY: Final = "put a backup in its place, or delete it; then the record begins anew"
_MEND: Final = "make room, or mend the permissions"
