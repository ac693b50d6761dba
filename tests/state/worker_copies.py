"""A worker's copies of its tables as it leaves them on disk: stamped values in
`workers/<name>/tables/<table>-<partition>.db`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from history.ticker_state import TickerState
from records import Forecast, encode_forecast
from state.database import Database
from state.record_codec import encode_writes, record_key
from state.stamp import Revision, fingerprint_of, stamp


def table(state_dir: Path, worker: str, name: str, partition: int = 0) -> Path:
    return state_dir / "workers" / worker / "tables" / f"{name}-{partition}.db"


def stamped(key: bytes, payload: bytes, revision: Revision) -> tuple[bytes, bytes]:
    return key, stamp(payload, revision, fingerprint_of(key, payload))


def put_row(database: Database, row: Forecast, revision: Revision) -> None:
    database.write([stamped(row.ticker.encode(), encode_forecast(row), revision)])


def put_history(database: Database, state: TickerState, revision: Revision) -> None:
    """All records of a history, of which the head's has this revision, as one write each."""
    writes = encode_writes(state, None, 0)
    records: Iterable[tuple[bytes, bytes]] = [*writes.before, (record_key(state.ticker), writes.record)]
    first = revision.offset - len(writes.before)
    for offset, (key, payload) in enumerate(records, first):
        database.write([stamped(key, payload, Revision(revision.incarnation, offset))])


def put(state_dir: Path, worker: str, row: Forecast, state: TickerState, revision: Revision, partition: int = 0) -> None:
    """A row and a history of the same revision, in a worker that does not run."""
    with Database.open_writer(table(state_dir, worker, "history", partition)) as database:
        put_history(database, state, revision)
    with Database.open_writer(table(state_dir, worker, "forecasts", partition)) as database:
        put_row(database, row, revision)
