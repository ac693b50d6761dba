"""A worker's metrics by Prometheus' rules: one prefix, base units, no ticker in a label. Read when they are asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from monitoring.figures import WorkerFigures

PREFIX: Final = "tidecast_"
CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
#: Labels, in the order of the specification's, and the value.
Samples = Iterable[tuple[tuple[str, ...], float]]


class Specification(NamedTuple):
    """A metric: its name without prefix (a counter's ends with `_total`), its labels, and where its values come from."""

    name: str
    help_text: str
    labels: tuple[str, ...]
    read: Callable[[WorkerFigures], Samples]


def _plain(read: Callable[[WorkerFigures], float | None]) -> Callable[[WorkerFigures], Samples]:
    def samples(figures: WorkerFigures) -> Samples:
        value = read(figures)
        return [] if value is None else [((), float(value))]

    return samples


def _mapping(read: Callable[[WorkerFigures], Mapping[str, float]]) -> Callable[[WorkerFigures], Samples]:
    return lambda figures: [((key,), float(value)) for key, value in sorted(read(figures).items())]


def _midnight(date: dt.date) -> float:
    return dt.datetime.combine(date, dt.time(), dt.UTC).timestamp()


WORKER_METRICS: Final = (
    Specification("worker_info", "1; which version runs", ("worker", "version"), lambda f: [((f.worker, f.version), 1.0)]),
    Specification("ready", "1 if the worker and its group do their work", (), _plain(lambda f: float(not f.reasons))),
    Specification(
        "not_ready_reason",
        "1 for each reason of not being ready",
        ("reason",),
        lambda f: [((code,), 1.0) for code in sorted({reason.code for reason in f.reasons})],
    ),
    Specification("uptime_seconds", "Since the worker's start", (), _plain(lambda f: f.uptime_seconds)),
    Specification("messages_total", "Messages of bars that were dealt with", (), _plain(lambda f: f.messages)),
    Specification("bars_total", "Bars by what became of them", ("outcome",), _mapping(lambda f: f.bars)),
    Specification("suspect_bars_total", "Bars kept although they are suspect", (), _plain(lambda f: f.suspect_bars)),
    Specification(
        "rejected_messages_total", "Messages refused, by class of reason", ("reason",), _mapping(lambda f: f.rejected)
    ),
    Specification("refetched_total", "Fetches repeated for lost messages", (), _plain(lambda f: f.refetched)),
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
        "Sessions after the newest bar whose bars are overdue",
        ("calendar",),
        lambda f: [((c.calendar,), float(c.late_sessions)) for c in f.calendars if c.late_sessions is not None],
    ),
    Specification("forecast_rows", "Rows of this worker's partitions", (), _plain(lambda f: f.table.rows)),
    Specification("forecast_rows_fresh", "Of them, rows that serve", (), _plain(lambda f: f.table.fresh)),
    Specification("forecast_rows_stale", "Of them, without new bars", (), _plain(lambda f: f.table.stale)),
    Specification(
        "forecast_fallback_rows",
        "Of them, rows without a trained model, by class of reason",
        ("reason",),
        _mapping(lambda f: f.table.fallbacks),
    ),
    Specification("forecast_rows_written_total", "Rows written", (), _plain(lambda f: f.rows_written)),
    Specification("trainings_due", "Not done at the last sweep", (), _plain(lambda f: f.table.trainings_missing)),
    Specification("trainings_running", "Trainings queued or running", (), _plain(lambda f: f.trainings_running)),
    Specification("trainings_total", "Trainings by outcome", ("outcome",), _mapping(lambda f: f.trainings)),
    Specification("training_process_deaths_total", "Training processes lost", (), _plain(lambda f: f.pool_deaths)),
    Specification("event_loop_lag_seconds", "Worst of the last half minute", (), _plain(lambda f: f.loop_lag_seconds)),
    Specification("lease_age_seconds", "Since the group last answered", (), _plain(lambda f: f.lease_age_seconds)),
    Specification(
        "broker_silent_seconds",
        "Since the broker last answered",
        (),
        _plain(lambda f: f.broker_silent_seconds),
    ),
    Specification("epochs_total", "Changes of the assignment of partitions", (), _plain(lambda f: f.epochs)),
    Specification("recoveries_total", "Times that tables were read back", (), _plain(lambda f: f.recoveries)),
    Specification("recovery_seconds", "The last time that took", (), _plain(lambda f: f.recovery_seconds)),
    Specification("table_bytes", "On the disk, by table", ("table",), _mapping(lambda f: f.table_bytes)),
)


class WorkerCollector(Collector):
    """Makes the metrics of the figures that `read` gives, when a scrape asks for them: nothing is counted twice."""

    def __init__(self, read: Callable[[], WorkerFigures]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client calls it."""
        figures = self._read()
        for metric in WORKER_METRICS:
            kind = CounterMetricFamily if metric.name.endswith("_total") else GaugeMetricFamily
            family = kind(PREFIX + metric.name.removesuffix("_total"), metric.help_text, labels=metric.labels)
            for labels, value in metric.read(figures):
                family.add_metric(labels, value)
            yield family

    def describe(self) -> list[Metric]:
        """Nothing: the figures are not there yet when this is registered."""
        return []


def worker_registry(read: Callable[[], WorkerFigures]) -> CollectorRegistry:
    """The registry of a worker: its figures, and those of its process (CPU, memory, descriptors)."""
    registry = CollectorRegistry()
    registry.register(WorkerCollector(read))
    ProcessCollector(registry=registry)
    return registry


def metrics_text(registry: CollectorRegistry) -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(registry)
