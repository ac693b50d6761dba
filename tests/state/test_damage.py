"""Every kind of damage to every file of a database: its writer gets all values, or learns that they are not all there."""

from __future__ import annotations

import itertools
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from rocksdict import Options

from errors import StateCorruptError, StateWriteError
from state.database import FORMAT_KEY, Database
from state.rocksdb import RocksDb, default_options
from state.tally import MARK_NAME, Tally
from tests.state.damage import CASES, DAMAGES, WITH_VALUES, damaged_copies
from tests.state.processes import run

REMEDY = "ask for it"
BATCHES = 120


def batch(number: int) -> dict[bytes, bytes | None]:
    """Some of seven tickers' values change, one that does not change is written, one is deleted."""
    ticker = number % 7
    return {
        b"b%d-%03d" % (ticker, number): b"%d" % number * 2000,
        b"b%d-%03d" % (ticker, number - 35): None,
        b"h%d" % ticker: b"head %d" % number,
        b"same": b"always",
    }


def values_after(batches: int) -> dict[bytes, bytes]:
    values: dict[bytes, bytes | None] = {}
    for number in range(batches):
        values |= batch(number)
    return {key: value for key, value in values.items() if value is not None}


def many_logs() -> Options:
    """Write-ahead logs that pile up, as they do while a writer is faster than the disk."""
    options = default_options()
    options.set_write_buffer_size(64 << 10)
    options.set_max_write_buffer_number(12)
    options.set_min_write_buffer_number_to_merge(6)
    return options


@pytest.fixture(scope="module", params=["closed", "killed"])
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of several table files; the killed one has write-ahead logs as well: what a writer leaves at `kill -9`."""
    path = tmp_path_factory.mktemp("made") / "x.db"
    with Database.open_writer(path, keep_tally=True) as database:
        for number in range(BATCHES // 3):
            database.write(batch(number).items())
            if number % 15 == 0:
                database.flush()
    left = path.parent / "left"
    with Database.open_writer(path, keep_tally=True, options=many_logs()) as database:
        for number in range(BATCHES // 3, BATCHES):
            database.write(batch(number).items())
            if number == BATCHES // 2:
                database.flush()
        if request.param == "killed":
            shutil.copytree(path.parent, left)
    if request.param == "closed":
        shutil.copytree(path.parent, left)
    assert len(list((left / "x.db").glob("*.sst"))) > 2
    assert (len(list((left / "x.db").glob("*.log"))) > 2) == (request.param == "killed")
    return left


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Callable[[], Path]:
    numbers = itertools.count()
    return lambda: shutil.copytree(original, tmp_path / str(next(numbers))) / "x.db"


def opened(path: Path) -> dict[bytes, bytes] | str:
    """The values that a writer finds, or why it refuses."""
    try:
        with Database.open_writer(path, remedy=REMEDY, keep_tally=True) as database:
            return dict(database.scan())
    except StateCorruptError as error:
        return str(error)


def data(path: Path) -> dict[str, bytes]:
    """The files that hold values."""
    return {file.name: file.read_bytes() for file in path.iterdir() if file.is_file() and not file.name.startswith("LO")}


@pytest.mark.parametrize(("kind", "damage"), CASES)
def test_a_writer_gets_all_values_or_an_error_or_a_warning(
    copy: Callable[[], Path], original: Path, kind: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name, path in damaged_copies(copy, kind, damage):
        caplog.clear()
        before = data(path)
        found = opened(path)
        if kind not in WITH_VALUES:
            assert found == values_after(BATCHES), name
        elif isinstance(found, str):
            assert str(path) in found, name
            assert found.endswith(REMEDY), name
            assert data(path) == before, name
            assert isinstance(opened(path), str), name  # looking again must not make it an empty one
        elif found != values_after(BATCHES):
            assert kind == "*.log", name
            assert found in [values_after(batches) for batches in range(BATCHES // 3, BATCHES)], name
            assert "not closed by its last writer" in caplog.text, name


@pytest.mark.parametrize(("kind", "damage"), CASES)
def test_what_can_be_made_again_is_set_aside(
    copy: Callable[[], Path], kind: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name, path in damaged_copies(copy, kind, damage):
        for _ in range(2):
            caplog.clear()
            with Database.open_writer(path, keep_tally=True, replace_damaged=True) as database:
                found = dict(database.scan())
                database.write([(b"new", b"value")])
        assert b"new" in found, name
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING], name
        assert path.with_suffix(".damaged").exists() == (b"same" not in found), name


def test_a_damaged_lock_file_of_ours(copy: Callable[[], Path]) -> None:
    path = copy()
    lock = path.with_suffix(".lock")
    for name, damage in DAMAGES.items():
        lock.unlink(missing_ok=True)
        lock.write_bytes(b"1234\n")
        damage(lock)
        if name == "folder":
            with pytest.raises(StateWriteError, match=r"x\.lock \(Is a directory\): a folder stands where a file is needed"):
                Database.open_writer(path)
            lock.rmdir()
        with Database.open_writer(path) as database:
            assert dict(database.scan()) == values_after(BATCHES)


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_text("a file")
    path.with_suffix(".new").write_text("left over")
    with pytest.raises(StateCorruptError, match=rf"x\.db is not a folder: {REMEDY}"):
        Database.open_writer(path, remedy=REMEDY)
    assert path.read_text() == "a file"
    with Database.open_writer(path, replace_damaged=True) as database:
        assert database.scan() == []
    assert path.with_suffix(".damaged").read_text() == "a file"


def test_values_lost_since_the_last_close_are_missed(copy: Callable[[], Path], original: Path) -> None:
    """An older database that is whole in itself, below the newer database's mark: a file system that lost the last minutes."""
    path = copy()
    mark = (path / MARK_NAME).read_bytes()
    with Database.open_writer(path) as database:
        database.write([(b"new", b"value")])
    newer = (path / MARK_NAME).read_bytes()
    path = copy()
    with Database.open_writer(path):
        pass
    (path / MARK_NAME).write_bytes(newer)
    with pytest.raises(StateCorruptError, match="written values are lost"):
        Database.open_writer(path)
    (path / MARK_NAME).write_bytes(mark)
    Database.open_writer(path).close()


def test_a_tally_is_kept_by_whoever_opens_the_database(tmp_path: Path) -> None:
    with Database.open_writer(tmp_path / "x.db") as database:
        database.write([(b"a", b"1"), (b"b", b"2")])
        assert database.verify() is None
    with Database.open_writer(tmp_path / "x.db", keep_tally=True) as database:
        assert database.verify() == Tally.of([(b"a", b"1"), (b"b", b"2"), (FORMAT_KEY, b"2")], batches=1)
    for look in (True, False):
        with Database.open_writer(tmp_path / "x.db", look=look) as database:
            database.write([(b"a", b"3"), (b"a", b"4"), (b"b", None), (b"c", None)])
            assert database.verify() == Tally.of([(b"a", b"4"), (FORMAT_KEY, b"2")], batches=3 - look)
            assert database.scan() == [(b"a", b"4")]


def test_an_interruption_just_after_a_write_leaves_the_tally_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C raises between two statements, also between the last write of RocksDB and what this process remembers of it."""
    write = RocksDb.write

    def interrupted(self: RocksDb, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        write(self, changes)
        raise KeyboardInterrupt

    path = tmp_path / "x.db"
    with Database.open_writer(path, keep_tally=True) as database:
        with monkeypatch.context() as patched:
            patched.setattr(RocksDb, "write", interrupted)
            with pytest.raises(KeyboardInterrupt):
                database.write([(b"a", b"1")])
        database.write([(b"b", b"2")])
    with Database.open_writer(path) as database:
        assert database.scan() == [(b"a", b"1"), (b"b", b"2")]
    with Database.open_writer(path) as database, monkeypatch.context() as patched:
        patched.setattr(RocksDb, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            database.write([(b"a", None)])
    with Database.open_writer(path) as database:
        assert database.scan() == [(b"b", b"2")]


UNREADABLE = """
    import os
    import pickle  # noqa: S403 - rocksdict imports it later, from where nobody may read
    from pathlib import Path
    from errors import ForecastingError
    from state.database import Database
    if os.geteuid() == 0:
        os.seteuid(65534)  # root may read everything
    path = Path("x.db")
    for file in [path, *sorted(file for file in path.iterdir() if not file.name.startswith("LOG"))]:
        mode = file.stat().st_mode
        file.chmod(0)
        try:
            Database.open_writer(path, keep_tally=True).close()
        except ForecastingError as error:
            assert str(path) in str(error), error
            print(type(error).__name__, str(error).rpartition(": ")[2], sep=": ")
        else:
            print("opened")
        finally:
            if file.exists():
                file.chmod(mode)
    with Database.open_writer(path) as database:
        print(len(database.scan()))
"""


@pytest.fixture
def of_nobody(copy: Callable[[], Path]) -> Path:
    path = copy()
    for file in [path.parent, *path.parent.rglob("*")]:
        if os.geteuid() == 0:
            os.chown(file, 65534, 65534)
    return path


def test_unreadable_files_are_named_and_nothing_is_taken_for_lost(of_nobody: Path) -> None:
    finished = run(UNREADABLE, cwd=of_nobody.parent)
    assert not finished.stderr.count("Traceback"), finished.stderr
    *outcomes, values = finished.stdout.splitlines()
    assert set(outcomes) <= {
        "opened",
        "StateError: make its files readable and writable for this user, then run again",
        "StateWriteError: free the disk or make the folder writable, then run again; earlier values are kept",
    }
    assert int(values) == len(values_after(BATCHES))
