"""A replica's copies under every kind of damage: a moment of the changelog as a whole, or begun anew, and never other rows.

More kinds of damage to the same copies: tests/state/test_copies_on_disk.py, and for workers tests/kafka.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from errors import StateCorruptError, StateLockedError, StateWriteError
from records import encode_forecast
from state.database import BOOKKEEPING, Database
from state.folder import FORECASTS, StateFolder
from state.readers import ForecastReader
from state.replica.tables import Place, ReplicaTables, remove_old_copy
from state.stamp import Revision
from tests.made.rows import forecast
from tests.state.damage import cut, flip
from tests.state.processes import run, running
from tests.state.replica.writes import KILLED, PLACE, WRITES, assert_a_moment, copy_of, opened, rows_after, stored, write
from tests.state.worker_copies import put_row


@pytest.fixture(scope="module", params=["killed", "closed"])
def made_once(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies that were ended in the midst of their work, with a log that is not in any table file yet, or closed."""
    state = tmp_path_factory.mktemp("made") / "state"
    with running(KILLED, state) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        if request.param == "closed":
            process.communicate("")
    return state


@pytest.fixture
def state(tmp_path: Path, made_once: Path) -> Path:
    return Path(shutil.copytree(made_once, tmp_path / "state"))


@contextlib.contextmanager
def tables_of(state: Path) -> Iterator[ReplicaTables]:
    tables = opened(state)
    try:
        yield tables
    finally:
        tables.close()


def empty(file: Path) -> None:
    os.truncate(file, 0)


def test_what_was_written_is_there(state: Path) -> None:
    assert assert_a_moment(state) == WRITES


FILES = ["CURRENT", "MANIFEST-*", "*.sst", "*.log", "OPTIONS-*", "IDENTITY", "LOCK", "rocksdict-config.json"]
DAMAGES = {
    "flip": flip(0.5),
    "flip-late": flip(0.95),
    "half": cut(0.5),
    "short": cut(0.98),
    "empty": empty,
    "deleted": Path.unlink,
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("pattern", FILES)
def test_a_damaged_copy_is_replaced(state: Path, pattern: str, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    found = list(copy_of(state).glob(pattern))
    assert found
    for file in found:
        DAMAGES[damage](file)
    offset = assert_a_moment(state)
    assert caplog.text.count("copy dropped") <= 1, "replaced with one line"
    assert offset in {0, WRITES} or pattern in {"*.log", "MANIFEST-*"}, "an earlier moment only where it is whole"


@pytest.mark.slow
def test_each_table_file_alone(tmp_path: Path, made_once: Path) -> None:
    """Where the block of rows is damaged, and not the blocks that lead to it, only reading the rows shows it."""
    for file in sorted(copy_of(made_once).glob("*.sst")):
        size = file.stat().st_size
        for place in [*range(0, size, size // 9), None]:
            state = Path(shutil.copytree(made_once, tmp_path / f"{file.stem}-{place}"))
            damaged = copy_of(state) / file.name
            if place is None:
                damaged.unlink()
            else:
                content = bytearray(file.read_bytes())
                content[place] ^= 1
                damaged.write_bytes(content)
            assert assert_a_moment(state) in {0, WRITES}


@pytest.mark.slow
def test_a_manifest_of_an_earlier_moment(tmp_path: Path, made_once: Path) -> None:
    """RocksDB opens it, deletes the table files that it does not name, and adds what is in the newest log."""
    (manifest,) = copy_of(made_once).glob("MANIFEST-*")
    outcomes = set()
    for length in [manifest.stat().st_size - 1 - number for number in range(0, manifest.stat().st_size, 40)]:
        state = Path(shutil.copytree(made_once, tmp_path / str(length)))
        os.truncate(copy_of(state) / manifest.name, length)
        outcomes.add(assert_a_moment(state))
    assert 0 in outcomes


def test_files_of_another_moment_put_together(tmp_path: Path) -> None:
    """The newest log beside tables from a backup: writes from the middle are gone, the position is the newest."""
    state, backup = tmp_path / "state", tmp_path / "backup"
    with tables_of(state) as tables:
        write(tables, 0, 30)
    shutil.copytree(state, backup)
    with tables_of(state) as tables:
        write(tables, 30, 60)
    with tables_of(state) as tables:
        write(tables, 60, 70)
        logs = {file.name: file.read_bytes() for file in copy_of(state).glob("*.log")}
    for name, content in logs.items():
        (copy_of(backup) / name).write_bytes(content)
    assert_a_moment(backup)


def test_rows_that_were_changed_or_removed_behind_its_back(state: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Database.open_writer(copy_of(state)) as database:
        *_, (key, value) = (row for row in database.scan() if row[0] in rows_after(WRITES))
        database.write([(key, None)])
    assert assert_a_moment(state) == 0
    with Database.open_writer(copy_of(state)) as database:
        database.write([(key, value)])
    assert assert_a_moment(state) == 0
    assert caplog.text.count("copy dropped") == 2


def test_damage_while_it_is_open_is_found_as_readers_see_it(state: Path) -> None:
    with tables_of(state) as tables:
        tables.open("history", "another topic", 2)
        assert [tables.damaged() for _ in range(3)] == [{}, {}, {}]
        for table in ("forecasts-0", "history-1"):
            for file in (state / "replica" / "tables" / f"{table}.db").glob("MANIFEST-*"):
                empty(file)
        found = tables.damaged()
        assert set(found) == {PLACE, Place("history", 1)}
        for place, problem in found.items():
            tables.replace(place, problem)
        assert [tables.damaged() for _ in range(3)] == [{}, {}, {}]
        write(tables, 0, 20)
    assert stored(state) == rows_after(20)


def test_a_folder_that_was_removed_under_it_is_noticed(state: Path) -> None:
    with tables_of(state) as tables:
        assert tables.damaged() == {}
        shutil.rmtree(copy_of(state))
        assert list(tables.damaged()) == [PLACE]


def test_a_copy_that_another_process_writes_is_not_removed(state: Path) -> None:
    with tables_of(state) as tables:
        with pytest.raises(StateLockedError, match=f"in process {os.getpid()}"):
            opened(state)
        with pytest.raises(StateLockedError):
            Database.remove(copy_of(state))
        assert tables[PLACE].next_offset == WRITES
    assert assert_a_moment(state) == WRITES


def test_readers_raise_until_the_copy_is_replaced(state: Path) -> None:
    with ForecastReader(state, refresh_seconds=0) as reader:
        assert reader.all()
        (copy_of(state) / "CURRENT").write_bytes(b"garbage")
        with ForecastReader(state, refresh_seconds=0) as other, pytest.raises(StateCorruptError) as raised:
            other.all()
        assert "\n" not in str(raised.value)
        assert assert_a_moment(state) == 0
        assert [row.ticker.encode() for row in reader.all()] == sorted(rows_after(WRITES + 10))


UNWRITABLE = """
    import encodings.ascii, os
    from pathlib import Path
    from errors import StateError
    from tests.state.replica.writes import opened
    if os.geteuid() == 0:
        os.seteuid(65534)  # root may read and write everywhere
    try:
        opened(Path("state"))
    except StateError as error:
        print(type(error).__name__, error)
"""


@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_without_permission_it_raises_and_removes_nothing(state: Path, mode: int) -> None:
    path = copy_of(state)
    files = {file: file.read_bytes() for file in path.glob("*.sst")}
    for file in path.iterdir():
        file.chmod(mode)
    path.with_suffix(".lock").touch()
    path.with_suffix(".lock").chmod(0o666)
    for folder in (path, *list(path.parents)[:5]):
        folder.chmod(0o777)
    finished = run(UNWRITABLE, cwd=state.parent)
    assert not finished.stderr
    (line,) = finished.stdout.splitlines()
    assert line.startswith(StateWriteError.__name__)
    assert "ermission denied" in line
    assert {file: file.read_bytes() for file in files} == files


FULL = """
    import resource, sys
    from pathlib import Path
    from errors import StateError
    from tests.state.replica.writes import opened
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
    try:
        opened(Path(sys.argv[1]))
    except StateError as error:
        print(type(error).__name__, error)
"""


def test_a_repair_on_a_full_disk_fails_with_one_line_and_succeeds_later(state: Path) -> None:
    (copy_of(state) / "CURRENT").unlink()
    line = run(FULL, state).stdout.splitlines()[-1]
    assert line.startswith(StateWriteError.__name__)
    assert "free the disk" in line
    assert assert_a_moment(state) == 0


def test_a_partition_that_is_no_more_leaves_no_copy(state: Path) -> None:
    with tables_of(state) as tables:
        tables.open("history", "a topic", 3)
        tables.open("history", "another topic", 1)
        assert {path.name for path in copy_of(state).parent.glob("history-*.db")} == {"history-0.db"}


def old_copy(state_dir: Path, *, annual_return: float) -> Path:
    """`forecasts.db` of a replica of an older version."""
    path = state_dir / FORECASTS
    with Database.open_writer(path) as database:
        put_row(database, forecast("T1", annual_return=annual_return), Revision(0, 5))
        database.write([(BOOKKEEPING + b"position", b'{"version":2,"topic_id":"a topic"}')])
    return path


@pytest.mark.parametrize("damage", [lambda path: None, lambda path: (path / "CURRENT").write_bytes(b"garbage")])
def test_an_old_replicas_rows_serve_until_they_are_copied(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = old_copy(tmp_path, annual_return=7.0)
    damage(path)
    with tables_of(tmp_path) as tables, ForecastReader(tmp_path, refresh_seconds=0) as reader:
        write(tables, 0, WRITES)
        newer = {row.ticker: row.annual_return for row in reader.all()}
        remove_old_copy(tmp_path)
        assert not path.exists()
        assert newer == {row.ticker: row.annual_return for row in reader.all()}, "the newest revision counts before and after"


def test_a_table_of_the_embedded_engine_stays(tmp_path: Path) -> None:
    with StateFolder(tmp_path).open_writer() as writer:
        writer.forecasts.put(forecast("AAA"))
    remove_old_copy(tmp_path)
    (tmp_path / "alone").mkdir()
    shutil.copytree(tmp_path / FORECASTS, tmp_path / "alone" / FORECASTS)
    remove_old_copy(tmp_path / "alone")
    for folder in (tmp_path, tmp_path / "alone"):
        with ForecastReader(folder) as reader:
            assert [encode_forecast(row) for row in reader.all()] == [encode_forecast(forecast("AAA"))]
