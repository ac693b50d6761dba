"""Gathers a status: from Kafka, from the pages of the workers on this host, and from the state folder."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import socket
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from broker.group import GroupView, group_view
from broker.topics import BARS, topic_name
from errors import BrokerError, SchemaError, StateError, StateMissingError
from marketdata.calendars import calendar_name, session_closes
from monitoring.figures import WorkerFigures
from monitoring.punctuality import AHEAD_DAYS, Session, is_ending, newest_bars, punctuality
from monitoring.reason_class import fallback_class
from monitoring.replica import ReplicaFigures
from monitoring.status import GroupPartition, ReplicaLine, Status, TableLine, WorkerLine, reasons_of
from records import Forecast
from settings import Settings
from state.readers import ForecastReader
from state.replica.watch import page_of
from streams.kafka.worker.folder import noted_pages

Figures = TypeVar("Figures")

_PAGE_SECONDS: Final = 5.0
_SHOWN_TICKERS: Final = 5


def gather(settings: Settings, *, now: dt.datetime, ask_kafka: bool) -> Status:
    """The status at this moment; `ask_kafka` is False for an embedded state folder."""
    group: GroupView | None = None
    broker: str | None = None
    if ask_kafka:
        try:
            group = group_view(settings, topic_name(settings, BARS))
        except BrokerError as error:
            broker = str(error)
    workers = _workers(group, noted_pages(settings))
    partitions = _partitions(group, workers)
    table, problem = _table(settings, now)
    if table is None and problem is None and not ask_kafka:
        problem = f"no state in {settings.state_dir}: create it with `python -m streams run`, or name another --state"
    replica = gather_replica(settings)
    free = shutil.disk_usage(settings.state_dir).free if settings.state_dir.exists() else None
    return Status(
        at=now,
        broker=broker,
        group_state=None if group is None else group.state,
        workers=workers,
        partitions=partitions,
        table=table,
        table_problem=problem,
        replica=replica,
        state_dir=str(settings.state_dir),
        disk_free_bytes=free,
        reasons=reasons_of(
            broker=broker,
            workers=workers,
            partitions=partitions,
            table=table,
            table_problem=problem,
            replica=replica,
            disk_free_bytes=free,
        ),
    )


def _workers(group: GroupView | None, pages: Mapping[str, int]) -> tuple[WorkerLine, ...]:
    members = {} if group is None else {member.name: member for member in group.members}
    lines: list[WorkerLine] = []
    for name in sorted(members.keys() | pages.keys()):
        figures, problem = _figures(pages[name], WorkerFigures) if name in pages else (None, None)
        member = members.get(name)
        partitions = member.partitions if member is not None else _own(figures)
        if group is not None and member is None and problem is None:
            problem = "it runs on this host but is no member of the group: it starts, waits for Kafka, or is cut off from it"
        host = socket.gethostname() if name in pages else "?" if member is None else member.host
        lines.append(WorkerLine(name, host, partitions, figures, problem))
    return tuple(lines)


def _own(figures: WorkerFigures | None) -> tuple[int, ...]:
    return () if figures is None else tuple(each.partition for each in figures.partitions if each.is_own)


def gather_replica(settings: Settings) -> ReplicaLine | None:
    """The replica that runs on this state folder, None if none does."""
    port = page_of(settings.state_dir)
    return None if port is None else ReplicaLine(*_figures(port, ReplicaFigures))


def _figures(port: int, kind: type[Figures]) -> tuple[Figures | None, str | None]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/figures", timeout=_PAGE_SECONDS) as answer:
            return msgspec.json.decode(answer.read(), type=kind), None
    except (OSError, urllib.error.URLError, msgspec.DecodeError, json.JSONDecodeError) as error:
        return (
            None,
            f"its page on port {port} gives no answer ({error}): it hangs or starts; if it lasts, kill -9 it",
        )


def _partitions(group: GroupView | None, workers: tuple[WorkerLine, ...]) -> tuple[GroupPartition, ...]:
    if group is None:
        return ()
    owners = {number: member.name for member in group.members for number in member.partitions}
    waiting: dict[int, float] = {}
    for worker in workers:
        for each in () if worker.figures is None else worker.figures.partitions:
            waiting[each.partition] = max(each.lag_seconds, waiting.get(each.partition, 0.0))
    return tuple(
        GroupPartition(number, owners.get(number), end, group.lag[number], waiting.get(number))
        for number, end in sorted(group.ends.items())
    )


def _table(settings: Settings, now: dt.datetime) -> tuple[TableLine | None, str | None]:
    try:
        with ForecastReader(settings.state_dir) as reader:
            rows = reader.all()
            unreadable = len(reader.unreadable())
    except StateMissingError:
        return None, None
    except (StateError, SchemaError) as error:
        return None, str(error)
    if not rows:
        return TableLine(0, None, {}, (), (), {}, unreadable), None
    late, ends = _late(rows, settings, now)
    aged = sorted(((row.as_of, row.ticker) for row in rows), reverse=True)
    stalest = [(ticker, date) for date, ticker in reversed(aged) if date != aged[0][0]][:_SHOWN_TICKERS]
    return (
        TableLine(
            rows=len(rows),
            newest=aged[0][0],
            late_sessions=late,
            freshest=tuple((ticker, date) for date, ticker in aged[:_SHOWN_TICKERS]),
            stalest=tuple(stalest),
            fallbacks=Counter(
                fallback_class("; ".join(step.reason for step in row.fallbacks)) for row in rows if row.fallback is not None
            ),
            unreadable=unreadable,
            calendars_end=ends,
        ),
        None,
    )


def _late(rows: list[Forecast], settings: Settings, now: dt.datetime) -> tuple[dict[str, int], dict[str, dt.date]]:
    """The overdue sessions by calendar, and the last known session of each calendar that ends soon."""
    grace = dt.timedelta(hours=settings.bars_due_hours)
    late: dict[str, int] = {}
    ends: dict[str, dt.date] = {}
    if not grace:
        return late, ends
    ahead = dt.timedelta(days=AHEAD_DAYS)
    for calendar, bar in newest_bars((calendar_name(row.ticker), row.as_of) for row in rows).items():
        sessions = [Session(*each) for each in session_closes(calendar, min(bar, now.date()), now.date() + ahead)]
        late[calendar] = punctuality(calendar, bar, sessions, now, grace).late_sessions
        if sessions and is_ending(sessions[-1].date, now.date()):
            ends[calendar] = sessions[-1].date
    return late, ends
