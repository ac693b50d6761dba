"""The history table: bars, rolling state and due training of each ticker."""

from __future__ import annotations

from history.ticker_state import TickerState
from state import history_codec as codec
from state.database import Database
from state.record_codec import decode_record, record_key
from state.stamp import is_stamped, payload_of


class HistoryTable:
    """Histories in a database that this process writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, ticker: str) -> TickerState | None:
        """The stored state, or None. Raises StateCorruptError or SchemaError, naming the ticker."""
        return load_state(self._database, ticker)

    def save(self, state: TickerState, *, changed_from: int) -> None:
        """Store `state`, completely or not at all.

        `changed_from` is the absolute index of the first bar that differs from the last saved state. Only blocks from there on
        are rewritten, and blocks that left the state are deleted. Raises StateWriteError if the disk refuses.
        """
        payload = self._database.get(codec.head_key(state.ticker))
        previous = None if payload is None else codec.decode_head(state.ticker, payload)
        self._database.write(codec.changes(state, previous, changed_from))

    def tickers(self) -> list[str]:
        """All tickers with a history, sorted."""
        return stored_tickers(self._database)


def load_state(database: Database, ticker: str) -> TickerState | None:
    """The state stored under a ticker, or None."""
    payload = database.get(codec.head_key(ticker))
    if payload is None:
        return None
    head = codec.decode_head(ticker, payload)
    blocks = database.get_many([codec.block_key(ticker, number) for number in head.blocks])
    return codec.decode_state(ticker, head, blocks)


def load_copy(database: Database, ticker: str) -> TickerState | None:
    """The state under a ticker, in the layout of the embedded engine or of a worker, or None."""
    payload = database.get(record_key(ticker))
    return load_record(database, ticker) if payload is not None and is_stamped(payload) else load_state(database, ticker)


def load_record(database: Database, ticker: str) -> TickerState | None:
    """The state under a ticker in a stream worker's copy of a partition, or None."""
    payload = database.get(record_key(ticker))
    if payload is None:
        return None

    def block(key: bytes) -> bytes | None:
        value = database.get(key)
        return None if value is None else payload_of(ticker, value)

    return decode_record(ticker, payload_of(ticker, payload), block)[0]


def stored_tickers(database: Database) -> list[str]:
    """All tickers with a history, sorted."""
    return [key[len(codec.HEAD_PREFIX) :].decode() for key, _ in database.iterate(codec.HEAD_PREFIX)]
