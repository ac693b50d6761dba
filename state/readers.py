"""Readers of histories and forecasts, while another process writes them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from cachetools import LRUCache

from errors import ForecastingError
from history.ticker_state import TickerState
from records import Bars, Forecast
from state.copies import Copies, CopiesReader
from state.database import Database
from state.follower import REFRESH_SECONDS, Follower
from state.forecast_table import decode_row
from state.history_codec import head_key
from state.history_table import load_copy, stored_tickers
from state.newest import Choice, Copy, newest, revision_of
from state.notices import Notices
from state.stamp import payload_of

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Row = Forecast | ForecastingError
#: The copies of a history, each with its generation and the head in it.
Heads = tuple[tuple[Follower, int, bytes], ...]

#: Decoded histories that a reader keeps, 75 kB each: enough for the largest request.
_MOST_DECODED: Final = 1000


class HistoryReader(CopiesReader):
    """Bars of the history table; each history is read whole, from its newest copy. Thread-safe; a context manager."""

    def __init__(
        self, state_dir: Path, *, refresh_seconds: float = REFRESH_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._copies = Copies(state_dir, "history", refresh_seconds=refresh_seconds, clock=clock)
        self._mutex = threading.Lock()
        self._notices = Notices(logger)
        # Every change of a history changes its head. While the heads of all copies stay the same, the bars do too. The
        # generation of the copy counts as well: a database that replaced another may have the same head with other bars.
        self._decoded: LRUCache[str, tuple[Heads, Bars]] = LRUCache(_MOST_DECODED)

    def state(self, ticker: str) -> TickerState | None:
        """A ticker's whole state, or None if it has no bars. Raises StateMissingError, StateCorruptError, SchemaError."""
        key = head_key(ticker)
        copies = self._copies.read(lambda database: database.get(key))
        return self._chosen(ticker, [(copy, head) for copy, head in copies if head is not None]).value

    def bars(self, ticker: str) -> Bars | None:
        """All kept bars of a ticker, or None. Raises as `state` does."""
        state = self.state(ticker)
        return None if state is None else state.bars

    def bars_many(self, tickers: Iterable[str]) -> tuple[dict[str, Bars], dict[str, str]]:
        """The bars of the tickers with a readable history, and the reasons for unreadable histories, by ticker.

        A ticker's bars are the same object as long as its history stays the same. Raises StateMissingError, StateCorruptError
        or SchemaError for the whole table.
        """
        found: dict[str, Bars] = {}
        unreadable: dict[str, str] = {}
        heads = self._heads(tickers)
        with self._mutex:
            for ticker, now in heads.items():
                known = self._decoded.get(ticker)
                if known is not None and known[0] == now:
                    found[ticker] = known[1]
                    continue
                try:
                    state, passed_over = self._chosen(ticker, ((copy, head) for copy, _, head in now))
                except ForecastingError as error:
                    unreadable[ticker] = str(error)
                    continue
                if state is not None:
                    found[ticker] = state.bars
                    # An unreadable copy may be readable a moment later, with the same head.
                    if not passed_over:
                        self._decoded[ticker] = now, state.bars
        return found, unreadable

    def revisions(self, tickers: Iterable[str]) -> dict[str, Hashable]:
        """A value for each ticker with a history that changes whenever its history does. Raises as `tickers` does."""
        return {
            ticker: tuple((str(copy.path), generation, head) for copy, generation, head in held)
            for ticker, held in self._heads(tickers).items()
        }

    def tickers(self) -> list[str]:
        """All tickers with a history, sorted. Raises StateMissingError, StateCorruptError, SchemaError."""
        return sorted({ticker for _, tickers in self._copies.read(stored_tickers) for ticker in tickers})

    def _heads(self, tickers: Iterable[str]) -> dict[str, Heads]:
        """The heads of all copies of each ticker that has any."""
        wanted = list(dict.fromkeys(tickers))
        keys = [head_key(ticker) for ticker in wanted]
        copies = self._copies.read(lambda database: database.get_many(keys))
        held = {
            ticker: tuple((copy, copy.generation, head) for copy, heads in copies if (head := heads[number]) is not None)
            for number, ticker in enumerate(wanted)
        }
        return {ticker: heads for ticker, heads in held.items() if heads}

    def _chosen(self, ticker: str, heads: Iterable[tuple[Follower, bytes]]) -> Choice[TickerState]:
        """The newest of the copies with these heads. Raises the first error if none of them is readable."""

        def load(copy: Follower) -> TickerState | None:
            state = copy.read(partial(load_copy, ticker=ticker))
            return state if state is not None and len(state.bars) else None

        copies = [Copy(revision_of(head), partial(load, copy)) for copy, head in heads]
        choice = newest(copies, last_bar=lambda state: int(state.bars.day[-1]))
        if not choice.passed_over:
            self._notices.clear(ticker)
            return choice
        reasons = "; ".join(map(str, choice.passed_over))
        if choice.value is None:
            self._notices.warn(ticker, "history left out ticker=%s reason=%s", ticker, reasons)
            raise choice.passed_over[0].with_traceback(None)
        self._notices.warn(ticker, "history taken from another copy ticker=%s reason=%s", ticker, reasons)
        return choice


class ForecastReader(CopiesReader):
    """Rows of the forecast table, at most `refresh_seconds` behind their writer. Thread-safe; a context manager.

    A row may have several copies: of workers, of a worker that has left, of a replica. The newest copy counts.

    A bad row does not affect the others: `get_many` and `all` leave it out, with a warning, and `unreadable` gives the reason.
    Every read raises StateMissingError while there is no state, StateCorruptError for a damaged database, and SchemaError for a
    database of a newer version.
    """

    def __init__(
        self, state_dir: Path, *, refresh_seconds: float = REFRESH_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._copies = Copies(state_dir, "forecasts", refresh_seconds=refresh_seconds, clock=clock)
        self._mutex = threading.Lock()
        # Decoding is most of the cost of a lookup, so a row is decoded once, until its bytes change.
        self._decoded: dict[str, tuple[tuple[bytes, ...], Row]] = {}

    def get(self, ticker: str) -> Forecast | None:
        """The ticker's row, or None. Raises SchemaError or StateCorruptError, naming the ticker, for an unreadable row."""
        payloads = self._read(lambda database: database.get(ticker.encode()))
        row = self._row(ticker, payloads)
        if isinstance(row, ForecastingError):
            raise row.with_traceback(None)
        return row

    def get_many(self, tickers: Iterable[str]) -> dict[str, Forecast]:
        """The readable rows of these tickers."""
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
        # A key that is no ticker has no row of its own, so it is left out as unreadable.
        keys = sorted(set().union(*copies))
        rows = (self._row(key.decode(errors="replace"), [found.get(key) for found in copies]) for key in keys)
        return [row for row in rows if isinstance(row, Forecast)]

    def unreadable(self) -> dict[str, str]:
        """The reasons of the unreadable rows met so far, by ticker; a good row removes its ticker."""
        with self._mutex:
            bad = {ticker: row for ticker, (_, row) in self._decoded.items() if not isinstance(row, Forecast)}
        return {ticker: str(bad[ticker]) for ticker in sorted(bad)}

    def _read(self, query: Callable[[Database], Result]) -> list[Result]:
        return [result for _, result in self._copies.read(query)]

    def _row(self, ticker: str, values: Iterable[bytes | None]) -> Row | None:
        stored = tuple(value for value in values if value is not None)
        with self._mutex:
            if not stored:
                self._decoded.pop(ticker, None)
                return None
            known = self._decoded.get(ticker)
            if known is not None and known[0] == stored:
                return known[1]
            row = _newest_row(ticker, stored)
            self._decoded[ticker] = (stored, row)
            return row


def _newest_row(ticker: str, stored: Iterable[bytes]) -> Row:
    def load(value: bytes) -> Forecast:
        return decode_row(ticker, payload_of(ticker, value))

    copies = [Copy(revision_of(value), partial(load, value)) for value in dict.fromkeys(stored)]
    choice: Choice[Forecast] = newest(copies, last_bar=lambda row: row.as_of.toordinal())
    if choice.value is None:
        logger.warning("forecast row left out ticker=%s reason=%s", ticker, choice.passed_over[0])
        return choice.passed_over[0]
    for error in choice.passed_over:
        logger.warning("forecast row taken from another copy ticker=%s reason=%s", ticker, error)
    return choice.value
