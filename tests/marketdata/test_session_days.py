"""A process that lives long reads calendars without the library: the same days, and pandas stays out of it."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest

from marketdata.calendars import library_days
from marketdata.session_days import SessionDays, read_by_process
from records import Days
from tests.conftest import ROOT
from tests.waiting import until

DAYS = np.array([19000, 19003], np.int32)


def not_here(name: str) -> Days:
    raise AssertionError(f"this process must not read {name}")


def test_another_process_reads_the_same_days() -> None:
    found = read_by_process(["XNYS", "XKRX"])
    assert sorted(found) == ["XKRX", "XNYS"]
    for name, days in found.items():
        assert days.dtype == np.int32
        np.testing.assert_array_equal(days, library_days(name))


def test_a_calendar_is_read_once_whoever_asks_and_the_expected_ones_with_it() -> None:
    asked: list[list[str]] = []

    def read(names: Sequence[str]) -> dict[str, Days]:
        asked.append(list(names))
        return dict.fromkeys(names, DAYS)

    days = SessionDays(not_here, read)
    days.expect(["XLON", "XNYS"])
    assert asked == []
    with days.apart():
        threads = [threading.Thread(target=days.of, args=("XNYS",)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert days.of("XLON") is DAYS
        days.of("XKRX")
    assert asked == [["XLON", "XNYS"], ["XKRX"]]


@pytest.mark.parametrize("error", [OSError("no memory"), subprocess.CalledProcessError(1, "python")])
def test_where_no_process_can_read_this_one_does_and_says_so(caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    asked: list[Sequence[str]] = []

    def read(names: Sequence[str]) -> dict[str, Days]:
        asked.append(names)
        raise error

    days = SessionDays(lambda name: DAYS, read)
    with days.apart(), caplog.at_level(logging.WARNING):
        assert days.of("XNYS") is DAYS
        assert days.of("XLON") is DAYS
    assert caplog.text.count("this process reads them") == len(asked) == 1, "it has the library now"


def test_a_process_that_stalls_holds_up_nobody_for_long() -> None:
    """The first callers wait together, later callers not at all; they learn the days when the process is done."""
    goes_on = threading.Event()

    def read(names: Sequence[str]) -> dict[str, Days]:
        goes_on.wait()
        return dict.fromkeys(names, DAYS)

    days = SessionDays(not_here, read, patience_seconds=0.2)
    with days.apart():
        try:
            started = time.monotonic()
            assert [days.of(name) for name in ("XNYS", "XLON", "XNYS", "XTKS")] == [None] * 4
            assert time.monotonic() - started < 5.0, "each of them had waited for the process"
            assert days.unread == ["XLON", "XNYS", "XTKS"]
        finally:
            goes_on.set()
        until(lambda: days.of("XNYS") is DAYS)
        until(lambda: days.of("XLON") is DAYS and days.of("XTKS") is DAYS)
        assert days.unread == []


def test_a_calendar_that_the_library_does_not_know_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    def unknown(name: str) -> Days:
        raise ValueError(f"no calendar {name}")

    days = SessionDays(unknown, lambda names: {})
    with days.apart():
        until(lambda: days.of("XXXX") is not None)
    found = days.of("XXXX")
    assert found is not None
    assert len(found) == 0
    assert "calendar left out" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [OSError("no process"), RuntimeError("a defect")])
def test_an_error_that_nobody_expects_ends_the_reading_of_no_other_calendar(error: Exception) -> None:
    """It had ended the thread that reads: every calendar was then called not read for good."""

    def read(names: Sequence[str]) -> dict[str, Days]:
        raise error

    def here(name: str) -> Days:
        if name == "XNYS":
            raise ImportError("a library that is broken")
        return DAYS

    days = SessionDays(here, read)
    with days.apart():
        for _ in range(2):
            with pytest.raises(ImportError, match="broken"):
                days.of("XNYS")
        assert days.of("XLON") is DAYS
    assert days.unread == []
    until(lambda: all(thread.name != "session days" for thread in threading.enumerate()))


def test_after_a_thread_that_could_not_be_started_the_next_caller_starts_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    days = SessionDays(not_here, lambda names: dict.fromkeys(names, DAYS))
    with days.apart():
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="new thread"):
                days.of("XNYS")
        until(lambda: days.of("XNYS") is DAYS)


def test_outside_of_the_block_this_process_reads() -> None:
    days = SessionDays(lambda name: DAYS, lambda names: pytest.fail("another process was asked"))
    assert days.of("XNYS") is DAYS


def test_counting_sessions_apart_loads_no_pandas() -> None:
    script = (
        "import sys, datetime as dt\n"
        "from marketdata.calendars import library_apart, sessions, sessions_since\n"
        "import time\n"
        "first, last = dt.date(2024, 3, 25), dt.date(2024, 4, 1)\n"
        "with library_apart():\n"
        "    for ticker in ('AAPL', '005930.KS'):\n"
        "        while sessions(ticker, first, last) is None:\n"
        "            time.sleep(0.1)\n"
        "    print(sessions_since('AAPL', first, last), len(sessions('005930.KS', first, last)))\n"
        "print(*sorted({'pandas', 'pyarrow', 'exchange_calendars'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["4", "6"]  # Good Friday is a holiday in New York, and none in Seoul
