"""A publishing job's metrics as a file for node_exporter's textfile collector: a job ends before anybody could scrape it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from prometheus_client import write_to_textfile

from errors import ForecastingError
from monitoring.exposition import Samples, Specification, registry_of
from producers.publish import PublishReport

logger = logging.getLogger(__name__)

_CRASHED: Final = 1


@dataclass(slots=True)
class JobFigures:
    """One run of a job: what became of its bars, how long it took, when it ended (seconds since 1970) and how."""

    source: str
    report: PublishReport = field(default_factory=PublishReport)
    suspect_bars: int = 0
    missing_sessions: int = 0
    seconds: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0


def _of_job(read: Callable[[JobFigures], float]) -> Callable[[JobFigures], Samples]:
    return lambda job: [((job.source,), float(read(job)))]


def _bars(job: JobFigures) -> Samples:
    report = job.report
    outcomes = {
        "new": report.bars - report.changed,
        "changed": report.changed,
        "known": report.skipped,
        "rejected": report.rejected,
    }
    return [((job.source, outcome), float(count)) for outcome, count in outcomes.items()]


#: All have the label `source`: node_exporter refuses two files with the same metric and labels.
JOB_METRICS: Final[tuple[Specification[JobFigures], ...]] = (
    Specification(
        "job_exit_code", "Of the last run: 0, or 3 if some tickers failed", ("source",), _of_job(lambda j: j.exit_code)
    ),
    Specification("job_finished_timestamp_seconds", "When the last run ended", ("source",), _of_job(lambda j: j.finished_at)),
    Specification("job_seconds", "What the last run took", ("source",), _of_job(lambda j: j.seconds)),
    Specification(
        "job_sent_messages",
        "Messages of the last run that the brokers confirmed",
        ("source",),
        _of_job(lambda j: j.report.messages),
    ),
    Specification("job_bars", "Bars of the last run by what became of them", ("source", "outcome"), _bars),
    Specification(
        "job_rejected_bars",
        "Refused bars of the last run, by class of reason",
        ("source", "reason"),
        lambda job: [((job.source, reason), float(count)) for reason, count in sorted(job.report.rejections.items())],
    ),
    Specification("job_suspect_bars", "Bars kept although they are suspect", ("source",), _of_job(lambda j: j.suspect_bars)),
    Specification(
        "job_missing_sessions",
        "Sessions between first and last bar without one, all tickers",
        ("source",),
        _of_job(lambda j: j.missing_sessions),
    ),
    Specification(
        "job_failed_tickers", "Tickers of which nothing could be fetched", ("source",), _of_job(lambda j: len(j.report.failed))
    ),
)


@contextmanager
def job_metrics(path: Path | None, source: str, *, clock: Callable[[], float] = time.time) -> Iterator[JobFigures]:
    """The figures of the job that runs in the block; its end writes them to `path`, whether it succeeds or not.

    A file that cannot be written is a warning: the bars are published nevertheless.
    """
    figures = JobFigures(source)
    started = time.monotonic()
    try:
        yield figures
    except ForecastingError as error:
        figures.exit_code = error.exit_code
        raise
    except SystemExit as leaving:
        figures.exit_code = leaving.code if isinstance(leaving.code, int) else _CRASHED
        raise
    except BaseException:
        figures.exit_code = _CRASHED
        raise
    finally:
        figures.seconds, figures.finished_at = time.monotonic() - started, clock()
        if path is not None:
            try:
                write_to_textfile(str(path), registry_of(JOB_METRICS, lambda: figures, process=False))
            except OSError as error:
                logger.warning("metrics of the job not written path=%s reason=%s", path, error)
