"""A worker's metrics: each with its place in the worker's figures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry

from monitoring.exposition import Specification, mapping, plain, registry_of
from monitoring.figures import WorkerFigures
from monitoring.reason_class import REJECTION_CLASSES


def _midnight(date: dt.date) -> float:
    return dt.datetime.combine(date, dt.time(), dt.UTC).timestamp()


def _rejected(figures: WorkerFigures) -> Mapping[str, float]:
    """All classes: Prometheus sees no increase in a counter that appears with its first count."""
    return dict.fromkeys(REJECTION_CLASSES, 0) | dict(figures.rejected)


WORKER_METRICS: Final[tuple[Specification[WorkerFigures], ...]] = (
    Specification("worker_info", "1; which version runs", ("worker", "version"), lambda f: [((f.worker, f.version), 1.0)]),
    Specification("ready", "1 if the worker and its group do their work", (), plain(lambda f: float(not f.reasons))),
    Specification(
        "not_ready_reason",
        "1 for each reason of not being ready",
        ("reason",),
        lambda f: [((code,), 1.0) for code in sorted({reason.code for reason in f.reasons})],
    ),
    Specification("uptime_seconds", "Since the worker's start", (), plain(lambda f: f.uptime_seconds)),
    Specification("messages_total", "Messages of bars that were processed", (), plain(lambda f: f.messages)),
    Specification("bars_total", "Bars by what became of them", ("outcome",), mapping(lambda f: f.bars)),
    Specification("suspect_bars_total", "Bars kept although they are suspect", (), plain(lambda f: f.suspect_bars)),
    Specification("rejected_messages_total", "Messages refused, by class of reason", ("reason",), mapping(_rejected)),
    Specification("refetched_total", "Fetches repeated for lost messages", (), plain(lambda f: f.refetched)),
    Specification(
        "partition_lag_messages",
        "Messages that wait, by partition of the bars; own is whether the partition is this worker's",
        ("partition", "own"),
        lambda f: [((str(p.partition), str(p.is_own).lower()), float(p.lag_messages)) for p in f.partitions],
    ),
    Specification(
        "partition_lag_seconds",
        "For how long the oldest waiting message has been seen to wait",
        ("partition", "own"),
        lambda f: [((str(p.partition), str(p.is_own).lower()), p.lag_seconds) for p in f.partitions],
    ),
    Specification(
        "partition_standing_seconds",
        "For how long messages have waited without any progress",
        ("partition", "own"),
        lambda f: [((str(p.partition), str(p.is_own).lower()), p.standing_seconds) for p in f.partitions],
    ),
    Specification(
        "partition_moved_seconds",
        "Since the last progress seen",
        ("partition", "own"),
        lambda f: [
            ((str(p.partition), str(p.is_own).lower()), p.moved_seconds) for p in f.partitions if p.moved_seconds is not None
        ],
    ),
    Specification(
        "newest_bar_timestamp_seconds",
        "Midnight UTC of the newest bar's date, by the calendar of its exchange",
        ("calendar",),
        lambda f: [((c.calendar,), _midnight(c.newest)) for c in f.calendars],
    ),
    Specification(
        "late_sessions",
        "Sessions of the last 400 days after the newest bar whose bars are overdue; 0 until the worker has caught up",
        ("calendar",),
        lambda f: [((c.calendar,), float(c.late_sessions)) for c in f.calendars if c.late_sessions is not None],
    ),
    Specification(
        "calendar_known_until_timestamp_seconds",
        "Midnight UTC of the last session that the calendar knows, at most 30 days ahead; 0 while it cannot be read",
        ("calendar",),
        lambda f: [
            ((c.calendar,), 0.0 if c.is_unknown else _midnight(c.known_until or c.newest))
            for c in f.calendars
            if c.is_unknown or c.known_until is not None
        ],
    ),
    Specification("forecast_rows", "Rows of this worker's partitions", (), plain(lambda f: f.table.rows)),
    Specification("forecast_rows_fresh", "Of them, rows that serve", (), plain(lambda f: f.table.fresh)),
    Specification("forecast_rows_stale", "Of them, without new bars lately", (), plain(lambda f: f.table.stale)),
    Specification(
        "forecast_rows_ended", "Of them, without bars for more than 63 sessions: delisted", (), plain(lambda f: f.table.ended)
    ),
    Specification(
        "forecast_fallback_rows",
        "Of them, rows without a trained model, by class of reason",
        ("reason",),
        mapping(lambda f: f.table.fallbacks),
    ),
    Specification("forecast_rows_written_total", "Rows written", (), plain(lambda f: f.rows_written)),
    Specification("trainings_due", "Not done at the last sweep", (), plain(lambda f: f.table.trainings_missing)),
    Specification("trainings_running", "Trainings queued or running", (), plain(lambda f: f.trainings_running)),
    Specification("trainings_total", "Trainings by outcome", ("outcome",), mapping(lambda f: f.trainings)),
    Specification(
        "training_seconds_total",
        "Wall-clock seconds of validating and training each model, all tickers",
        ("model",),
        mapping(lambda f: f.training_seconds),
    ),
    Specification(
        "oldest_training_cutoff_timestamp_seconds",
        "Midnight UTC of the last bar of the oldest training in use",
        (),
        plain(lambda f: None if f.table.oldest_cutoff is None else _midnight(f.table.oldest_cutoff)),
    ),
    Specification(
        "market_model_weight",
        "Mean weight of the market model in the volatility of the rows with a trained model",
        (),
        plain(lambda f: f.table.market_model_weight),
    ),
    Specification(
        "market_model_fit_timestamp_seconds",
        "Monday of the last week of bars that the market model was fitted to",
        (),
        plain(lambda f: None if f.market_model_fit is None else _midnight(f.market_model_fit)),
    ),
    Specification(
        "drifted_rows", "Rows whose candidate a drift alarm displaced by the baseline", (), plain(lambda f: f.table.drifted)
    ),
    Specification("training_process_deaths_total", "Training processes lost", (), plain(lambda f: f.pool_deaths)),
    Specification("event_loop_lag_seconds", "Worst of the last half minute", (), plain(lambda f: f.loop_lag_seconds)),
    Specification("lease_age_seconds", "Since the group last answered", (), plain(lambda f: f.lease_age_seconds)),
    Specification(
        "broker_silent_seconds",
        "Since the broker last answered",
        (),
        plain(lambda f: f.broker_silent_seconds),
    ),
    Specification("epochs_total", "Changes of the assignment of partitions", (), plain(lambda f: f.epochs)),
    Specification("recoveries_total", "Times that tables were read back", (), plain(lambda f: f.recoveries)),
    Specification("recovery_seconds", "The last time that took", (), plain(lambda f: f.recovery_seconds)),
    Specification("table_bytes", "On the disk, by table", ("table",), mapping(lambda f: f.table_bytes)),
)


def worker_registry(read: Callable[[], WorkerFigures]) -> CollectorRegistry:
    """The registry of a worker: its figures, and those of its process (CPU, memory, descriptors)."""
    return registry_of(WORKER_METRICS, read)
