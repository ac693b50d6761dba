"""Readers beside stream workers: a dead worker's folder stays behind, the newest answer wins, new partitions are noticed."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
from pathlib import Path

import pytest

from errors import StateMissingError
from state.folder import StateFolder
from state.readers import ForecastReader, HistoryReader
from tests.state.processes import running
from tests.state.samples import forecast, history
from tests.waiting import until

#: A partition of a worker as Faust keeps it: raw, without our format key. Puts a row and a history per line until it is killed.
WORKER = """
    import datetime as dt, sys
    from pathlib import Path
    from rocksdict import Options, Rdict
    from records import encode_forecast
    from state.record_codec import encode_writes, record_key
    from tests.state.samples import forecast, history

    tables = Path(sys.argv[1]) / "v1" / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    forecasts, histories = (Rdict(str(tables / f"{name}-{sys.argv[2]}.db"), options) for name in ("forecasts", "history"))
    print("open", flush=True)
    for line in sys.stdin:
        ticker, day, bars = line.split()
        forecasts[ticker.encode()] = encode_forecast(forecast(ticker, as_of=dt.date.fromisoformat(day)))
        state = history(ticker, int(bars))
        writes = encode_writes(state, None, 0)
        for key, value in [*writes.before, (record_key(ticker), writes.record), *writes.after]:
            histories[key] = value
        forecasts[b"__faust\\0offset__"] = b"7"
        print(line, end="", flush=True)
"""


class Worker:
    def __init__(self, process) -> None:  # type: ignore[no-untyped-def]
        self.process = process
        assert process.stdout.readline() == "open\n"

    def put(self, ticker: str, day: str, bars: int) -> None:
        line = f"{ticker} {day} {bars}\n"
        self.process.stdin.write(line)
        self.process.stdin.flush()
        assert self.process.stdout.readline() == line

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def workers(tmp_path: Path) -> Path:
    return tmp_path / "workers"


@pytest.mark.slow
def test_a_failover_as_readers_see_it(tmp_path: Path, workers: Path) -> None:
    clock = [0.0]
    with (
        ForecastReader(tmp_path, refresh_seconds=0, clock=lambda: clock[0]) as rows,
        HistoryReader(tmp_path, refresh_seconds=0, clock=lambda: clock[0]) as histories,
        contextlib.ExitStack() as processes,
    ):
        with pytest.raises(StateMissingError):
            rows.get("AAA")
        process = processes.enter_context(running(WORKER, workers / "one", 0))
        standby_process = processes.enter_context(running(WORKER, workers / "two", 0))
        one, two = Worker(process), Worker(standby_process)
        one.put("AAA", "2018-02-07", 100)
        two.put("AAA", "2018-02-06", 99)  # a standby lags
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
        two.put("AAA", "2018-02-08", 101)
        two.put("BBB", "2018-02-08", 101)
        clock[0] += 2
        assert seen() == ("2018-02-08", 101), "the newest wins over the dead worker's"
        assert [row.ticker for row in rows.all()] == ["AAA", "BBB"]
        assert histories.bars("AAA") == history("AAA", 101).bars

        with running(WORKER, workers / "two", 5) as other:
            three = Worker(other)
            three.put("CCC", "2018-02-08", 50)
            clock[0] += 0.5
            assert rows.get("CCC") is None, "folders are looked for once a second"
            clock[0] += 1
            assert rows.get("CCC") == forecast("CCC", as_of=dt.date(2018, 2, 8))
            assert histories.tickers() == ["AAA", "BBB", "CCC"]

        shutil.rmtree(workers / "one")
        clock[0] += 2
        assert seen() == ("2018-02-08", 101)


def test_beside_a_table_of_our_own(tmp_path: Path, workers: Path) -> None:
    """A folder that was filled by `streams run` and then by a worker: the newest of both."""
    with StateFolder(tmp_path).open_writer() as writer:
        for ticker, day in (("AAA", 7), ("BBB", 9)):
            writer.forecasts.put(forecast(ticker, as_of=dt.date(2018, 2, day)))
    with running(WORKER, workers / "one", 0) as process, ForecastReader(tmp_path, refresh_seconds=0) as rows:
        worker = Worker(process)
        for ticker in ("AAA", "BBB"):
            worker.put(ticker, "2018-02-08", 100)
        until(lambda: rows.get("AAA") == forecast("AAA", as_of=dt.date(2018, 2, 8)))
        assert rows.get("BBB") == forecast("BBB", as_of=dt.date(2018, 2, 9))


def test_a_damaged_copy_is_left_out_and_told(tmp_path: Path, workers: Path, caplog: pytest.LogCaptureFixture) -> None:
    with running(WORKER, workers / "one", 0) as process, running(WORKER, workers / "two", 0) as other:
        for worker in (Worker(process), Worker(other)):
            worker.put("AAA", "2018-02-08", 100)
            worker.kill()
    for path in (workers / "one" / "v1" / "tables" / "forecasts-0.db").glob("MANIFEST-*"):
        path.write_bytes(b"")
    with ForecastReader(tmp_path, refresh_seconds=0) as rows:
        assert rows.get("AAA") == forecast("AAA", as_of=dt.date(2018, 2, 8))
    assert "copy left out path=" in caplog.text
    assert "workers/one" in caplog.text
