"""One ticker's part of an evaluation: a training and a forecast at each origin, and what came about. Runs in pool processes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from evaluation.benchmarks import AUTO_ARIMA, auto_arima_variances, variance_benchmarks
from models.candidates.registry import MODELS
from models.contract import Window
from models.results import TrainingJob
from models.selection.selector import mixed_seed
from models.selection.walkforward import variance_floor
from models.serving import load_trained, make_forecast
from models.training import train_ticker
from records import Days, Forecast
from settings import Settings


@dataclass(frozen=True, slots=True)
class Origin:
    """One ticker at one origin. `row` is what would have been served without other tickers' rows.

    `realised_return` is the simple return over the horizon that followed, `realised_variance` the mean square of its daily log
    returns. `own_mean` is the ticker's mean simple return over as many bars, `variances` are the benchmarks' forecasts.
    """

    row: Forecast
    realised_return: float
    realised_variance: float
    own_mean: float
    variances: dict[str, float]


@dataclass(frozen=True, slots=True)
class TickerResult:
    """A ticker's origins in the order of time, and what they cost.

    `retraining_ms` is the CPU time of its median retraining, since the first retraining loads libraries. `fit_ms` is the CPU
    time of one fit by each model.
    """

    ticker: str
    origins: list[Origin]
    retraining_ms: float
    fit_ms: dict[str, float]


def origin_rows(day: Days, dates: Days, horizon: int) -> list[int]:
    """Rows of a ticker's `day` that are its origins on these dates: after its first bar, with a whole horizon to check.

    On a date without a bar of its own the ticker has no origin.
    """
    rows = np.flatnonzero(np.isin(day, dates))
    return [int(row) for row in rows if 0 < row < len(day) - horizon]


def evaluate_ticker(window: Window, settings: Settings, dates: Days, *, garch: bool, auto_arima: bool = False) -> TickerResult:
    """Forecast on each of the dates (`evaluation.dates`) from the `lookback` bars before it, of which there must be two.

    `window` is the whole history; each forecast sees the part up to its origin alone.
    """
    found: list[Origin] = []
    spent: list[float] = []
    windows: list[Window] = []
    fit_ms: dict[str, float] = {}
    for stop in origin_rows(window.day, dates, settings.horizon):
        known = window.until(stop + 1).last(settings.lookback)
        started = time.process_time()
        row = served_row(known, settings)
        spent.append(time.process_time() - started)
        following = window.log_return[stop + 1 : stop + 1 + settings.horizon]
        found.append(
            Origin(
                row,
                math.expm1(float(following.sum())),
                max(float(np.mean(following**2)), variance_floor(known)),
                settings.horizon * float(np.nanmean(np.expm1(known.log_return))),
                variance_benchmarks(known, settings.horizon, garch=garch) if row.opinions else {},
            )
        )
        windows.append(known)
        if row.opinions and not fit_ms:
            fit_ms = _fit_milliseconds(known, settings, [score.model for score in row.candidates if score.failure is None])
    if auto_arima:
        trained = [(origin, known) for origin, known in zip(found, windows, strict=True) if origin.row.opinions]
        variances = auto_arima_variances([known for _, known in trained], settings.horizon)
        for (origin, _), variance in zip(trained, variances, strict=True):
            origin.variances[AUTO_ARIMA] = variance
    return TickerResult(window.ticker, found, 1000.0 * float(np.median(spent or [0.0])), fit_ms)


def served_row(known: Window, settings: Settings) -> Forecast:
    """The row that would be served after the last bar of this window, without other tickers' rows."""
    job = TrainingJob(
        window=known,
        digest=b"",
        horizon=settings.horizon,
        seed=settings.seed,
        models=tuple(settings.models),
        minimum_bars=settings.minimum_bars,
        settings_hash=settings.forecast_hash,
    )
    return make_forecast(
        known,
        load_trained(train_ticker(job)),
        horizon=settings.horizon,
        settings_hash=settings.forecast_hash,
        minimum_bars=settings.minimum_bars,
    )


def _fit_milliseconds(known: Window, settings: Settings, fitted: Iterable[str]) -> dict[str, float]:
    """CPU time of one fit of each model in `fitted`; each is fitted once before, so that imports do not count."""
    spent = {}
    for name in fitted:
        seed = mixed_seed(settings.seed, known, name)
        started = time.process_time()
        MODELS[name].train(known, settings.horizon, seed)
        spent[str(name)] = 1000.0 * (time.process_time() - started)
    return spent
