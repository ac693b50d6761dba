"""A replica's copy of a partition of forecasts, written record by record, and whether it equals a moment of its changelog."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from records import encode_forecast
from state.database import Database
from state.replica.tables import FOLDER, FORECASTS, Place, ReplicaTables
from state.stamp import Revision, unstamp
from tests.made.changelogs import Changelog
from tests.made.rows import forecast

PLACE = Place(FORECASTS, 0)
TICKERS = [f"T{number}" for number in range(7)]
#: So many records are written, one at a time.
WRITES = 240


@cache
def log() -> Changelog:
    """A changelog whose table is rebuilt after each hundred records; the others set or delete a ticker's row."""
    made = Changelog()
    for offset in range(WRITES + 10):
        if offset % 100 == 0:
            made.claim(incarnation=offset // 100)
            continue
        ticker = TICKERS[offset * 5 % 7 if offset % 3 else offset % 7]
        value = None if offset % 11 == 10 else encode_forecast(forecast(ticker, annual_return=float(offset)))
        made.put(ticker.encode(), value)
    return made


def rows_after(offset: int) -> dict[bytes, tuple[Revision, bytes]]:
    """Rows of before a rebuild stay until newer rows come."""
    rows: dict[bytes, tuple[Revision, bytes]] = {}
    for record in log().records[:offset]:
        if record.offset % 100 == 0:
            continue
        assert record.claim is not None
        rows.pop(record.key, None)
        if record.value is not None:
            rows[record.key] = Revision(record.claim.incarnation, record.offset), record.value
    return rows


def copy_of(state_dir: Path) -> Path:
    return state_dir / FOLDER / "forecasts-0.db"


def opened(state_dir: Path) -> ReplicaTables:
    tables = ReplicaTables(state_dir)
    tables.open(FORECASTS, "a topic", 1)
    return tables


def write(tables: ReplicaTables, first: int, last: int) -> None:
    """One record a write; now and then a file of the table is written, whose log is then deleted."""
    for record in log().records[first:last]:
        tables.apply(PLACE, [record])
        if record.offset % 60 == 59:
            tables[PLACE]._database.flush()


def stored(state_dir: Path) -> dict[bytes, tuple[Revision, bytes]]:
    """What is in a copy that is closed."""
    with Database.open_writer(copy_of(state_dir)) as database:
        found = {key: unstamp(value) for key, value in database.scan()}
    return {key: (value.revision, value.payload) for key, value in found.items()}


KILLED = """
    import sys
    from pathlib import Path
    from tests.state.replica.writes import WRITES, opened, write
    tables = opened(Path(sys.argv[1]))
    write(tables, 0, WRITES // 2)
    tables.close()
    tables = opened(Path(sys.argv[1]))
    write(tables, WRITES // 2, WRITES)
    print("written", flush=True)
    sys.stdin.read()
    tables.close()
"""


def assert_a_moment(state_dir: Path) -> int:
    """The offset up to which the rows are those of the log, after going on from there; the copy is opened and closed."""
    tables = opened(state_dir)
    offset = tables[PLACE].next_offset
    tables.close()
    assert stored(state_dir) == rows_after(offset)
    tables = opened(state_dir)
    write(tables, offset, WRITES + 10)
    assert tables[PLACE].verify() is None
    tables.close()
    assert stored(state_dir) == rows_after(WRITES + 10)
    return offset
