"""From a window and what was trained on it to the row of the forecast table; NumPy alone, cheap enough for every new bar."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from errors import ModelError
from models.baseline import historical_estimate
from models.contract import HorizonForecast, Model, Window
from models.registry import MODELS
from models.results import CODE_VERSION, TrainedTicker, decode_trained
from records import TRADING_DAYS, FallbackStep, Forecast, date_of

logger = logging.getLogger(__name__)

#: Name of the estimate that stands in for a trained model.
HISTORICAL: Final = "historical"
COVERAGES: Final = (0.80, 0.95)
#: Below this many residuals their quantiles say nothing; the normal ones serve alone.
MINIMUM_RESIDUALS: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class LoadedTicker:
    """A training's result with its selected models decoded: keep it to refresh forecasts without decoding again."""

    trained: TrainedTicker
    models: dict[str, Model]


def load_trained(stored: bytes | TrainedTicker) -> LoadedTicker:
    """Decode the models that serve. Raises SchemaError or StateCorruptError."""
    trained = decode_trained(stored) if isinstance(stored, bytes) else stored
    names = {trained.return_model, trained.volatility_model} - {None}
    return LoadedTicker(
        trained, {name: MODELS[name].from_bytes(payload) for name, payload in trained.models.items() if name in names}
    )


def make_forecast(
    window: Window,
    trained: LoadedTicker | TrainedTicker | None,
    *,
    horizon: int,
    settings_hash: str,
    minimum_bars: int,
    reason: str | None = None,
) -> Forecast:
    """The row for the window's last bar; the window must not be empty.

    Without trained models, or when they fail on this window, the historical estimate stands in, and the row says why (`reason`,
    the candidates' failures, or the model's error); when even that cannot be made, the numbers are None.
    """
    loaded = load_trained(trained) if isinstance(trained, TrainedTicker) else trained
    steps: list[FallbackStep] = []
    if loaded is None:
        if reason is None:
            reason = f"{len(window)} bars, training needs {minimum_bars}" if len(window) < minimum_bars else "not trained yet"
        steps.append(FallbackStep(model="trained", reason=reason))
    else:
        steps.extend(loaded.trained.failures)
        try:
            answer = _selected_forecast(loaded, window)
        except ModelError as error:
            steps.append(FallbackStep(model="selected", reason=str(error)))
        else:
            if answer is not None:
                return _trained_row(window, loaded.trained, answer, tuple(steps), horizon, settings_hash)
    logger.warning("fallback ticker=%s as_of=%s reason=%s", window.ticker, window.as_of, steps[-1].reason)
    return _historical_row(window, loaded, steps, horizon, settings_hash)


def _selected_forecast(loaded: LoadedTicker, window: Window) -> HorizonForecast | None:
    trained = loaded.trained
    if trained.return_model is None or trained.volatility_model is None:
        return None
    by_return = loaded.models[trained.return_model].forecast(window)
    by_volatility = loaded.models[trained.volatility_model].forecast(window)
    return HorizonForecast(by_return.horizon_return, by_volatility.daily_variance)


def _trained_row(
    window: Window,
    trained: TrainedTicker,
    answer: HorizonForecast,
    steps: tuple[FallbackStep, ...],
    horizon: int,
    settings_hash: str,
) -> Forecast:
    volatility = math.sqrt(answer.daily_variance * TRADING_DAYS)
    bounds = return_bounds(answer.horizon_return, answer.daily_variance, horizon, trained.residuals)
    return Forecast(
        ticker=window.ticker,
        as_of=window.as_of,
        last_close=float(window.close[-1]),
        horizon=horizon,
        annual_return=answer.horizon_return * TRADING_DAYS / horizon,
        annual_volatility=volatility,
        return_standard_error=volatility / math.sqrt(trained.bars_used / TRADING_DAYS),
        lower_80=bounds[0][0],
        upper_80=bounds[0][1],
        lower_95=bounds[1][0],
        upper_95=bounds[1][1],
        return_model=trained.return_model,
        volatility_model=trained.volatility_model,
        fallback=None,
        fallbacks=steps,
        candidates=trained.candidates,
        bars_used=trained.bars_used,
        training_cutoff=date_of(trained.cutoff),
        settings_hash=settings_hash,
        code_version=CODE_VERSION,
    )


def _historical_row(
    window: Window, loaded: LoadedTicker | None, steps: list[FallbackStep], horizon: int, settings_hash: str
) -> Forecast:
    numbers: tuple[float | None, ...] = (None,) * 7
    fallback: str | None = HISTORICAL
    try:
        estimate = historical_estimate(window.log_return)
    except ModelError as error:
        steps.append(FallbackStep(model=HISTORICAL, reason=str(error)))
        fallback = None
    else:
        variance = estimate.annual_volatility**2 / TRADING_DAYS
        bounds = return_bounds(estimate.annual_return * horizon / TRADING_DAYS, variance, horizon, ())
        numbers = (estimate.annual_return, estimate.annual_volatility, estimate.standard_error, *bounds[0], *bounds[1])
    return Forecast(
        ticker=window.ticker,
        as_of=window.as_of,
        last_close=float(window.close[-1]),
        horizon=horizon,
        annual_return=numbers[0],
        annual_volatility=numbers[1],
        return_standard_error=numbers[2],
        lower_80=numbers[3],
        upper_80=numbers[4],
        lower_95=numbers[5],
        upper_95=numbers[6],
        return_model=fallback,
        volatility_model=fallback,
        fallback=fallback,
        fallbacks=tuple(steps),
        candidates=() if loaded is None else loaded.trained.candidates,
        bars_used=len(window),
        training_cutoff=None if loaded is None else date_of(loaded.trained.cutoff),
        settings_hash=settings_hash,
        code_version=CODE_VERSION,
    )


def return_bounds(
    horizon_return: float, daily_variance: float, horizon: int, residuals: tuple[float, ...]
) -> tuple[tuple[float, float], ...]:
    """Lower and upper bound of the simple return over the horizon, for a coverage of 80 and of 95 %.

    The log return is centred on log(1 + `horizon_return`) less half its variance; the half-width in standard deviations is the
    mean of the normal quantile and of the quantile of the absolute walk-forward residuals (fat tails and all): each alone
    covers too little or too much on few origins.
    """
    variance = horizon * daily_variance
    center = math.log1p(max(horizon_return, -0.99)) - 0.5 * variance
    absolute = np.abs(residuals)
    bounds = []
    for coverage in COVERAGES:
        width = NormalDist().inv_cdf(0.5 + coverage / 2)
        if len(absolute) >= MINIMUM_RESIDUALS:
            width = 0.5 * (width + float(np.quantile(absolute, coverage)))
        spread = width * math.sqrt(variance)
        bounds.append((math.expm1(center - spread), math.expm1(center + spread)))
    return tuple(bounds)
