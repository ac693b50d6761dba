"""A replica's database under every kind of damage: a moment of the topic as a whole, or begun anew, and never other rows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from errors import StateCorruptError, StateLockedError, StateWriteError
from records import encode_forecast
from state.database import Database
from state.readers import ForecastReader
from state.replica_rows import Row
from state.replica_store import ReplicaStore
from state.stamp import Revision
from tests.made.rows import forecast
from tests.state.processes import run, running
from tests.state.replica_writes import KILLED, WRITES, assert_a_moment, rows_after, stored, write


@pytest.fixture(scope="module", params=["killed", "closed"])
def made_once(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that was ended in the midst of its work, with a log that is not in any table file yet, or one that was closed."""
    path = tmp_path_factory.mktemp("made") / "forecasts.db"
    with running(KILLED, path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        if request.param == "closed":
            process.communicate("")
    return path


@pytest.fixture
def path(tmp_path: Path, made_once: Path) -> Path:
    return Path(shutil.copytree(made_once, tmp_path / "forecasts.db"))


def test_what_was_written_is_there(path: Path) -> None:
    assert assert_a_moment(path) == WRITES


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    for place in {0, len(content) // 3, len(content) // 2, max(0, len(content) - 9)}:
        if content:
            content[place] ^= 0x55
    file.write_bytes(content)


def flip_one_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    if content:
        content[len(content) * 2 // 3] ^= 1
    file.write_bytes(content)


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def cut_a_little(file: Path) -> None:
    os.truncate(file, max(0, file.stat().st_size - 5))


def empty(file: Path) -> None:
    os.truncate(file, 0)


FILES = ["CURRENT", "MANIFEST-*", "*.sst", "*.log", "OPTIONS-*", "IDENTITY", "LOCK", "rocksdict-config.json"]
DAMAGES = [flip, flip_one_bit, cut, cut_a_little, empty, Path.unlink]


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda value: value.__name__)
@pytest.mark.parametrize("pattern", FILES)
def test_a_damaged_store_is_repaired(
    path: Path, pattern: str, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    found = list(path.glob(pattern))
    assert found
    for file in found:
        damage(file)
    offset = assert_a_moment(path)
    assert caplog.text.count("damaged copy removed") <= 1, "repaired with one line"
    assert offset in {0, WRITES} or pattern in {"*.log", "MANIFEST-*"}, "an earlier moment only where it is whole"


@pytest.mark.slow
def test_each_table_file_alone(tmp_path: Path, made_once: Path) -> None:
    """Where the block of rows is damaged, and not the blocks that lead to it, only reading the rows shows it."""
    for number, file in enumerate(sorted(made_once.glob("*.sst"))):
        size = file.stat().st_size
        for place in [*range(0, size, size // 9), None]:
            path = Path(shutil.copytree(made_once, tmp_path / f"{number}-{place}.db"))
            if place is None:
                (path / file.name).unlink()
            else:
                content = bytearray(file.read_bytes())
                content[place] ^= 1
                (path / file.name).write_bytes(content)
            assert assert_a_moment(path) in {0, WRITES}


@pytest.mark.slow
def test_a_manifest_of_an_earlier_moment(tmp_path: Path, made_once: Path) -> None:
    """RocksDB opens it, deletes the table files that it does not name, and adds what is in the newest log."""
    (manifest,) = made_once.glob("MANIFEST-*")
    lengths = [manifest.stat().st_size - 1 - number for number in range(0, manifest.stat().st_size, 40)]
    outcomes = set()
    for length in lengths:
        path = Path(shutil.copytree(made_once, tmp_path / f"{length}.db"))
        os.truncate(path / manifest.name, length)
        outcomes.add(assert_a_moment(path))
    assert 0 in outcomes


def test_files_of_another_moment_put_together(tmp_path: Path) -> None:
    """The newest log beside tables from a backup: writes from the middle are gone, the position is the newest."""
    path = tmp_path / "forecasts.db"
    with ReplicaStore(path) as store:
        write(store, 0, 30)
    shutil.copytree(path, tmp_path / "backup.db")
    with ReplicaStore(path) as store:
        write(store, 30, 60)
    with ReplicaStore(path) as store:
        write(store, 60, 70)
        logs = {file.name: file.read_bytes() for file in path.glob("*.log")}
    for name, content in logs.items():
        (tmp_path / "backup.db" / name).write_bytes(content)
    assert_a_moment(tmp_path / "backup.db")


def test_rows_that_were_changed_or_removed_behind_its_back(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Database.open_writer(path) as database:
        (key, value), *_ = database.scan()
        database.write([(key, None)])
    assert assert_a_moment(path) == 0
    with Database.open_writer(path) as database:
        database.write([(key, value)])
    assert assert_a_moment(path) == 0
    assert caplog.text.count("damaged copy removed") == 2


def test_a_position_of_an_older_version_starts_from_the_beginning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "forecasts.db"
    with Database.open_writer(path) as database:
        row = encode_forecast(forecast("OLD"))
        database.write([(b"OLD", row), (b"\0position", b'{"topic_id":"a topic","offsets":[7]}')])
    assert assert_a_moment(path) == 0
    assert "copy of another version, the topic is copied again" in caplog.text


def test_damage_while_it_is_open_shows_as_soon_as_rocksdb_notices(path: Path) -> None:
    """Half of the rows are in no cache, so that changing them reads the table files."""
    keys = [b"%05d" % number for number in range(16_000)]
    with ReplicaStore(path) as store:
        for first in range(0, len(keys), 1000):
            rows = {key: Row(os.urandom(1000), Revision(0, first)) for key in keys[first : first + 1000]}
            store.write(rows, store.position.partitions)
        store._database.flush()
        for file in path.glob("*.sst"):
            empty(file)
        with pytest.raises(StateCorruptError):
            store.write({key: Row(b"", Revision(1, 0)) for key in keys}, store.position.partitions)
        store.make_anew("as above")
        write(store, 0, 20)
    assert stored(path) == rows_after(20)


def test_a_folder_that_was_removed_under_it_is_noticed(path: Path) -> None:
    with ReplicaStore(path) as store:
        shutil.rmtree(path)
        with pytest.raises(StateCorruptError, match="has lost its CURRENT"):
            store.look()
        store.make_anew("as above")
        store.look()
        write(store, 0, 20)
    assert stored(path) == rows_after(20)


def test_a_store_that_another_process_writes_is_not_removed(path: Path) -> None:
    with ReplicaStore(path):
        with pytest.raises(StateLockedError, match=f"in process {os.getpid()}"):
            ReplicaStore(path)
        with pytest.raises(StateLockedError):
            Database.remove(path)
    assert assert_a_moment(path) == WRITES


def test_readers_raise_until_the_store_is_repaired(path: Path) -> None:
    with ForecastReader(path.parent, refresh_seconds=0) as reader:
        assert reader.all()
        (path / "CURRENT").write_bytes(b"garbage")
        with ForecastReader(path.parent, refresh_seconds=0) as other, pytest.raises(StateCorruptError) as raised:
            other.all()
        assert "\n" not in str(raised.value)
        assert assert_a_moment(path) == 0
        assert [row.ticker.encode() for row in reader.all()] == sorted(rows_after(WRITES + 10))


UNWRITABLE = """
    import encodings.ascii, os
    from pathlib import Path
    from errors import StateError
    from state.replica_store import ReplicaStore
    if os.geteuid() == 0:
        os.seteuid(65534)  # root may read and write everywhere
    try:
        ReplicaStore(Path("forecasts.db"))
    except StateError as error:
        print(type(error).__name__, error)
"""


@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_without_permission_it_raises_and_removes_nothing(path: Path, mode: int) -> None:
    files = {file: file.read_bytes() for file in path.glob("*.sst")}
    for file in path.iterdir():
        file.chmod(mode)
    path.with_suffix(".lock").touch()
    path.with_suffix(".lock").chmod(0o666)
    path.chmod(0o777)
    for parent in list(path.parents)[:2]:
        parent.chmod(0o777)
    finished = run(UNWRITABLE, cwd=path.parent)
    assert not finished.stderr
    (line,) = finished.stdout.splitlines()
    assert line.startswith(StateWriteError.__name__)
    assert "ermission denied" in line
    assert {file: file.read_bytes() for file in files} == files


FULL = """
    import resource, sys
    from pathlib import Path
    from errors import StateError
    from state.replica_store import ReplicaStore
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
    try:
        ReplicaStore(Path(sys.argv[1]))
    except StateError as error:
        print(type(error).__name__, error)
"""


def test_a_repair_on_a_full_disk_fails_with_one_line_and_succeeds_later(path: Path) -> None:
    (path / "CURRENT").unlink()
    (line,) = run(FULL, path).stdout.splitlines()
    assert line.startswith(StateWriteError.__name__)
    assert "free the disk" in line
    assert assert_a_moment(path) == 0
