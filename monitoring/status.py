"""The whole system at a moment, from what Kafka says of the group and what each worker says of itself. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from monitoring.figures import WorkerFigures
from monitoring.judgement import FOREIGN_STANDSTILL_SECONDS, Reason
from monitoring.punctuality import LATE_SECONDS, sessions
from monitoring.replica import ReplicaFigures


class GroupPartition(msgspec.Struct, frozen=True):
    """A partition of the bars as Kafka has it; `owner` is None where no member has it."""

    partition: int
    owner: str | None
    messages: int
    lag_messages: int
    lag_seconds: float | None


class WorkerLine(msgspec.Struct, frozen=True):
    """A worker: `figures` is None if its page cannot be read from here, then `problem` says why (None: on another host)."""

    name: str
    host: str
    partitions: tuple[int, ...]
    figures: WorkerFigures | None
    problem: str | None


class TableLine(msgspec.Struct, frozen=True):
    """The forecast table on this host: rows, the newest bar, the freshest and the stalest tickers, fallbacks by reason.

    `calendars_end` has the last known session of calendars that end soon, or have ended.
    """

    rows: int
    newest: dt.date | None
    late_sessions: Mapping[str, int]
    freshest: tuple[tuple[str, dt.date], ...]
    stalest: tuple[tuple[str, dt.date], ...]
    fallbacks: Mapping[str, int]
    unreadable: int
    calendars_end: Mapping[str, dt.date] = {}


class ReplicaLine(msgspec.Struct, frozen=True):
    """The replica on this host: `figures` is None if its page cannot be read, then `problem` says why."""

    figures: ReplicaFigures | None
    problem: str | None


class Status(msgspec.Struct, frozen=True):
    """Everything; `reasons` say what is wrong, empty if nothing is. `broker` says why Kafka did not answer."""

    at: dt.datetime
    broker: str | None
    group_state: str | None
    workers: tuple[WorkerLine, ...]
    partitions: tuple[GroupPartition, ...]
    table: TableLine | None
    table_problem: str | None
    state_dir: str
    disk_free_bytes: int | None
    reasons: tuple[Reason, ...]
    replica: ReplicaLine | None = None

    @property
    def is_red(self) -> bool:
        """Whether something is wrong."""
        return bool(self.reasons)


#: Reasons that a worker gives although it works itself.
OF_OTHERS: Final = frozenset({"foreign_standstill", "bars_late"})
_RUN_THE_JOB: Final = "run the daily job and look at its exit code; for replayed history set BARS_DUE_HOURS=0"
#: Less free than this, and a worker may end with a full disk within a day.
LEAST_FREE_BYTES: Final = 1 << 30


def reasons_of(
    *,
    broker: str | None,
    workers: Sequence[WorkerLine],
    partitions: Sequence[GroupPartition],
    table: TableLine | None,
    table_problem: str | None,
    disk_free_bytes: int | None,
    replica: ReplicaLine | None = None,
) -> tuple[Reason, ...]:
    """What is wrong, each thing once."""
    found = [Reason("broker_away", broker)] if broker is not None else _of_group(workers, partitions)
    found += [_with_owners(reason, partitions) for reason in _of_workers(workers, broker_answers=broker is None)]
    # The bars of a backlog that is read are old at first; the workers say when they have caught up.
    catches_up = any(each.lag_messages and (each.lag_seconds or 0.0) >= LATE_SECONDS for each in partitions)
    found += _of_table(table, table_problem, judges_bars=not catches_up and "bars_late" not in {each.code for each in found})
    found += _of_replica(replica, broker_answers=broker is None)
    if disk_free_bytes is not None and disk_free_bytes < LEAST_FREE_BYTES:
        found.append(Reason("disk", f"{disk_free_bytes / 2**20:.0f} MB are free on the disk of the state folder: make room"))
    return tuple(found)


def _of_group(workers: Sequence[WorkerLine], partitions: Sequence[GroupPartition]) -> list[Reason]:
    if not workers:
        return [Reason("no_worker", "no worker runs: start one with `python -m streams worker`")] if partitions else []
    ownerless = [each for each in partitions if each.owner is None]
    if not ownerless:
        return []
    named = ", ".join(f"{each.partition} ({each.lag_messages} messages wait)" for each in ownerless)
    return [Reason("no_owner", f"no worker has partitions {named}: they are being dealt; if it lasts, start a worker")]


def _of_workers(workers: Sequence[WorkerLine], *, broker_answers: bool) -> list[Reason]:
    found = [Reason("worker_silent", f"{each.name}: {each.problem}") for each in workers if each.problem is not None]
    known = [(each.name, each.figures) for each in workers if each.figures is not None]
    group_wide: dict[str, Reason] = {}
    late = _late_everywhere([figures for _, figures in known])
    for name, figures in known:
        for reason in figures.reasons:
            if not _group_wide(reason):
                found.append(Reason(reason.code, f"{name}: {reason.text}"))
            elif reason.code == "bars_late" and not any(
                each.late_sessions and each.calendar in late for each in figures.calendars
            ):
                continue  # another worker gets these bars
            elif reason.code != "broker_away" or broker_answers:
                group_wide.setdefault(reason.code, reason)
    found += group_wide.values()
    versions = {figures.version for _, figures in known}
    if len(versions) > 1:
        found.append(Reason("mixed_versions", f"workers run different versions: {', '.join(sorted(versions))}"))
    return found


def _late_everywhere(workers: Sequence[WorkerFigures]) -> set[str]:
    """Exchanges whose bars are late on all workers that have their tickers; of others some worker has delisted tickers."""
    fewest: dict[str, int] = {}
    for figures in workers:
        for each in figures.calendars:
            if each.late_sessions is not None:
                fewest[each.calendar] = min(each.late_sessions, fewest.get(each.calendar, each.late_sessions))
    return {calendar for calendar, sessions_late in fewest.items() if sessions_late}


def _with_owners(reason: Reason, partitions: Sequence[GroupPartition]) -> Reason:
    """Workers know which partitions of others stand still, but not whose they are."""
    if reason.code != "foreign_standstill":
        return reason
    standing = [each for each in partitions if (each.lag_seconds or 0.0) >= FOREIGN_STANDSTILL_SECONDS]
    owners = ", ".join(sorted({each.owner or "nobody" for each in standing}))
    return Reason(reason.code, f"owner {owners}: {reason.text}") if owners else reason


def _of_table(table: TableLine | None, problem: str | None, *, judges_bars: bool) -> list[Reason]:
    found = [] if problem is None else [Reason("table", problem)]
    if table is None:
        return found
    if table.unreadable:
        found.append(
            Reason("unreadable_rows", f"{table.unreadable} rows cannot be read: `python -m state forecasts` names them")
        )
    late = ", ".join(f"{name} {sessions(count)}" for name, count in sorted(table.late_sessions.items()) if count)
    if late and judges_bars:
        found.append(Reason("bars_late", f"bars are overdue: {late}; {_RUN_THE_JOB}"))
    return found


def _of_replica(replica: ReplicaLine | None, *, broker_answers: bool) -> list[Reason]:
    if replica is None:
        return []
    if replica.problem is not None:
        return [Reason("replica_silent", f"replica: {replica.problem}")]
    reasons = () if replica.figures is None else replica.figures.reasons
    return [Reason(each.code, f"replica: {each.text}") for each in reasons if each.code != "broker_away" or broker_answers]


def _group_wide(reason: Reason) -> bool:
    """Whether every worker says the same of it."""
    return reason.code == "broker_away" or reason.code in OF_OTHERS
