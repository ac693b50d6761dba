"""What a writer meets: another writer, damaged files, newer versions, disks that refuse."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from errors import SchemaError, StateCorruptError, StateError, StateLockedError, StateMissingError, StateWriteError
from history.ticker_state import same_state
from state.database import FORMAT_KEY, Database
from state.folder import FORECASTS, HISTORY, MODELS, StateFolder
from state.readers import ForecastReader, HistoryReader
from tests.made.histories import history
from tests.made.rows import forecast, newer_forecast
from tests.state.damage import DAMAGES
from tests.state.processes import run, running

WRITER = """
    import sys
    from pathlib import Path
    from state.folder import StateFolder
    with StateFolder(Path(sys.argv[1])).open_writer():
        print("open", flush=True)
        sys.stdin.read()
"""


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state with two tickers."""
    path = tmp_path_factory.mktemp("made") / "state"
    with StateFolder(path).open_writer() as writer:
        for ticker in ("AAA", "BBB"):
            writer.history.save(history(ticker, 1260), changed_from=0)
            writer.forecasts.put(forecast(ticker))
            writer.models.put(ticker, b"model of " + ticker.encode())
    return path


@pytest.fixture
def folder(tmp_path: Path, made_once: Path) -> Path:
    """A copy of it to spoil."""
    return shutil.copytree(made_once, tmp_path / "state")


def assert_whole(folder: Path) -> None:
    with StateFolder(folder).open_writer() as writer:
        for ticker in ("AAA", "BBB"):
            state = writer.history.load(ticker)
            assert state is not None
            assert same_state(state, history(ticker, 1260))
            assert writer.forecasts.get(ticker) == forecast(ticker)
            assert writer.models.get(ticker) == b"model of " + ticker.encode()


def data_files(database: Path) -> dict[str, bytes]:
    """All files of a database that hold data; RocksDB writes its own log whenever it looks at one."""
    return {file.name: file.read_bytes() for file in database.iterdir() if not file.name.startswith("LO")}


def test_what_is_written_is_there_when_opened_again(folder: Path) -> None:
    assert_whole(folder)
    with StateFolder(folder).open_writer() as writer:
        assert writer.history.tickers() == ["AAA", "BBB"]
        assert writer.forecasts.all() == [forecast("AAA"), forecast("BBB")]
        assert writer.history.load("CCC") is None
        assert writer.forecasts.get("CCC") is None


def test_a_second_writer_is_refused_by_the_first_ones_process_id(folder: Path) -> None:
    with running(WRITER, folder) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(StateLockedError, match=rf"history\.db is open for writing in process {process.pid}: wait for that"):
            StateFolder(folder).open_writer()
        with HistoryReader(folder) as reader:
            assert reader.tickers() == ["AAA", "BBB"]
    assert_whole(folder)


def test_a_second_writer_in_the_same_process_is_refused(folder: Path) -> None:
    with StateFolder(folder).open_writer(), pytest.raises(StateLockedError, match=f"in process {os.getpid()}"):
        StateFolder(folder).open_writer()
    assert_whole(folder)


def test_a_closed_writer_raises(folder: Path) -> None:
    writer = StateFolder(folder).open_writer()
    writer.close()
    writer.close()
    with pytest.raises(StateError, match="closed already"):
        writer.history.load("AAA")


def test_damaged_histories_are_refused_and_left_as_they_are(folder: Path) -> None:
    for file in (folder / HISTORY).glob("MANIFEST-*"):
        DAMAGES["half"](file)
    before = data_files(folder / HISTORY)
    for _ in range(2):  # the first refusal must not make the second attempt succeed on an empty database
        with pytest.raises(
            StateCorruptError, match=r"history\.db.*: put a backup of this folder in its place, or delete it and run"
        ):
            StateFolder(folder).open_writer()
    assert data_files(folder / HISTORY) == before
    with HistoryReader(folder) as reader, pytest.raises(StateCorruptError, match="run `python -m streams run`"):
        reader.bars("AAA")


def test_damaged_forecasts_and_models_are_replaced(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in (FORECASTS, MODELS):
        (folder / name / "CURRENT").unlink()
    with StateFolder(folder).open_writer() as writer:
        assert writer.history.tickers() == ["AAA", "BBB"]
        assert writer.forecasts.all() == []
        assert writer.models.get("AAA") is None
    for name in ("forecasts", "models"):
        assert re.search(rf"replaced path=\S*{name}\.db set_aside=\S*{name}\.damaged reason=.*lost its CURRENT", caplog.text)
        assert (folder / f"{name}.damaged").is_dir()


def test_a_database_of_a_newer_format_is_refused_untouched(folder: Path) -> None:
    with Database.open_writer(folder / MODELS) as database:
        database.write([(FORMAT_KEY, b"3")])
    before = data_files(folder / MODELS)
    with pytest.raises(SchemaError, match=r"models\.db has schema version 3; this process knows up to 2: upgrade it first"):
        StateFolder(folder).open_writer()
    assert data_files(folder / MODELS) == before


def test_a_newer_value_is_refused_by_name_and_kept(folder: Path) -> None:
    with Database.open_writer(folder / FORECASTS) as database:
        database.write([(b"AAA", newer_forecast("AAA"))])
    with StateFolder(folder).open_writer() as writer:
        with pytest.raises(SchemaError, match=r"AAA: .* version 99; .*upgrade"):
            writer.forecasts.get("AAA")
        with pytest.raises(SchemaError, match="AAA"):
            writer.forecasts.all()
        assert writer.forecasts.get("BBB") == forecast("BBB")
    with Database.open_writer(folder / FORECASTS) as database:
        assert database.get(b"AAA") == newer_forecast("AAA")


def test_a_row_under_another_tickers_key_is_refused(folder: Path) -> None:
    with Database.open_writer(folder / FORECASTS) as database:
        payload = database.get(b"BBB")
        database.write([(b"AAA", payload), (b"CCC", b"nonsense")])
    with StateFolder(folder).open_writer() as writer:
        with pytest.raises(StateCorruptError, match="AAA: its row belongs to BBB"):
            writer.forecasts.get("AAA")
        with pytest.raises(StateCorruptError, match=r"CCC: .*run the stream again"):
            writer.forecasts.get("CCC")


FULL_DISK = """
    import resource, sys
    from pathlib import Path
    from errors import StateWriteError
    from state.folder import StateFolder
    from tests.made.histories import history
    from tests.made.rows import forecast
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    saved = 0
    try:
        with StateFolder(Path(sys.argv[1])).open_writer() as writer:
            for number in range(100):
                writer.history.save(history(f"T{number}", 1260), changed_from=0)
                saved += 1
    except StateWriteError as error:
        print(error)
    print(saved)
"""


def test_a_full_disk_ends_with_one_message_and_loses_nothing_that_was_saved(folder: Path) -> None:
    message, saved = run(FULL_DISK, folder).stdout.splitlines()
    assert "history.db" in message
    assert "File too large" in message
    assert "free the disk or make the folder writable, then run again" in message
    assert 0 < int(saved) < 100
    assert_whole(folder)
    with StateFolder(folder).open_writer() as writer:
        for number in range(int(saved)):
            state = writer.history.load(f"T{number}")
            assert state is not None
            assert same_state(state, history(f"T{number}", 1260))


READ_ONLY = """
    import os
    from pathlib import Path
    from errors import StateWriteError
    from state.folder import StateFolder
    from state.readers import ForecastReader
    if os.geteuid() == 0:
        os.seteuid(65534)  # root may write everywhere
    try:
        StateFolder(Path("state")).open_writer()
    except StateWriteError as error:
        print(error)
    try:
        with ForecastReader(Path("state")) as reader:
            reader.all()
    except StateWriteError as error:
        print(error)
"""


@pytest.fixture
def read_only_folder(folder: Path) -> Iterator[Path]:
    paths = [folder, *folder.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    folder.parent.chmod(0o755)
    yield folder
    for path in paths:
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_read_only_folder_is_refused_with_what_to_do(read_only_folder: Path) -> None:
    finished = run(READ_ONLY, cwd=read_only_folder.parent)
    assert not finished.stderr
    of_writer, of_reader = finished.stdout.splitlines()
    assert of_writer.startswith("cannot write to state/history.lock (Permission denied): free the disk or make the folder writ")
    assert "cannot write to state/forecasts.db (Permission denied" in of_reader


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StateWriteError, match=r"cannot write to .*history\.lock"):
        StateFolder(tmp_path / "state").open_writer()
    assert (tmp_path / "state").read_text() == "a file"


def test_nothing_there_yet(tmp_path: Path) -> None:
    with ForecastReader(tmp_path / "none") as reader, pytest.raises(StateMissingError, match="python -m streams run"):
        reader.all()
    with HistoryReader(tmp_path / "none") as reader, pytest.raises(StateMissingError, match="python -m streams run"):
        reader.tickers()
    assert not (tmp_path / "none").exists()


def test_a_writer_that_was_stopped_while_it_made_the_folder_goes_on(tmp_path: Path) -> None:
    with StateFolder(tmp_path).open_writer():
        pass
    shutil.copytree(tmp_path / MODELS, (tmp_path / MODELS).with_suffix(".new"))
    shutil.rmtree(tmp_path / MODELS)
    with StateFolder(tmp_path).open_writer() as writer:
        assert writer.models.get("AAA") is None
    assert not (tmp_path / MODELS).with_suffix(".new").exists()
