"""The losses of recorded forecasts whose horizon has ended, kept up to date beside the service: the source of its metrics."""

from __future__ import annotations

import datetime as dt
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self

import msgspec

from errors import ForecastingError, StateError, StateMissingError
from monitoring.exposition import Samples, Specification, plain
from records import Forecast
from review.live_losses import LiveFigures
from review.losses import Losses
from review.recording import record_rows
from settings import Settings

logger = logging.getLogger(__name__)

#: How often the table is looked at.
LOOK_SECONDS: Final = 60.0
#: Days of forecasts that the metrics cover: what was good years ago must not hide what is bad now.
COVERED_DAYS: Final = 365
#: How soon a service that ends takes the process along.
_STEP_SECONDS: Final = 0.2


class LiveReview:
    """Records what is served and judges what has ended, in a thread of its own. A context manager.

    `rows` gives the rows as they are served. They are recorded when they change. When a new date has begun, `losses` judges
    (default: a process of its own). A failure is logged and tried again: nothing that is served depends on it.
    """

    def __init__(
        self,
        settings: Settings,
        rows: Callable[[], Sequence[Forecast]],
        *,
        look_seconds: float = LOOK_SECONDS,
        losses: Callable[[Path, dt.date], LiveFigures] | None = None,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._settings = settings
        self._rows = rows
        self._look_seconds = look_seconds
        self._losses = losses or self._in_own_process
        self._now = now
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live review", daemon=True)
        self._seen: Sequence[Forecast] | None = None
        self._judged: dt.date | None = None
        self._failed = 0
        self.figures = LiveFigures()

    def __enter__(self) -> Self:
        if self._settings.record_days:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def look(self) -> None:
        """Record and judge what is new. Raises what reading and recording raise."""
        try:
            rows = self._rows()
        except StateMissingError:
            return  # nothing is served yet
        if rows is self._seen or not rows:
            return
        kept = record_rows(self._settings, rows, self._now())
        newest = max(row.as_of for row in rows)
        if newest != self._judged:
            self._judge(newest)
            self._judged = newest
        self._seen = rows
        logger.debug("served rows recorded count=%d", kept.added)

    def _judge(self, newest: dt.date) -> None:
        started = time.monotonic()
        found = self._losses(self._settings.state_dir, newest - dt.timedelta(days=COVERED_DAYS))
        self.figures = msgspec.structs.replace(found, failed=self._failed)
        ended = sum(losses.forecasts for losses in found.losses.values())
        logger.info("forecasts judged count=%d seconds=%.1f", ended, time.monotonic() - started)

    def _in_own_process(self, state_dir: Path, first: dt.date) -> LiveFigures:
        """The losses, computed by a process of its own, which ends when this service does."""
        command = [sys.executable, "-m", "review.live_losses", str(state_dir.absolute()), first.isoformat()]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own arguments
            while True:
                try:
                    output, _ = process.communicate(timeout=_STEP_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    if self._stop.is_set():
                        process.kill()
        if process.returncode:
            raise StateError(
                f"{state_dir}: what was served cannot be judged (exit code {process.returncode}); see the log above"
            )
        return msgspec.json.decode(output, type=LiveFigures)

    def _run(self) -> None:
        # The first look waits, too: a service that starts has requests to answer.
        while not self._stop.wait(self._look_seconds):
            try:
                self.look()
            except ForecastingError as error:
                self._failed += 1
                self.figures = msgspec.structs.replace(self.figures, failed=self._failed)
                logger.warning("served rows not recorded reason=%s", error)


def _by_horizon(read: Callable[[Losses], float | None]) -> Callable[[LiveFigures], Samples]:
    return lambda figures: [
        ((str(horizon),), float(value))
        for horizon, losses in sorted(figures.losses.items())
        if (value := read(losses)) is not None
    ]


def _of_both(
    served: Callable[[Losses], float], other: Callable[[Losses], float | None], name: str
) -> Callable[[LiveFigures], Samples]:
    return lambda figures: [
        ((str(horizon), kind), float(value))
        for horizon, losses in sorted(figures.losses.items())
        for kind, value in (("served", served(losses)), (name, other(losses)))
        if value is not None
    ]


def _coverage(figures: LiveFigures) -> Samples:
    return [
        ((str(horizon), level), estimate.mean)
        for horizon, losses in sorted(figures.losses.items())
        for level, estimate in (("80", losses.cover_80), ("95", losses.cover_95))
    ]


def _bound(losses: Losses, side: int) -> float | None:
    return None if losses.qlike_gain.interval is None else losses.qlike_gain.interval[side]


LIVE_METRICS: Final[tuple[Specification[LiveFigures], ...]] = (
    Specification(
        "live_forecasts",
        "Recorded forecasts of the last year whose horizon has ended, by horizon in bars",
        ("horizon",),
        _by_horizon(lambda each: float(each.forecasts)),
    ),
    Specification(
        "live_horizons_ended",
        "Horizons one after another that they cover: below 4 nothing is proven",
        ("horizon",),
        _by_horizon(lambda each: float(each.qlike_gain.blocks)),
    ),
    Specification(
        "live_return_r_squared",
        "R² of the return over the horizon against the ticker's own mean",
        ("horizon",),
        _by_horizon(lambda each: each.return_r2),
    ),
    Specification(
        "live_return_rmse",
        "RMSE of the simple return over the horizon, served and of the ticker's own mean",
        ("horizon", "forecast"),
        _of_both(lambda each: each.return_rmse, lambda each: each.return_rmse_mean, "own_mean"),
    ),
    Specification(
        "live_volatility_qlike",
        "QLIKE of the variance, served and of the baseline",
        ("horizon", "forecast"),
        _of_both(lambda each: each.qlike, lambda each: each.qlike_baseline, "baseline"),
    ),
    Specification(
        "live_volatility_rmse",
        "RMSE of the annual volatility, served and of the baseline",
        ("horizon", "forecast"),
        _of_both(lambda each: each.volatility_rmse, lambda each: each.volatility_rmse_baseline, "baseline"),
    ),
    Specification(
        "live_qlike_gain_upper",
        "Upper 95 % bound of the baseline's QLIKE less the served one's; below 0 the forecasts are proven worse",
        ("horizon",),
        _by_horizon(lambda each: _bound(each, 1)),
    ),
    Specification(
        "live_interval_coverage_ratio",
        "Share of returns inside the interval of this level in per cent",
        ("horizon", "level"),
        _coverage,
    ),
    Specification("live_recorded_forecasts", "Recorded in the last year", (), plain(lambda f: f.recorded)),
    Specification("live_recording_failures_total", "Times that recording or judging failed", (), plain(lambda f: f.failed)),
)
