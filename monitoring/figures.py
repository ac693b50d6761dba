"""What a worker says of itself as numbers: the source of its metrics, of its pages and of `status`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import msgspec

from monitoring.judgement import Reason


class PartitionFigures(msgspec.Struct, frozen=True):
    """A partition of the bars, as its broker has it: `lag_seconds` is the age of the oldest message that waits.

    `standing_seconds` is for how long messages have waited without progress, `moved_seconds` the time since the last progress
    seen (None before the first).
    """

    partition: int
    is_own: bool
    lag_messages: int
    lag_seconds: float
    standing_seconds: float
    moved_seconds: float | None


class CalendarFigures(msgspec.Struct, frozen=True):
    """The newest bar of an exchange's tickers, and how many later sessions are overdue.

    None where nothing is expected, and while the calendar is not known (`is_unknown`): not read yet, or not readable.
    `known_until` is its last session within AHEAD_DAYS.
    """

    calendar: str
    tickers: int
    newest: dt.date
    late_sessions: int | None
    known_until: dt.date | None = None
    is_unknown: bool = False


class TableFigures(msgspec.Struct, frozen=True):
    """The rows of this worker's partitions, counted at the last sweep; a row may be stale and a fallback.

    Fresh, stale and ended rows are all rows: an ended row has had no bar for ENDED_SESSIONS, as after a delisting.

    `market_model_weight` is the mean weight of the market model in the volatility of the rows with a trained model, None
    without any; `drifted` are those whose candidate an alarm displaced, `oldest_cutoff` is the end of their oldest training.
    """

    rows: int = 0
    fresh: int = 0
    stale: int = 0
    fallbacks: Mapping[str, int] = {}
    trainings_missing: int = 0
    market_model_weight: float | None = None
    drifted: int = 0
    oldest_cutoff: dt.date | None = None
    ended: int = 0


class WorkerFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Counters since the worker's start, and how it stands now; `reasons` is empty if it does its work."""

    worker: str
    version: str
    host: str
    pid: int
    uptime_seconds: float
    reasons: tuple[Reason, ...]
    messages: int
    bars: Mapping[str, int]
    suspect_bars: int
    rejected: Mapping[str, int]
    refetched: int
    rows_written: int
    partitions: tuple[PartitionFigures, ...]
    calendars: tuple[CalendarFigures, ...]
    table: TableFigures
    trainings_running: int
    trainings: Mapping[str, int]
    trainings_failing: Mapping[str, str]
    pool_deaths: int
    loop_lag_seconds: float
    lease_age_seconds: float
    broker_silent_seconds: float
    epochs: int
    recoveries: int
    recovery_seconds: float | None
    table_bytes: Mapping[str, int]
    training_seconds: Mapping[str, float] = {}
    market_model_fit: dt.date | None = None
