"""Reading histories and forecasts while another process writes them."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Self

from errors import SchemaError, StateCorruptError
from records import Bars, Forecast
from state.database import Database
from state.folder import FORECASTS, HISTORY
from state.follower import REFRESH_SECONDS, Follower
from state.forecasts import decode_row
from state.history import load_state, stored_tickers
from state.history_codec import head_key

logger = logging.getLogger(__name__)

#: Histories that a reader keeps decoded, 75 kB each: the largest request that is served.
_MOST_DECODED: Final = 1000


class HistoryReader:
    """Bars of the history table. Thread-safe; a context manager."""

    def __init__(
        self, state_dir: Path, *, refresh_seconds: float = REFRESH_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._follower = Follower(Path(state_dir) / HISTORY, refresh_seconds=refresh_seconds, clock=clock)
        self._mutex = threading.Lock()
        # Every change of a history changes its head: as long as that stays the same, so do the bars.
        self._decoded: OrderedDict[str, tuple[bytes, Bars]] = OrderedDict()

    def bars(self, ticker: str) -> Bars | None:
        """All bars kept of a ticker, or None. Raises StateMissingError, StateCorruptError, SchemaError."""
        state = self._follower.read(lambda database: load_state(database, ticker))
        return None if state is None else state.bars

    def bars_many(self, tickers: Iterable[str]) -> tuple[dict[str, Bars], dict[str, str]]:
        """The bars of those tickers that have a history, and why the others' cannot be read, where they have one.

        A ticker's bars are the very same object for as long as its history stays the same. Raises StateMissingError,
        StateCorruptError or SchemaError for the table as a whole.
        """
        wanted = list(dict.fromkeys(tickers))
        return self._follower.read(lambda database: self._bars_many(database, wanted))

    def tickers(self) -> list[str]:
        """All tickers with a history, sorted. Raises StateMissingError, StateCorruptError, SchemaError."""
        return self._follower.read(stored_tickers)

    def close(self) -> None:
        """Close; again does nothing."""
        self._follower.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _bars_many(self, database: Database, tickers: list[str]) -> tuple[dict[str, Bars], dict[str, str]]:
        found: dict[str, Bars] = {}
        unreadable: dict[str, str] = {}
        heads = database.get_many([head_key(ticker) for ticker in tickers])
        with self._mutex:
            for ticker, head in zip(tickers, heads, strict=True):
                if head is None:
                    continue
                known = self._decoded.get(ticker)
                if known is None or known[0] != head:
                    try:
                        state = load_state(database, ticker)
                    except (SchemaError, StateCorruptError) as error:
                        logger.warning("history left out: %s", error)
                        unreadable[ticker] = str(error)
                        continue
                    assert state is not None
                    known = self._decoded[ticker] = (head, state.bars)
                self._decoded.move_to_end(ticker)
                found[ticker] = known[1]
            while len(self._decoded) > _MOST_DECODED:
                self._decoded.popitem(last=False)
        return found, unreadable


class ForecastReader:
    """Rows of the forecast table, at most `refresh_seconds` behind their writer. Thread-safe; a context manager.

    One bad row does not take the others with it: `get_many` and `all` leave it out, log it, and `unreadable` says why. Every
    read raises StateMissingError while there is no state, StateCorruptError for a damaged database, SchemaError for one of a
    newer version.
    """

    def __init__(
        self, state_dir: Path, *, refresh_seconds: float = REFRESH_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._follower = Follower(Path(state_dir) / FORECASTS, refresh_seconds=refresh_seconds, clock=clock)
        self._mutex = threading.Lock()
        # Decoding is most of a lookup's cost; a row is decoded once for as long as its bytes stay the same.
        self._decoded: dict[str, tuple[bytes, Forecast | SchemaError | StateCorruptError]] = {}

    def get(self, ticker: str) -> Forecast | None:
        """The ticker's row, or None. Raises SchemaError or StateCorruptError for an unreadable one, naming the ticker."""
        payload = self._follower.read(lambda database: database.get(ticker.encode()))
        row = self._row(ticker, payload)
        if isinstance(row, SchemaError | StateCorruptError):
            raise row.with_traceback(None)
        return row

    def get_many(self, tickers: Iterable[str]) -> dict[str, Forecast]:
        """The rows of those tickers that have a readable one."""
        wanted = list(dict.fromkeys(tickers))
        payloads = self._follower.read(lambda database: database.get_many([ticker.encode() for ticker in wanted]))
        rows = ((ticker, self._row(ticker, payload)) for ticker, payload in zip(wanted, payloads, strict=True))
        return {ticker: row for ticker, row in rows if isinstance(row, Forecast)}

    def all(self) -> list[Forecast]:
        """All readable rows, sorted by ticker."""
        found = self._follower.read(Database.scan)
        rows = (self._row(key.decode(), payload) for key, payload in found)
        return [row for row in rows if isinstance(row, Forecast)]

    def unreadable(self) -> dict[str, str]:
        """Why the rows read so far that could not be decoded could not, by ticker; a good row clears its ticker."""
        with self._mutex:
            bad = {ticker: row for ticker, (_, row) in self._decoded.items() if not isinstance(row, Forecast)}
        return {ticker: str(bad[ticker]) for ticker in sorted(bad)}

    def close(self) -> None:
        """Close; again does nothing."""
        self._follower.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _row(self, ticker: str, payload: bytes | None) -> Forecast | SchemaError | StateCorruptError | None:
        with self._mutex:
            if payload is None:
                self._decoded.pop(ticker, None)
                return None
            known = self._decoded.get(ticker)
            if known is not None and known[0] == payload:
                return known[1]
            row: Forecast | SchemaError | StateCorruptError
            try:
                row = decode_row(ticker, payload)
            except (SchemaError, StateCorruptError) as error:
                logger.warning("forecast row left out: %s", error)
                row = error
            self._decoded[ticker] = (payload, row)
            return row
