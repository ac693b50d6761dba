"""Readers beside stream workers: new partitions are noticed, and of several copies the newest revision counts.

Each test of a kind of stale folder gives it the name that is looked at first and, where it can be, the later bar.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from errors import StateCorruptError, StateMissingError
from records import encode_forecast
from state.database import Database
from state.folder import FORECASTS, StateFolder
from state.history_codec import block_key, head_key
from state.readers import ForecastReader, HistoryReader
from state.stamp import Revision
from tests.made.histories import history
from tests.made.rows import forecast
from tests.state.processes import running
from tests.state.worker_copies import put, put_row, stamped, table
from tests.waiting import until

#: A worker's copies of one partition, open. Puts a row and a history per line until it is killed.
WORKER = """
    import datetime as dt, sys
    from pathlib import Path
    from state.database import Database
    from state.stamp import Revision
    from tests.made.histories import history
    from tests.made.rows import forecast
    from tests.state.worker_copies import put_history, put_row, table

    forecasts, histories = (
        Database.open_writer(table(Path(sys.argv[1]), sys.argv[2], name, int(sys.argv[3]))) for name in ("forecasts", "history")
    )
    print("open", flush=True)
    for line in sys.stdin:
        ticker, day, bars, offset = line.split()
        put_row(forecasts, forecast(ticker, as_of=dt.date.fromisoformat(day)), Revision(0, int(offset)))
        put_history(histories, history(ticker, int(bars)), Revision(0, int(offset)))
        print(line, end="", flush=True)
"""
FRIDAY = dt.date(2018, 2, 9)
MONDAY = dt.date(2018, 2, 12)


class Worker:
    def __init__(self, process) -> None:  # type: ignore[no-untyped-def]
        self.process = process
        assert process.stdout.readline() == "open\n"

    def put(self, ticker: str, day: str, bars: int, offset: int) -> None:
        line = f"{ticker} {day} {bars} {offset}\n"
        self.process.stdin.write(line)
        self.process.stdin.flush()
        assert self.process.stdout.readline() == line

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.mark.slow
def test_a_failover_as_readers_see_it(tmp_path: Path) -> None:
    clock = [0.0]
    with (
        ForecastReader(tmp_path, refresh_seconds=0, clock=lambda: clock[0]) as rows,
        HistoryReader(tmp_path, refresh_seconds=0, clock=lambda: clock[0]) as histories,
        contextlib.ExitStack() as processes,
    ):
        with pytest.raises(StateMissingError):
            rows.get("AAA")
        one = Worker(processes.enter_context(running(WORKER, tmp_path, "one", 0)))
        one.put("AAA", "2018-02-07", 100, 40)
        clock[0] += 2

        def seen() -> tuple[str, int]:
            row, bars = rows.get("AAA"), histories.bars("AAA")
            assert row is not None
            assert bars is not None
            return row.as_of.isoformat(), len(bars)

        assert seen() == ("2018-02-07", 100)
        one.kill()
        clock[0] += 2
        assert seen() == ("2018-02-07", 100), "a dead worker's rows stay readable"
        two = Worker(processes.enter_context(running(WORKER, tmp_path, "two", 0)))
        two.put("AAA", "2018-02-08", 101, 80)
        two.put("BBB", "2018-02-08", 101, 84)
        clock[0] += 2
        assert seen() == ("2018-02-08", 101), "the newest wins over the dead worker's"
        assert [row.ticker for row in rows.all()] == ["AAA", "BBB"]
        assert histories.bars("AAA") == history("AAA", 101).bars

        with running(WORKER, tmp_path, "two", 5) as other:
            three = Worker(other)
            three.put("CCC", "2018-02-08", 50, 5)
            clock[0] += 0.5
            assert rows.get("CCC") is None, "folders are looked for once a second"
            clock[0] += 1
            assert rows.get("CCC") == forecast("CCC", as_of=dt.date(2018, 2, 8))
            assert histories.tickers() == ["AAA", "BBB", "CCC"]

        shutil.rmtree(tmp_path / "workers" / "one")
        clock[0] += 2
        assert seen() == ("2018-02-08", 101)


def expect(state_dir: Path, annual_return: float, bars: int, corrected: int | None = None) -> None:
    """What readers that are opened now see of AAA, by every way of asking."""
    with ForecastReader(state_dir) as rows, HistoryReader(state_dir) as histories:
        found = [rows.get("AAA"), rows.get_many(["AAA"])["AAA"], *rows.all()]
        assert [row.annual_return for row in found if row is not None] == [annual_return] * 3
        expected = history("AAA", bars, corrected=corrected).bars
        assert histories.bars("AAA") == expected
        assert histories.bars_many(["AAA"]) == ({"AAA": expected}, {})
        assert histories.tickers() == ["AAA"]


def test_a_departed_workers_folder_does_not_mask_a_correction(tmp_path: Path) -> None:
    put(tmp_path, "departed", forecast("AAA", annual_return=0.1), history("AAA", 600), Revision(0, 70))
    put(tmp_path, "present", forecast("AAA", annual_return=0.2), history("AAA", 600, corrected=599), Revision(0, 75))
    expect(tmp_path, 0.2, 600, corrected=599)


def test_an_old_copy_of_the_folder_does_not_mask_what_came_later(tmp_path: Path) -> None:
    put(tmp_path, "w1", forecast("AAA", annual_return=0.1), history("AAA", 600), Revision(0, 70))
    shutil.copytree(tmp_path / "workers" / "w1", tmp_path / "workers" / "a copy")
    put(tmp_path, "w1", forecast("AAA", annual_return=0.2), history("AAA", 600, corrected=100), Revision(0, 75))
    expect(tmp_path, 0.2, 600, corrected=100)


def test_a_restored_backup_does_not_mask_the_other_workers_copy(tmp_path: Path) -> None:
    put(tmp_path, "w1", forecast("AAA", annual_return=0.1), history("AAA", 600), Revision(0, 70))
    shutil.copytree(tmp_path / "workers" / "w1", tmp_path / "backup")
    put(tmp_path, "w1", forecast("AAA", annual_return=0.2), history("AAA", 601), Revision(0, 75))
    put(tmp_path, "w2", forecast("AAA", annual_return=0.3), history("AAA", 601, corrected=600), Revision(0, 80))
    with HistoryReader(tmp_path, refresh_seconds=0) as histories, ForecastReader(tmp_path, refresh_seconds=0) as rows:
        for moment in ("before", "after"):
            row, bars = rows.get("AAA"), histories.bars("AAA")
            assert row is not None
            assert row.annual_return == 0.3, moment
            assert bars == history("AAA", 601, corrected=600).bars, moment
            shutil.rmtree(tmp_path / "workers" / "w1")
            shutil.copytree(tmp_path / "backup", tmp_path / "workers" / "w1")
    expect(tmp_path, 0.3, 601, corrected=600)


@pytest.mark.parametrize("how", ["copied anew", "put in its place"])
def test_a_reader_sees_what_a_worker_writes_into_a_restored_backup(tmp_path: Path, how: str) -> None:
    """RocksDB's identity of the database is the same before and after; so may be the names of its files."""
    put(tmp_path, "w1", forecast("AAA", annual_return=0.1), history("AAA", 10), Revision(0, 10))
    folder, backup = tmp_path / "workers" / "w1", tmp_path / "backup"
    shutil.copytree(folder, backup)
    with ForecastReader(tmp_path, refresh_seconds=0) as rows:
        for annual_return in (0.2, 0.3, 0.4):
            put(tmp_path, "w1", forecast("AAA", annual_return=annual_return), history("AAA", 11), Revision(0, 20))
            row = rows.get("AAA")
            assert row is not None
            assert row.annual_return == annual_return
            if how == "copied anew":
                shutil.rmtree(folder)
                shutil.copytree(backup, folder)
            else:
                folder.rename(tmp_path / f"aside {annual_return}")
                shutil.copytree(backup, folder)


def test_a_folder_from_before_a_rebuild_does_not_hide_the_rebuilt_values(tmp_path: Path) -> None:
    """Offsets begin anew with the changelogs, and the history may be shorter than it was."""
    put(tmp_path, "before", forecast("AAA", as_of=MONDAY, annual_return=0.1), history("AAA", 601), Revision(0, 9000))
    put(tmp_path, "rebuilt", forecast("AAA", as_of=FRIDAY, annual_return=0.2), history("AAA", 250), Revision(1, 8))
    expect(tmp_path, 0.2, 250)


@pytest.mark.parametrize(("replica", "worker"), [(70, 75), (75, 70)])
def test_a_replica_beside_workers_folders(tmp_path: Path, replica: int, worker: int) -> None:
    with Database.open_writer(tmp_path / "replica" / "tables" / "forecasts-0.db") as database:
        put_row(database, forecast("AAA", as_of=FRIDAY, annual_return=float(replica)), Revision(0, replica))
        put_row(database, forecast("BBB"), Revision(0, 1))
    with Database.open_writer(table(tmp_path, "w1", "forecasts")) as database:
        put_row(database, forecast("AAA", as_of=FRIDAY, annual_return=float(worker)), Revision(0, worker))
    with ForecastReader(tmp_path) as rows:
        assert [(row.ticker, row.annual_return) for row in rows.all()] == [("AAA", 75.0), ("BBB", 0.08)]


def test_beside_a_table_of_the_embedded_engine_the_later_bar_counts_and_then_the_worker(tmp_path: Path) -> None:
    """A folder that was filled by `streams run` and then by a worker."""
    worker_days = {"AAA": (FRIDAY, 100), "BBB": (FRIDAY, 100), "CCC": (FRIDAY, 100)}
    own_days = {"AAA": (FRIDAY - dt.timedelta(1), 99), "BBB": (MONDAY, 101), "CCC": (FRIDAY, 100)}
    with StateFolder(tmp_path).open_writer() as writer:
        for ticker, (day, bars) in own_days.items():
            writer.forecasts.put(forecast(ticker, as_of=day, annual_return=0.1))
            writer.history.save(history(ticker, bars), changed_from=0)
    for ticker, (day, bars) in worker_days.items():
        row = forecast(ticker, as_of=day, annual_return=0.2)
        put(tmp_path, "w1", row, history(ticker, bars, corrected=50), Revision(0, 50))
    with ForecastReader(tmp_path) as rows, HistoryReader(tmp_path) as histories:
        assert [row.annual_return for row in rows.all()] == [0.2, 0.1, 0.2]
        bars, _ = histories.bars_many(worker_days)
        assert bars["AAA"] == history("AAA", 100, corrected=50).bars
        assert bars["BBB"] == history("BBB", 101).bars
        assert bars["CCC"] == history("CCC", 100, corrected=50).bars


def test_a_history_that_lacks_a_block_gives_way_to_an_older_copy_until_it_is_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "old", forecast("AAA"), history("AAA", 600), Revision(0, 70))
    put(tmp_path, "new", forecast("AAA"), history("AAA", 601), Revision(0, 75))
    with Database.open_writer(table(tmp_path, "new", "history")) as database:
        key = block_key("AAA", 0)
        block = database.get(key)
        database.write([(key, None)])
    with HistoryReader(tmp_path, refresh_seconds=0) as histories:
        for _ in range(3):
            assert histories.bars("AAA") == history("AAA", 600).bars
            assert histories.bars_many(["AAA"]) == ({"AAA": history("AAA", 600).bars}, {})
        assert caplog.text.count("history taken from another copy ticker=AAA reason=AAA: block 0 is missing") == 1
        with Database.open_writer(table(tmp_path, "new", "history")) as database:
            database.write([(key, block)])
        assert histories.bars_many(["AAA"]) == ({"AAA": history("AAA", 601).bars}, {}), "under the same head"
        with Database.open_writer(table(tmp_path, "new", "history")) as database:
            database.write([(key, None), stamped(head_key("AAA"), b"no record", Revision(0, 80))])
        assert histories.bars("AAA") == history("AAA", 600).bars
    assert caplog.text.count("history taken from another copy") == 2


@pytest.mark.parametrize("spoil", [lambda value: value[:3], lambda value: b"\xc1\x63" + value[2:], lambda value: value[:-1]])
def test_an_unreadable_value_counts_only_where_there_is_no_other(
    tmp_path: Path, spoil: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """A stamp that is cut, a stamp of a newer version, a row that is cut."""
    key, value = stamped(b"AAA", encode_forecast(forecast("AAA", annual_return=0.2)), Revision(0, 75))
    with Database.open_writer(table(tmp_path, "new", "forecasts")) as database:
        database.write([(key, spoil(value))])
    with ForecastReader(tmp_path, refresh_seconds=0) as rows:
        assert rows.get_many(["AAA"]) == {}
        assert list(rows.unreadable()) == ["AAA"]
        with pytest.raises(Exception, match=r"^AAA: "):
            rows.get("AAA")
    put(tmp_path, "old", forecast("AAA", annual_return=0.1), history("AAA", 10), Revision(0, 20))
    with ForecastReader(tmp_path, refresh_seconds=0) as rows:
        for _ in range(3):
            assert [row.annual_return for row in rows.all()] == [0.1]
        assert rows.unreadable() == {}
    assert caplog.text.count("forecast row taken from another copy ticker=AAA") == 1


def test_a_correction_reaches_a_reader_that_has_the_history_decoded(tmp_path: Path) -> None:
    put(tmp_path, "w1", forecast("AAA"), history("AAA", 600), Revision(0, 70))
    put(tmp_path, "w1", forecast("BBB"), history("BBB", 600), Revision(0, 73))
    with HistoryReader(tmp_path, refresh_seconds=0) as histories:
        first, _ = histories.bars_many(["AAA", "BBB"])
        put(tmp_path, "w1", forecast("AAA"), history("AAA", 600, corrected=3), Revision(0, 80))
        second, _ = histories.bars_many(["AAA", "BBB"])
    assert second["AAA"] == history("AAA", 600, corrected=3).bars
    assert second["BBB"] == first["BBB"]


def test_a_folder_is_looked_into_while_its_worker_writes(tmp_path: Path) -> None:
    with running(WORKER, tmp_path, "one", 0) as process, ForecastReader(tmp_path, refresh_seconds=0) as rows:
        worker = Worker(process)
        worker.put("AAA", "2018-02-08", 100, 30)
        until(lambda: rows.get("AAA") == forecast("AAA", as_of=dt.date(2018, 2, 8)))


def test_damaged_copies_are_left_out_and_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for worker in ("one", "two", "three"):
        put(tmp_path, worker, forecast("AAA"), history("AAA", 100), Revision(0, 30))
    for path in table(tmp_path, "one", "forecasts").glob("MANIFEST-*"):
        path.write_bytes(b"")
    (table(tmp_path, "three", "forecasts") / "CURRENT").unlink()
    with StateFolder(tmp_path).open_writer() as writer:
        writer.forecasts.put(forecast("BBB"))
    (tmp_path / FORECASTS / "CURRENT").write_bytes(b"garbage")
    with ForecastReader(tmp_path, refresh_seconds=0) as rows:
        for _ in range(3):
            assert rows.all() == [forecast("AAA")]
    reported = [line for line in caplog.messages if line.startswith("copy left out path=")]
    assert len(reported) == 3, "each once"
    for place in ("workers/one", "workers/three", FORECASTS):
        assert sum(place in line for line in reported) == 1
    shutil.rmtree(tmp_path / "workers" / "two")
    with ForecastReader(tmp_path, refresh_seconds=0) as rows, pytest.raises(StateCorruptError):
        rows.all()
