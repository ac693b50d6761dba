"""A replica of the workers' tables: its numbers, its metrics, and what keeps it from its work. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from monitoring.exposition import Samples, Specification, mapping, plain
from monitoring.judgement import AWAY_SECONDS, STANDSTILL_SECONDS, Reason
from monitoring.progress import Progress


class ReplicaPartition(msgspec.Struct, frozen=True):
    """A partition of a table: how many records wait, for how long the oldest has been seen, and how long without progress."""

    table: str
    partition: int
    lag_messages: int
    lag_seconds: float
    standing_seconds: float


class ReplicaFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Counters since the start, and how it stands now; `reasons` is empty if the replica does its work.

    `rows` are the forecasts that readers get; `values` and `table_bytes` are by table (`forecasts`, `history`, `models`).
    `void` records were written by a worker that had lost its partition; `copies` counts how often a copy was begun anew.
    """

    version: str
    host: str
    pid: int
    uptime_seconds: float
    reasons: tuple[Reason, ...]
    rows: int
    values: Mapping[str, int]
    records: int
    void: int
    copies: int
    partitions: tuple[ReplicaPartition, ...]
    broker_silent_seconds: float
    table_bytes: Mapping[str, int]


def replica_reasons(
    now: float,
    answered_at: float,
    progress: Mapping[tuple[str, int], Progress],
    incomplete: Iterable[tuple[str, int]] = (),
    leaderless: Mapping[tuple[str, int], float] | None = None,
) -> tuple[Reason, ...]:
    """Why the copies fall behind their topics; empty if they do not. Moments are seconds of a monotonic clock.

    `progress` is by table and partition; `incomplete` copies were read to the end of their changelogs and lack values;
    `leaderless` says since when a partition has had no leader.
    """
    silent = now - answered_at
    if silent > AWAY_SECONDS:
        text = f"Kafka has not answered this replica for {silent:.0f} s: bring it back; the copies stay as they are meanwhile"
        return (Reason("broker_away", text),)
    reasons: list[Reason] = []
    stood = [
        f"{table} {number} ({each.lag} messages, {each.stood_for(now):.0f} s)"
        for (table, number), each in sorted(progress.items())
        if each.stood_for(now) >= STANDSTILL_SECONDS
    ]
    if stood:
        text = f"partitions stand still: {', '.join(stood)}: kill -9 the replica and start it again"
        reasons.append(Reason("standstill", text))
    unled = sorted((table, number) for (table, number), since in (leaderless or {}).items() if now - since > AWAY_SECONDS)
    if unled:
        named = ", ".join(f"{table} {number}" for table, number in unled)
        text = (
            f"partitions have no leader: {named}: bring back the broker that had them; their copies stay as they are meanwhile"
        )
        reasons.append(Reason("no_leader", text))
    lacking = ", ".join(f"{table} {number}" for table, number in sorted(incomplete))
    if lacking:
        text = f"changelogs have lost values: {lacking}: if it lasts, stop the workers and run `python -m streams rebuild`"
        reasons.append(Reason("incomplete", text))
    return tuple(reasons)


def _by_partition(read: Callable[[ReplicaPartition], float]) -> Callable[[ReplicaFigures], Samples]:
    return lambda figures: [((each.table, str(each.partition)), float(read(each))) for each in figures.partitions]


REPLICA_METRICS: Final[tuple[Specification[ReplicaFigures], ...]] = (
    Specification("replica_info", "1; which version runs", ("version",), lambda f: [((f.version,), 1.0)]),
    Specification("replica_ready", "1 if the replica does its work", (), plain(lambda f: float(not f.reasons))),
    Specification(
        "replica_not_ready_reason",
        "1 for each reason of not being ready",
        ("reason",),
        lambda f: [((code,), 1.0) for code in sorted({reason.code for reason in f.reasons})],
    ),
    Specification("replica_uptime_seconds", "Since the replica's start", (), plain(lambda f: f.uptime_seconds)),
    Specification("replica_rows", "Forecasts that readers get, also from before a rebuild", (), plain(lambda f: f.rows)),
    Specification(
        "replica_values", "Values that readers get, also from before a rebuild", ("table",), mapping(lambda f: f.values)
    ),
    Specification("replica_records_total", "Records of the topics that were read", (), plain(lambda f: f.records)),
    Specification(
        "replica_void_records_total", "Records of workers that had lost their partition", (), plain(lambda f: f.void)
    ),
    Specification("replica_copies_total", "Times that a partition's copy was begun anew", (), plain(lambda f: f.copies)),
    Specification(
        "replica_lag_messages", "Records that wait", ("table", "partition"), _by_partition(lambda each: each.lag_messages)
    ),
    Specification(
        "replica_lag_seconds",
        "For how long the oldest waiting record has been seen to wait",
        ("table", "partition"),
        _by_partition(lambda each: each.lag_seconds),
    ),
    Specification(
        "replica_standing_seconds",
        "For how long records have waited without any progress",
        ("table", "partition"),
        _by_partition(lambda each: each.standing_seconds),
    ),
    Specification(
        "replica_broker_silent_seconds", "Since the broker last answered", (), plain(lambda f: f.broker_silent_seconds)
    ),
    Specification("replica_table_bytes", "On the disk", ("table",), mapping(lambda f: f.table_bytes)),
)
