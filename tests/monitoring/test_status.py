"""The status: what is wrong comes first and once, in words; the screen holds every number."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from monitoring.figures import CalendarFigures
from monitoring.judgement import Reason
from monitoring.replica import ReplicaFigures, ReplicaPartition
from monitoring.status import GroupPartition, ReplicaLine, Status, TableLine, WorkerLine, reasons_of
from monitoring.status_text import status_screen
from tests.made.figures import figures

STANDS = Reason("foreign_standstill", "partitions of other workers stand still: 3")
FAILS = Reason("trainings_fail", "trainings of 4 tickers failed")


TABLE = TableLine(
    498,
    dt.date(2026, 11, 25),
    {"XNYS": 0},
    (("AAPL", dt.date(2026, 11, 25)),),
    (("GONE", dt.date(2026, 9, 1)),),
    {"too_few_bars": 3},
    0,
)


REPLICA = ReplicaFigures(
    version="0.3.0",
    host="alpha",
    pid=4712,
    uptime_seconds=7_300.0,
    reasons=(),
    rows=498,
    values={"forecasts": 498, "history": 2_490, "models": 498},
    records=5_021,
    void=0,
    copies=0,
    partitions=(ReplicaPartition("history", 0, 7, 95.0, 95.0),),
    broker_silent_seconds=2.0,
    table_bytes={"forecasts": 3 << 20, "history": 30 << 20},
)
STOOD = msgspec.structs.replace(REPLICA, reasons=(Reason("standstill", "partitions stand still: history 0"),))
AWAY = msgspec.structs.replace(REPLICA, reasons=(Reason("broker_away", "Kafka has not answered"),))


def reasons(**changes: Any) -> dict[str, str]:
    healthy: dict[str, Any] = {
        "broker": None,
        "workers": [
            WorkerLine("w1", "10.0.0.1", (0,), figures("w1"), None),
            WorkerLine("w2", "10.0.0.2", (1,), None, None),
        ],
        "partitions": [GroupPartition(0, "w1", 450, 0, 0.0), GroupPartition(1, "w2", 450, 7, 3.0)],
        "table": TABLE,
        "table_problem": None,
        "disk_free_bytes": 1 << 40,
    }
    return {reason.code: reason.text for reason in reasons_of(**healthy | changes)}


def test_nothing_is_wrong_although_messages_wait_and_a_worker_is_on_another_host() -> None:
    assert reasons() == {}


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"broker": "127.0.0.1:9092: no answer"}, "broker_away", "no answer"),
        ({"workers": []}, "no_worker", "start one"),
        ({"partitions": [GroupPartition(2, None, 450, 5, None)]}, "no_owner", "2 (5 messages wait)"),
        ({"workers": [WorkerLine("w1", "?", (), None, "its page gives no answer")]}, "worker_silent", "w1: its page"),
        (
            {"workers": [WorkerLine("w1", "?", (0,), figures("w1", reasons=(FAILS,)), None)]},
            "trainings_fail",
            "w1: trainings of 4",
        ),
        (
            {"workers": [WorkerLine(n, "?", (0,), figures(n, version=v), None) for n, v in (("w1", "1.0"), ("w2", "1.1"))]},
            "mixed_versions",
            "1.0, 1.1",
        ),
        ({"table_problem": "history.db is damaged"}, "table", "damaged"),
        ({"table": msgspec.structs.replace(TABLE, unreadable=2)}, "unreadable_rows", "2 rows"),
        ({"table": msgspec.structs.replace(TABLE, late_sessions={"XNYS": 2})}, "bars_late", "XNYS 2 sessions"),
        ({"disk_free_bytes": 100 << 20}, "disk", "100 MB are free"),
        ({"replica": ReplicaLine(None, "its page gives no answer")}, "replica_silent", "replica: its page"),
        ({"replica": ReplicaLine(STOOD, None)}, "standstill", "replica: partitions"),
        ({"replica": ReplicaLine(AWAY, None)}, "broker_away", "replica: Kafka"),
        ({"replica": ReplicaLine(AWAY, None), "broker": "no answer"}, "broker_away", "no answer"),
    ],
)
def test_what_is_wrong(changes: dict[str, Any], code: str, words: str) -> None:
    found = reasons(**changes)
    assert found.keys() == {code}
    assert words in found[code]


def test_the_owner_of_a_partition_that_stands_still_is_named() -> None:
    workers = [WorkerLine("w1", "?", (0,), figures("w1", reasons=(STANDS,)), None), WorkerLine("w2", "?", (3,), None, None)]
    partitions = [GroupPartition(0, "w1", 9, 0, 0.0), GroupPartition(3, "w2", 9, 4, 52.0)]
    assert reasons(workers=workers, partitions=partitions) == {STANDS.code: f"owner w2: {STANDS.text}"}


def test_on_a_narrow_screen_no_line_of_a_worker_is_cut() -> None:
    out = io.StringIO()
    one_host = (WorkerLine("worker-1", "alpha", (0, 1), figures("worker-1", pool_deaths=4, reasons=(FAILS,)), None),)
    Console(file=out, width=80, color_system=None, highlight=False).print(status_screen(status(workers=one_host)))
    (line,) = [line for line in out.getvalue().splitlines() if line.startswith("worker-1")]
    assert line.split() == ["worker-1", "0-1", "629,055", "23", "495", "61.0", "MB", "1", "d", "1", "h", "not", "ready"]
    assert "4 lost with their process" in out.getvalue()


def test_bars_of_a_backlog_that_is_read_are_not_called_late() -> None:
    late = msgspec.structs.replace(TABLE, late_sessions={"XNYS": 2})
    for waits, expected in ((3.0, {"bars_late"}), (30.0, set()), (None, {"bars_late"})):
        assert reasons(table=late, partitions=[GroupPartition(0, "w1", 450, 7, waits)]).keys() == expected


def test_what_all_workers_say_of_the_group_is_said_once() -> None:
    both = [WorkerLine(name, "?", (), figures(name, reasons=(STANDS,)), None) for name in ("w1", "w2")]
    assert reasons(workers=both) == {STANDS.code: STANDS.text}


def test_late_bars_of_a_worker_whose_only_ticker_is_delisted_are_not_those_of_the_group() -> None:
    """The alert judges by the worker that is least late, and so does the status."""
    late = Reason("bars_late", "bars are older than the calendar allows")
    gone, fresh = (
        (CalendarFigures("XNYS", 1, dt.date(2026, 3, 2), 190),),
        (CalendarFigures("XNYS", 5, dt.date(2026, 11, 25), 0),),
    )
    workers = [
        WorkerLine("w1", "?", (0,), figures("w1", calendars=gone, reasons=(late,)), None),
        WorkerLine("w2", "?", (1,), figures("w2", calendars=fresh), None),
    ]
    assert reasons(workers=workers) == {}
    assert reasons(workers=workers[:1]) == {late.code: late.text}


def test_late_bars_are_told_by_a_worker_whose_exchange_is_late_on_all_workers() -> None:
    """The first worker's words had been taken: of an exchange whose bars another worker gets."""
    gone, late = Reason("bars_late", "XLON: 200 sessions overdue"), Reason("bars_late", "XNYS: 2 sessions overdue")
    old, fresh = dt.date(2026, 3, 2), dt.date(2026, 11, 25)
    others = (CalendarFigures("XLON", 5, fresh, 0), CalendarFigures("XNYS", 5, dt.date(2026, 11, 23), 2))
    workers = [
        WorkerLine("w1", "?", (0,), figures("w1", calendars=(CalendarFigures("XLON", 1, old, 200),), reasons=(gone,)), None),
        WorkerLine("w2", "?", (1,), figures("w2", calendars=others, reasons=(late,)), None),
    ]
    assert reasons(workers=workers) == {late.code: late.text}


def test_a_calendar_that_ends_is_on_the_screen() -> None:
    text = screen(status(table=msgspec.structs.replace(TABLE, calendars_end={"XSHG": dt.date(2026, 12, 31)})))
    assert "calendar XSHG is known until 2026-12-31: upgrade" in text


def status(**changes: Any) -> Status:
    made = Status(
        at=dt.datetime(2026, 11, 27, 3, 0, tzinfo=dt.UTC),
        broker=None,
        group_state="Stable",
        workers=(
            WorkerLine("w1", "10.0.0.1", (0,), figures("w1"), None),
            WorkerLine("w2", "10.0.0.2", (1,), None, None),
        ),
        partitions=(GroupPartition(0, "w1", 450, 0, 0.0), GroupPartition(1, None, 450, 7, 65.0)),
        table=TABLE,
        table_problem=None,
        state_dir="var",
        disk_free_bytes=40 << 30,
        reasons=(),
    )
    return msgspec.structs.replace(made, **changes)


def screen(shown: Status) -> str:
    out = io.StringIO()
    Console(file=out, width=160, color_system=None, highlight=False).print(status_screen(shown))
    return out.getvalue()


def test_the_screen() -> None:
    text = screen(status())
    assert text.startswith("all well")
    for words in (
        "629,055",
        "61.0 MB",
        "1 d 1 h",
        "nobody",
        "1 min 5 s",
        "498 rows",
        "GONE 2026-09-01",
        "ODD: never converges",
        "40.0 GB",
    ):
        assert words in text, words
    assert "trainings: 2 queued or running, 1 failed\n" in text
    assert "without a trained model: too few bars 3" in text
    red = screen(status(reasons=(STANDS, FAILS)))
    assert red.startswith("2 things are wrong")
    assert red.index(STANDS.text) < red.index("worker  partitions")


def test_json_comes_back() -> None:
    assert msgspec.json.decode(msgspec.json.encode(status()), type=Status) == status()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (ReplicaLine(REPLICA, None), ["works", "7 records wait, the oldest for 1 min 35 s", "498 rows", "33.0 MB"]),
        (ReplicaLine(STOOD, None), ["standstill"]),
        (ReplicaLine(None, "its page gives no answer"), ["replica: silent"]),
    ],
)
def test_the_line_of_the_replica(line: ReplicaLine, words: list[str]) -> None:
    console = Console(file=io.StringIO(), width=200)
    console.print(status_screen(status(replica=line)))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert all(word in text for word in words)


@pytest.mark.parametrize(("reason", "said"), [(STANDS, "works"), (FAILS, "ready")])
def test_a_worker_that_sees_others_stand_still_works(reason: Reason, said: str) -> None:
    lines = [WorkerLine("w1", "?", (0,), figures("w1", reasons=(reason,)), None)]
    shown = screen(status(workers=tuple(lines)))
    assert [line.split()[-1] for line in shown.splitlines() if line.startswith("w1 ")] == [said], "works, or not ready"
