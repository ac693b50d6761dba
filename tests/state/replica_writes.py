"""A replica's database, written record by record: the rows after each, and whether a database equals one of these moments."""

from __future__ import annotations

from pathlib import Path

from broker.claims import Claim, Standing
from records import encode_forecast
from state.database import Database
from state.partition_copy import Record
from state.replica_rows import select_rows
from state.replica_store import Progress, ReplicaStore
from state.stamp import Revision, unstamp
from tests.made.rows import forecast

TICKERS = [f"T{number}" for number in range(7)]


#: So many writes are made, of one record each: record n sets or deletes a ticker's row.
WRITES = 240


def record(offset: int) -> Record:
    ticker = TICKERS[offset * 5 % 7 if offset % 3 else offset % 7]
    value = None if offset % 11 == 10 else encode_forecast(forecast(ticker, annual_return=float(offset)))
    return Record(offset, ticker.encode(), value, Claim(offset // 100, 1, 0, 0))


def rows_after(offset: int) -> dict[bytes, tuple[Revision, bytes]]:
    rows: dict[bytes, tuple[Revision, bytes]] = {}
    for number in range(offset):
        at = record(number)
        assert at.claim is not None
        rows.pop(at.key, None)
        if at.value is not None:
            rows[at.key] = Revision(at.claim.incarnation, number), at.value
    return rows


def write(store: ReplicaStore, first: int, last: int) -> None:
    """One record a write; now and then a file of the table is written, whose log is then deleted."""
    if not store.position.topic_id:
        store.begin("a topic")
    standing = Standing() if first == 0 else store.position.partitions[0].standing
    for offset in range(first, last):
        taken = select_rows([record(offset)], standing)
        standing = taken.standing
        store.write(taken.rows, [Progress(offset + 1, *standing)])
        if offset % 60 == 59:
            store._database.flush()


def stored(path: Path) -> dict[bytes, tuple[Revision, bytes]]:
    """What is in a store that is closed."""
    with Database.open_writer(path) as database:
        found = {key: unstamp(value) for key, value in database.scan()}
    return {key: (value.revision, value.payload) for key, value in found.items()}


KILLED = """
    import sys
    from pathlib import Path
    from state.replica_store import ReplicaStore
    from tests.state.replica_writes import WRITES, write
    store = ReplicaStore(Path(sys.argv[1]))
    write(store, 0, WRITES // 2)
    store.close()
    store = ReplicaStore(Path(sys.argv[1]))
    write(store, WRITES // 2, WRITES)
    print("written", flush=True)
    sys.stdin.read()
"""


def assert_a_moment(path: Path) -> int:
    """The offset up to which the rows are those of the topic, after going on from there; the store is opened and closed."""
    with ReplicaStore(path) as store:
        offset = store.position.partitions[0].offset if store.position.topic_id else 0
        if offset == 0:
            store.begin("a topic")
    assert stored(path) == rows_after(offset)
    with ReplicaStore(path) as store:
        write(store, offset, WRITES + 10)
    assert stored(path) == rows_after(WRITES + 10)
    return offset
