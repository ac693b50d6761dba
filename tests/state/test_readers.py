"""Readers beside a writer in another process: fresh, consistent, and there after it restarts or its folder is replaced."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from errors import SchemaError, StateCorruptError, StateMissingError
from history.ticker_state import same_state
from state.database import Database
from state.folder import FORECASTS, StateFolder
from state.follower import REFRESH_SECONDS
from state.readers import ForecastReader, HistoryReader
from tests.made.histories import history
from tests.made.rows import forecast, newer_forecast
from tests.state.processes import running
from tests.waiting import PATIENCE_SECONDS, until

#: Writes the forecast and then the history of each round; annual_return and bars both tell which round it is.
WRITER = """
    import sys
    from pathlib import Path
    from state.folder import StateFolder
    from tests.made.histories import history
    from tests.made.rows import forecast
    with StateFolder(Path(sys.argv[1])).open_writer() as writer:
        for line in sys.stdin:
            number = int(line)
            for ticker in ("AAA", "BBB"):
                writer.forecasts.put(forecast(ticker, annual_return=float(number)))
                writer.history.save(history(ticker, 100 + number), changed_from=100)
            print(number, flush=True)
"""


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def put(folder: Path, *tickers: str, **fields: object) -> None:
    with StateFolder(folder).open_writer() as writer:
        for ticker in tickers:
            writer.forecasts.put(forecast(ticker, **fields))


def test_rows_of_another_process_are_seen_while_it_writes(tmp_path: Path) -> None:
    clock = Clock()
    with (
        running(WRITER, tmp_path) as process,
        ForecastReader(tmp_path, clock=clock) as reader,
        HistoryReader(tmp_path, clock=clock) as histories,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(1, 6):
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
            assert process.stdout.readline() == f"{number}\n"
            clock.now += REFRESH_SECONDS
            assert sees(reader, number)
            assert [row.ticker for row in reader.all()] == ["AAA", "BBB"]
            assert set(reader.get_many(["BBB", "CCC", "AAA"])) == {"AAA", "BBB"}
            assert histories.bars("AAA") == history("AAA", 100 + number).bars
            assert histories.bars("BBB") == history("BBB", 100 + number).bars
            assert histories.tickers() == ["AAA", "BBB"]


def test_rows_are_seen_by_the_clock_on_the_wall(tmp_path: Path) -> None:
    with ForecastReader(tmp_path) as reader:
        for number in range(1, 3):
            put(tmp_path, "BBB", annual_return=float(number))
            until(lambda number=number: sees(reader, number))


def sees(reader: ForecastReader, number: int) -> bool:
    try:
        row = reader.get("BBB")
    except StateMissingError:
        return False
    return row is not None and row.annual_return == number


def test_a_busy_writer_is_read_without_a_torn_or_an_older_view(tmp_path: Path) -> None:
    with running(WRITER, tmp_path) as process, HistoryReader(tmp_path, refresh_seconds=0.0) as reader:
        assert process.stdin is not None
        assert process.stdout is not None
        seen = [0]
        # Portion by portion, or a reader that has to wait for the machine might miss it all.
        for first in range(1, 301, 60):
            process.stdin.write("".join(f"{number}\n" for number in range(first, first + 60)))
            process.stdin.flush()
            assert process.stdout.readline() == f"{first}\n"
            while seen[-1] < 100 + first + 59:
                bars = reader.bars("AAA")
                assert bars is not None
                assert bars == history("AAA", len(bars)).bars
                seen.append(len(bars))
            assert [process.stdout.readline() for _ in range(59)][-1] == f"{first + 59}\n"
        assert seen == sorted(seen)


def test_a_reader_outlives_restarts_and_kills_of_its_writer(tmp_path: Path) -> None:
    with ForecastReader(tmp_path, refresh_seconds=0.0) as reader:
        for number in range(1, 5):
            with running(WRITER, tmp_path) as process:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(f"{number}\n")
                process.stdin.flush()
                assert process.stdout.readline() == f"{number}\n"
                assert sees(reader, number)
                if number % 2:
                    process.kill()
            assert sees(reader, number)


def test_a_replaced_folder_is_noticed(tmp_path: Path) -> None:
    put(tmp_path / "state", "OLD")
    put(tmp_path / "rebuilt", "NEW")
    with ForecastReader(tmp_path / "state", refresh_seconds=0.0) as reader:
        assert [row.ticker for row in reader.all()] == ["OLD"]
        (tmp_path / "state").rename(tmp_path / "aside")
        with pytest.raises(StateMissingError):
            reader.all()
        (tmp_path / "rebuilt").rename(tmp_path / "state")
        assert [row.ticker for row in reader.all()] == ["NEW"]
        shutil.rmtree(tmp_path / "state")
        put(tmp_path / "state", "NEWER")
        assert [row.ticker for row in reader.all()] == ["NEWER"]


def test_a_reader_may_start_before_there_is_a_state(tmp_path: Path) -> None:
    with ForecastReader(tmp_path / "state", refresh_seconds=0.0) as reader:
        for _ in range(2):
            with pytest.raises(StateMissingError, match="python -m streams run"):
                reader.get("AAA")
        put(tmp_path / "state", "AAA")
        assert reader.get("AAA") == forecast("AAA")
        assert reader.get("BBB") is None


def test_catching_up_is_throttled(tmp_path: Path) -> None:
    clock = Clock()
    put(tmp_path, "AAA", annual_return=1.0)
    with ForecastReader(tmp_path, refresh_seconds=0.25, clock=clock) as reader:
        assert sees_return(reader) == 1.0
        put(tmp_path, "AAA", annual_return=2.0)
        clock.now = 0.24
        assert sees_return(reader) == 1.0
        clock.now = 0.25
        assert sees_return(reader) == 2.0


def sees_return(reader: ForecastReader) -> float | None:
    row = reader.get("AAA")
    assert row is not None
    return row.annual_return


def test_a_bad_row_does_not_affect_good_rows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path, "AAA", "BBB", "CCC")
    with Database.open_writer(tmp_path / FORECASTS) as database:
        database.write([(b"BBB", newer_forecast("BBB")), (b"CCC", b"nonsense")])
    with ForecastReader(tmp_path, refresh_seconds=0.0) as reader, caplog.at_level(logging.WARNING):
        assert reader.unreadable() == {}
        for _ in range(3):
            assert reader.all() == [forecast("AAA")]
            assert reader.get_many(["CCC", "BBB", "AAA"]) == {"AAA": forecast("AAA")}
        with pytest.raises(SchemaError, match=r"^BBB: .* version 99; .*upgrade"):
            reader.get("BBB")
        with pytest.raises(StateCorruptError, match=r"^CCC: not a forecast row"):
            reader.get("CCC")
        unreadable = reader.unreadable()
        assert list(unreadable) == ["BBB", "CCC"]
        assert "version 99" in unreadable["BBB"]
        assert len(caplog.records) == 2, "once for each bad row, not with every read"
        put(tmp_path, "BBB")
        assert reader.get("BBB") == forecast("BBB")
        assert list(reader.unreadable()) == ["CCC"]


def test_many_threads_read_while_rows_change(tmp_path: Path) -> None:
    tickers = [f"T{number}" for number in range(50)]
    put(tmp_path, *tickers, annual_return=0.0)
    stop = threading.Event()
    everyone_reads = threading.Barrier(9)

    def read(reader: ForecastReader) -> None:
        everyone_reads.wait(PATIENCE_SECONDS)
        while not stop.is_set():
            rows = reader.get_many(tickers)
            assert [row.ticker for row in rows.values()] == tickers
            assert len(reader.all()) == 50

    with ForecastReader(tmp_path, refresh_seconds=0.0) as reader, ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read, reader) for _ in range(8)]
        try:
            everyone_reads.wait(PATIENCE_SECONDS)
            for number in range(1, 4):
                put(tmp_path, *tickers, annual_return=float(number))
        finally:
            stop.set()
        for future in readers:
            future.result()
        assert {row.annual_return for row in reader.all()} == {3.0}


def test_a_lookup_is_quick(tmp_path: Path) -> None:
    tickers = [f"T{number}" for number in range(500)]
    put(tmp_path, *tickers)
    with ForecastReader(tmp_path) as reader:
        reader.get_many(tickers)
        assert best_of(20, lambda: reader.get_many(tickers)) < 0.010
        assert best_of(20, lambda: reader.get("T77")) < 0.001


def best_of(times: int, action: Callable[[], object]) -> float:
    def once() -> float:
        started = time.perf_counter()
        action()
        return time.perf_counter() - started

    return min(once() for _ in range(times))


def test_the_private_directory_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "state", "AAA")
    (tmp_path / "private").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "private"))
    with ForecastReader(tmp_path / "state") as reader:
        reader.all()
        assert len(list((tmp_path / "private").iterdir())) == 1
    reader.close()
    assert list((tmp_path / "private").iterdir()) == []


def test_histories_of_many_tickers_are_decoded_once(tmp_path: Path) -> None:
    with StateFolder(tmp_path).open_writer() as writer, HistoryReader(tmp_path, refresh_seconds=0.0) as reader:
        for ticker in ("AAA", "BBB"):
            writer.history.save(history(ticker, 200), changed_from=0)
        first, unreadable = reader.bars_many(["BBB", "AAA", "CCC"])
        assert unreadable == {}
        assert first == {"AAA": history("AAA", 200).bars, "BBB": history("BBB", 200).bars}
        writer.history.save(history("BBB", 201), changed_from=200)
        second, _ = reader.bars_many(["BBB", "AAA"])
        assert second["AAA"] is first["AAA"]
        assert second["BBB"] == history("BBB", 201).bars
        state = writer.history.load("BBB")
        assert state is not None
        assert same_state(state, history("BBB", 201))
