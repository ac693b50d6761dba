"""Quiet times without an alarm on a worker's page, in the alert's metric and in `status`; and the bar that does not come."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest

from marketdata.calendars import _WRONG, calendar_name, session_closes
from monitoring.figures import CalendarFigures
from monitoring.judgement import Measured, Partition, Reason, judge
from monitoring.progress import Progress, Sample, advanced
from monitoring.punctuality import Lateness, Punctuality, Session, newest_bars, punctuality
from monitoring.status import GroupPartition, TableLine, WorkerLine, reasons_of
from monitoring.worker_metrics import WORKER_METRICS
from records.exchanges import _CALENDARS
from tests.made.figures import figures

GRACE = dt.timedelta(hours=12)
SECOND = dt.timedelta(seconds=1)
FIRST, LAST = dt.date(2016, 11, 27), dt.date(2026, 11, 27)
LATE_METRIC = next(metric for metric in WORKER_METRICS if metric.name == "late_sessions")
KNOWN_CALENDARS = sorted(_CALENDARS.keys() - _WRONG)
SAMPLE_CALENDARS = ("XNYS", "XLON", "XTKS", "XSAU", "24/5", "24/7")


def reported(found: Sequence[Punctuality], reasons: tuple[Reason, ...] = ()) -> dict[str, set[str]]:
    """What a page with these reasons, the metric of TidecastBarsLate and `status` say is wrong."""
    calendars = tuple(CalendarFigures(each.calendar, 9, each.newest, each.late_sessions) for each in found)
    worker = figures("w1", calendars=calendars, reasons=reasons)
    table = TableLine(9, None, {each.calendar: each.late_sessions for each in found}, (), (), {}, 0)
    status = reasons_of(
        broker=None,
        workers=[WorkerLine("w1", "?", (0,), worker, None)],
        partitions=[GroupPartition(0, "w1", 450, 0, 0.0)],
        table=table,
        table_problem=None,
        disk_free_bytes=1 << 40,
    )
    late = {name for (name,), value in LATE_METRIC.read(worker) if value > 0}
    return {"page": {each.code for each in reasons}, "alert": late, "status": {each.code for each in status}}


def judged(found: Sequence[Punctuality]) -> dict[str, set[str]]:
    """The same for a worker in which nothing else is wrong."""
    healthy = Measured(
        now=0.0, answered_at=0.0, unsettled_since=None, restored_at=0.0, partitions=(), deaths=0, failing={},
        training_stood_seconds=0.0, training_span_seconds=600.0, punctuality=found,
    )  # fmt: skip
    return reported(found, judge(healthy))


NOTHING: dict[str, set[str]] = {"page": set(), "alert": set(), "status": set()}


@pytest.fixture(
    scope="module",
    params=[name if name in SAMPLE_CALENDARS else pytest.param(name, marks=pytest.mark.slow) for name in KNOWN_CALENDARS],
)
def sessions(request: pytest.FixtureRequest) -> list[Session]:
    """Ten years of an exchange's sessions; the library knows those of Riyadh since 2021."""
    return [Session(*each) for each in session_closes(request.param, FIRST, LAST)]


def around(sessions: Sequence[Session], place: int) -> Sequence[Session]:
    """The sessions that a worker has in memory: at least those of the next days."""
    return sessions[max(0, place - 3) : place + 15]


def test_no_alarm_in_ten_years_of_bars_that_come_within_the_grace(sessions: list[Session]) -> None:
    """Each bar arrives up to twelve hours after its close. Lateness only grows until then: the last moments are the worst."""
    chance = random.Random(0)
    arrivals = [session.close + chance.choice([0.01, 0.5, 0.99, 1.0]) * GRACE for session in sessions]
    assert len(sessions) > 1_400
    for place, (session, next_arrival) in enumerate(zip(sessions, arrivals[1:], strict=False)):
        found = punctuality("X", session.date, around(sessions, place), next_arrival, GRACE)
        assert judged([found]) == NOTHING, (session, next_arrival)


def test_a_bar_that_does_not_come_is_late_after_the_grace_and_not_before(sessions: list[Session]) -> None:
    for place, (before, missing) in list(enumerate(pairwise(sessions)))[::50]:
        due = missing.close + GRACE
        on_time = punctuality("X", before.date, around(sessions, place), due, GRACE)
        assert judged([on_time]) == NOTHING
        late = punctuality("X", before.date, around(sessions, place), due + SECOND, GRACE)
        assert (late.late_sessions, late.due) == (1, missing.date)
        assert judged([late]) == {"page": {"bars_late"}, "alert": {"X"}, "status": {"bars_late"}}


@pytest.mark.parametrize("ticker", ["600519", "^FTSE", "ES=F", "ABC.XX", "TEVA.TA"])
def test_a_symbol_that_names_no_exchange_is_never_late(ticker: str) -> None:
    assert newest_bars([(calendar_name(ticker), dt.date(2013, 3, 1))] * 9) == {}
    assert judged([]) == NOTHING


# --- A week of a worker with two partitions and of a partition of another worker, looked at every 20 s.

STEP = 20.0
WEEK = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)  # Saturday; New York rests on Thursday and closes early on Friday
DAILY_JOB = dt.timedelta(hours=2)


def looks(closes: Sequence[dt.datetime]) -> Iterator[tuple[dt.datetime, int]]:
    """Each look of the week, and how many messages each partition has got by then: 20 by each daily job, within a minute."""
    for step in range(int(7 * 86_400 / STEP)):
        now = WEEK + step * STEP * SECOND
        runs = [(now - close - DAILY_JOB).total_seconds() for close in closes]
        yield now, sum(min(20, int(seconds / 3) + 1) for seconds in runs if seconds >= 0)


@pytest.mark.parametrize("calendar", SAMPLE_CALENDARS)
def test_a_quiet_week_has_no_alarm(calendar: str) -> None:
    """With a weekend, a holiday, an early close, nights without a message, and messages that the worker takes a look later."""
    day = dt.timedelta(days=1)
    sessions = [Session(*each) for each in session_closes(calendar, WEEK.date() - 10 * day, WEEK.date() + 20 * day)]
    week_before = [session for session in sessions if session.close + DAILY_JOB < WEEK]
    processed = [(session.close + DAILY_JOB + 4 * STEP * SECOND, session.date) for session in sessions]
    closes = [session.close for session in sessions if session not in week_before]
    partitions: dict[int, Progress | None] = {0: None, 1: None, 2: None}
    lateness, arrived_before, newest = Lateness(), 0, week_before[-1].date
    for now, arrived in looks(closes):
        at = (now - WEEK).total_seconds()
        partitions = {number: advanced(each, Sample(at, arrived_before, arrived)) for number, each in partitions.items()}
        arrived_before = arrived
        newest = max([newest, *(date for when, date in processed if when <= now)])
        overdue = [punctuality(calendar, newest, sessions, now, GRACE)]
        known = [Partition(number, number < 2, each) for number, each in partitions.items() if each is not None]
        lateness.note(overdue, at, max(each.progress.lag_seconds for each in known))
        reasons = judge(
            Measured(
                now=at, answered_at=at - 5.0, unsettled_since=None, restored_at=0.0, partitions=known, deaths=0, failing={},
                training_stood_seconds=0.0, training_span_seconds=600.0, punctuality=lateness.confirmed(overdue, at),
            )
        )  # fmt: skip
        assert not reasons, now
        assert not overdue[0].late_sessions, now
    assert arrived_before >= 20, "the week had a session"
