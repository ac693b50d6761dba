"""A cache of ticker states over the history table: a state is read once, and written when it leaves or is flushed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final, Protocol

from cachetools import LRUCache

from history.ticker_state import TickerState
from records import Bars

#: 505 tickers with five years of bars take 55 MB.
CACHE_BYTES: Final = 128 * 1024 * 1024


class Histories(Protocol):
    """The table of states: `state.history_table.HistoryTable`."""

    def load(self, ticker: str) -> TickerState | None: ...  # noqa: D102 - as in HistoryTable

    def save(self, state: TickerState, *, changed_from: int) -> None: ...  # noqa: D102 - as in HistoryTable


@dataclass(slots=True, eq=False)
class _Entry:
    state: TickerState
    changed_from: int | None


class _SavedWhenDropped(LRUCache[str, _Entry]):
    """The least recently used entry is dropped first, once it is saved."""

    def __init__(self, limit_bytes: int, save: Callable[[_Entry], None]) -> None:
        # A state that is larger than the limit is kept alone.
        super().__init__(limit_bytes, getsizeof=lambda entry: min(_size(entry.state), limit_bytes))
        self._save = save

    def popitem(self) -> tuple[str, _Entry]:
        ticker, entry = super().popitem()
        self._save(entry)
        return ticker, entry


class StateCache:
    """The most recently used states, at most `limit_bytes`. A changed state is saved before it leaves."""

    def __init__(self, table: Histories, *, limit_bytes: int = CACHE_BYTES) -> None:
        self._table = table
        self._entries = _SavedWhenDropped(limit_bytes, self._save)

    def get(self, ticker: str) -> TickerState | None:
        """The newest state of a ticker, None without bars. Raises as the table does."""
        entry = self._entries.get(ticker)
        if entry is None:
            state = self._table.load(ticker)
            if state is not None:
                self._entries[ticker] = _Entry(state, None)
            return state
        return entry.state

    def put(self, state: TickerState, *, changed_from: int | None) -> None:
        """Take a new state. Bars from absolute index `changed_from` on have to be saved; None: nothing has to be saved."""
        previous = self._entries.pop(state.ticker, None)
        if previous is not None and previous.changed_from is not None:
            changed_from = previous.changed_from if changed_from is None else min(changed_from, previous.changed_from)
        self._entries[state.ticker] = _Entry(state, changed_from)

    def flush(self, ticker: str) -> None:
        """Save a ticker's state if it has changed."""
        entry = self._entries.get(ticker)
        if entry is not None:
            self._save(entry)

    def flush_all(self) -> None:
        """Save all changed states."""
        for entry in self._entries.values():
            self._save(entry)

    def _save(self, entry: _Entry) -> None:
        if entry.changed_from is not None:
            self._table.save(entry.state, changed_from=max(entry.changed_from, entry.state.first_index))
            entry.changed_from = None


def _size(state: TickerState) -> int:
    columns = sum(getattr(state.bars, field.name).nbytes for field in fields(Bars))
    return int(columns + state.fetched.nbytes + state.snapshots.nbytes + state.feature_state.nbytes)
