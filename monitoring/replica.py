"""A replica of the forecast table: its numbers, its metrics, and what keeps it from its work. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from monitoring.exposition import Specification, mapping, plain
from monitoring.figures import PartitionFigures
from monitoring.judgement import AWAY_SECONDS, STANDSTILL_SECONDS, Reason
from monitoring.progress import Progress


class ReplicaFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Counters since the start, and how it stands now; `reasons` is empty if the replica does its work.

    `rows` are those of the copy; `left_out` records cannot be used, `void` records were written by a worker that had lost its
    partition; `copies` counts how often the copy was begun anew.
    """

    version: str
    host: str
    pid: int
    uptime_seconds: float
    reasons: tuple[Reason, ...]
    rows: int
    records: int
    left_out: int
    void: int
    copies: int
    partitions: tuple[PartitionFigures, ...]
    broker_silent_seconds: float
    table_bytes: int


def replica_reasons(now: float, answered_at: float, progress: Mapping[int, Progress]) -> tuple[Reason, ...]:
    """Why the copy falls behind its topic; empty if it does not. Moments are seconds of a monotonic clock."""
    silent = now - answered_at
    if silent > AWAY_SECONDS:
        text = f"Kafka has not answered this replica for {silent:.0f} s: bring it back; the rows stay as they are meanwhile"
        return (Reason("broker_away", text),)
    stood = [
        f"{number} ({each.lag} messages, {each.stood_for(now):.0f} s)"
        for number, each in sorted(progress.items())
        if each.stood_for(now) >= STANDSTILL_SECONDS
    ]
    if not stood:
        return ()
    text = f"partitions of the forecasts stand still: {', '.join(stood)}: kill -9 the replica and start it again"
    return (Reason("standstill", text),)


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
    Specification("replica_rows", "Rows of the copy", (), plain(lambda f: f.rows)),
    Specification("replica_records_total", "Records of the topic that were read", (), plain(lambda f: f.records)),
    Specification("replica_left_out_records_total", "Records that cannot be used", (), plain(lambda f: f.left_out)),
    Specification(
        "replica_void_records_total", "Records of workers that had lost their partition", (), plain(lambda f: f.void)
    ),
    Specification("replica_copies_total", "Times that the copy was begun anew", (), plain(lambda f: f.copies)),
    Specification(
        "replica_lag_messages",
        "Records that wait, by partition of the forecasts",
        ("partition",),
        mapping(lambda f: {str(p.partition): float(p.lag_messages) for p in f.partitions}),
    ),
    Specification(
        "replica_lag_seconds",
        "For how long the oldest waiting record has been seen to wait",
        ("partition",),
        mapping(lambda f: {str(p.partition): p.lag_seconds for p in f.partitions}),
    ),
    Specification(
        "replica_standing_seconds",
        "For how long records have waited without any progress",
        ("partition",),
        mapping(lambda f: {str(p.partition): p.standing_seconds for p in f.partitions}),
    ),
    Specification(
        "replica_broker_silent_seconds", "Since the broker last answered", (), plain(lambda f: f.broker_silent_seconds)
    ),
    Specification("replica_table_bytes", "On the disk", (), plain(lambda f: f.table_bytes)),
)
