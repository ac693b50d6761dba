"""Figures that a worker tells of itself."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from monitoring.figures import CalendarFigures, PartitionFigures, TableFigures, WorkerFigures


def figures(name: str, **changes: Any) -> WorkerFigures:
    """A worker of two partitions, one of them behind."""
    made = WorkerFigures(
        worker=name,
        version="0.2.1",
        host="alpha",
        pid=4711,
        uptime_seconds=93_000.0,
        reasons=(),
        messages=900,
        bars={"accepted": 629_040, "duplicate": 12, "corrected": 3, "expired": 0},
        suspect_bars=20,
        rejected={"price": 23},
        refetched=0,
        rows_written=5_000,
        partitions=(PartitionFigures(0, True, 0, 0.0, 0.0, 12.0), PartitionFigures(1, False, 7, 65.0, 65.0, 80.0)),
        calendars=(CalendarFigures("XNYS", 498, dt.date(2026, 11, 25), 0),),
        table=TableFigures(498, 490, 8, {"too_few_bars": 3}, 0),
        trainings_running=2,
        trainings={"done": 495, "failed": 1, "superseded": 40},
        trainings_failing={"ODD": "never converges"},
        pool_deaths=0,
        loop_lag_seconds=0.02,
        lease_age_seconds=0.4,
        broker_silent_seconds=2.0,
        epochs=3,
        recoveries=1,
        recovery_seconds=1.2,
        table_bytes={"history": 30 << 20, "models": 28 << 20, "forecasts": 3 << 20},
    )
    return msgspec.structs.replace(made, **changes)
