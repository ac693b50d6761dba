"""Reading histories and forecasts while another process writes them."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Final, Self, TypeVar

from errors import SchemaError, StateCorruptError
from records import Bars, Forecast
from state.copies import Copies
from state.database import Database
from state.follower import REFRESH_SECONDS
from state.forecasts import decode_row
from state.history import load_record, load_state, stored_tickers
from state.history_codec import head_key
from state.record_codec import FAUST_OFFSET_KEY
from state.ticker_state import TickerState

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Row = Forecast | SchemaError | StateCorruptError

#: Histories that a reader keeps decoded, 75 kB each: the largest request that is served.
_MOST_DECODED: Final = 1000


class HistoryReader:
    """Bars of the history table, of whichever copy on this host has the newest. Thread-safe; a context manager."""

    def __init__(
        self, state_dir: Path, *, refresh_seconds: float = REFRESH_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._copies = Copies(state_dir, "history", refresh_seconds=refresh_seconds, clock=clock)
        self._mutex = threading.Lock()
        # Every change of a history changes its head: as long as those of all copies stay the same, so do the bars. The open
        # database counts as well: another one, in a folder that was replaced, may have the same head over other bars.
        self._decoded: OrderedDict[str, tuple[tuple[tuple[Database, bytes], ...], Bars]] = OrderedDict()

    def state(self, ticker: str) -> TickerState | None:
        """A ticker's whole state, or None where it has no bars. Raises StateMissingError, StateCorruptError, SchemaError."""
        return _newest(self._copies.read(partial(load_state, ticker=ticker), partial(load_record, ticker=ticker)))

    def bars(self, ticker: str) -> Bars | None:
        """All bars kept of a ticker, or None. Raises as `state` does."""
        state = self.state(ticker)
        return None if state is None else state.bars

    def bars_many(self, tickers: Iterable[str]) -> tuple[dict[str, Bars], dict[str, str]]:
        """The bars of those tickers that have a history, and why the others' cannot be read, where they have one.

        A ticker's bars are the very same object for as long as its history stays the same. Raises StateMissingError,
        StateCorruptError or SchemaError for the table as a whole.
        """
        wanted = list(dict.fromkeys(tickers))
        keys = [head_key(ticker) for ticker in wanted]

        def read(database: Database) -> tuple[Database, list[bytes | None]]:
            return database, database.get_many(keys)

        copies = self._copies.read(read, read)
        found: dict[str, Bars] = {}
        unreadable: dict[str, str] = {}
        with self._mutex:
            for number, ticker in enumerate(wanted):
                heads = tuple((database, head) for database, heads in copies if (head := heads[number]) is not None)
                known = self._decoded.get(ticker)
                if not heads:
                    continue
                if known is None or known[0] != heads:
                    try:
                        bars = self.bars(ticker)
                    except (SchemaError, StateCorruptError) as error:
                        logger.warning("history left out: %s", error)
                        unreadable[ticker] = str(error)
                        continue
                    if bars is None:
                        continue
                    known = self._decoded[ticker] = (heads, bars)
                self._decoded.move_to_end(ticker)
                found[ticker] = known[1]
            while len(self._decoded) > _MOST_DECODED:
                self._decoded.popitem(last=False)
        return found, unreadable

    def tickers(self) -> list[str]:
        """All tickers with a history, sorted. Raises StateMissingError, StateCorruptError, SchemaError."""
        return sorted(set().union(*self._copies.read(stored_tickers, stored_tickers)))

    def close(self) -> None:
        """Close; again does nothing."""
        self._copies.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _newest(states: Iterable[TickerState | None]) -> TickerState | None:
    """The state whose bars reach furthest; of several whose do, that of the longest history."""
    held = [state for state in states if state is not None and len(state.bars)]
    return max(held, key=lambda state: (int(state.bars.day[-1]), state.total_bars)) if held else None


class ForecastReader:
    """Rows of the forecast table, at most `refresh_seconds` behind their writer. Thread-safe; a context manager.

    Where several processes write here, each its part, and one that died has left an old copy, the row of the newest bar counts.

    One bad row does not take the others with it: `get_many` and `all` leave it out, log it, and `unreadable` says why. Every
    read raises StateMissingError while there is no state, StateCorruptError for a damaged database, SchemaError for one of a
    newer version.
    """

    def __init__(
        self, state_dir: Path, *, refresh_seconds: float = REFRESH_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._copies = Copies(state_dir, "forecasts", refresh_seconds=refresh_seconds, clock=clock)
        self._mutex = threading.Lock()
        # Decoding is most of a lookup's cost; a row is decoded once for as long as its bytes stay the same.
        self._decoded: dict[str, tuple[tuple[bytes, ...], Row]] = {}

    def get(self, ticker: str) -> Forecast | None:
        """The ticker's row, or None. Raises SchemaError or StateCorruptError for an unreadable one, naming the ticker."""
        payloads = self._read(lambda database: database.get(ticker.encode()))
        row = self._row(ticker, payloads)
        if isinstance(row, SchemaError | StateCorruptError):
            raise row.with_traceback(None)
        return row

    def get_many(self, tickers: Iterable[str]) -> dict[str, Forecast]:
        """The rows of those tickers that have a readable one."""
        wanted = list(dict.fromkeys(tickers))
        keys = [ticker.encode() for ticker in wanted]
        copies = self._read(lambda database: database.get_many(keys))
        rows = (
            (ticker, self._row(ticker, payloads)) for ticker, payloads in zip(wanted, zip(*copies, strict=True), strict=True)
        )
        return {ticker: row for ticker, row in rows if isinstance(row, Forecast)}

    def all(self) -> list[Forecast]:
        """All readable rows, sorted by ticker."""
        copies = [dict(found) for found in self._read(Database.scan)]
        keys = sorted(set().union(*copies) - {FAUST_OFFSET_KEY})
        rows = (self._row(key.decode(), [found.get(key) for found in copies]) for key in keys)
        return [row for row in rows if isinstance(row, Forecast)]

    def unreadable(self) -> dict[str, str]:
        """Why the rows read so far that could not be decoded could not, by ticker; a good row clears its ticker."""
        with self._mutex:
            bad = {ticker: row for ticker, (_, row) in self._decoded.items() if not isinstance(row, Forecast)}
        return {ticker: str(bad[ticker]) for ticker in sorted(bad)}

    def close(self) -> None:
        """Close; again does nothing."""
        self._copies.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, query: Callable[[Database], Result]) -> list[Result]:
        return self._copies.read(query, query)

    def _row(self, ticker: str, payloads: Iterable[bytes | None]) -> Row | None:
        stored = tuple(payload for payload in payloads if payload is not None)
        with self._mutex:
            if not stored:
                self._decoded.pop(ticker, None)
                return None
            known = self._decoded.get(ticker)
            if known is not None and known[0] == stored:
                return known[1]
            row = _newest_row([_decoded(ticker, payload) for payload in dict.fromkeys(stored)])
            if not isinstance(row, Forecast):
                logger.warning("forecast row left out: %s", row)
            self._decoded[ticker] = (stored, row)
            return row


def _decoded(ticker: str, payload: bytes) -> Row:
    try:
        return decode_row(ticker, payload)
    except (SchemaError, StateCorruptError) as error:
        return error


def _newest_row(rows: list[Row]) -> Row:
    """The row of the newest bar, of several that of the newest training; an unreadable one only where there is no other."""
    readable = [row for row in rows if isinstance(row, Forecast)]
    return max(readable, key=lambda row: (row.as_of, row.training_cutoff or dt.date.min)) if readable else rows[0]
