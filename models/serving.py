"""From a window and what was trained on it to the row of the forecast table; NumPy alone, cheap enough for every new bar."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from errors import ModelError
from models.candidates.registry import MODELS
from models.conditions import is_frozen
from models.contract import HorizonForecast, Model, Window
from models.historical import historical_estimate, window_mean
from models.intervals import empirical_tails, return_bounds
from models.market.inputs import ERROR_BARS, INPUT_BARS
from models.pooling.shrinkage import limited_return
from models.pooling.terms import TERM_BARS, current_terms, mean_statistics
from models.results import TrainedTicker, decode_trained
from models.selection.combination import Combination, best_in_validation, candidate_forecasts
from models.selection.drift import drift_reason
from records import (
    CurrencySpan,
    Drift,
    FallbackStep,
    Forecast,
    PoolStatistics,
    currency_doubt,
    currency_of,
    date_of,
    periods_per_year,
    series_doubt,
    spans_between,
)
from version import VERSION

logger = logging.getLogger(__name__)

#: Features of earlier bars are not looked at by `make_forecast`, except for what marks of reports rest on
#: (`history.features.MARK_FEATURES`), of so many bars; of a window's returns and prices it sees all.
FEATURE_BARS: Final = max(TERM_BARS, ERROR_BARS)
MARK_BARS: Final = max(TERM_BARS, INPUT_BARS)
#: Name of the estimate that stands in for a trained model.
HISTORICAL: Final = "historical"
#: Name of the step that says why a row has no numbers although there are bars enough.
HELD_BACK: Final = "held_back"


@dataclass(frozen=True, slots=True, eq=False)
class LoadedTicker:
    """A training's result with its models decoded: keep it to refresh forecasts without decoding again.

    `tails` are the quantiles of the result's residuals (`empirical_tails`), `best` the candidates that were best in validation
    of the return and of the volatility, None without any.
    """

    trained: TrainedTicker
    models: dict[str, Model]
    tails: tuple[float, float] | None
    best: tuple[str | None, str | None]


class _Estimate(NamedTuple):
    """Annual decimals, as in the row."""

    annual_return: float
    annual_volatility: float
    standard_error: float


class _Made(NamedTuple):
    """The settings that a row was made under, its bars a year, and the currency of its prices."""

    horizon: int
    settings_hash: str
    periods: int
    currency: str | None


def load_trained(stored: bytes | TrainedTicker) -> LoadedTicker:
    """Decode a training's result and its models. Raises SchemaError or StateCorruptError."""
    trained = decode_trained(stored) if isinstance(stored, bytes) else stored
    models = {name: MODELS[name].from_bytes(payload) for name, payload in trained.models.items()}
    scored = [candidate for candidate in trained.candidates if candidate.failure is None]
    return LoadedTicker(
        trained, models, empirical_tails(trained.residuals), best_in_validation(scored) if scored else (None, None)
    )


def make_forecast(
    window: Window,
    trained: LoadedTicker | TrainedTicker | None,
    *,
    horizon: int,
    settings_hash: str,
    minimum_bars: int,
    reason: str | None = None,
    drift: Drift | None = None,
    hold_back: bool = True,
    currencies: Sequence[CurrencySpan] = (),
) -> Forecast:
    """The row for the window's last bar; the window must not be empty.

    If there are no trained models, or they fail on this window, the row has the historical volatility and the shrunk
    historical mean. It says why: `reason`, the candidates' failures, or the model's error. If even that fails, the numbers are
    None. The mean is shrunk because a young ticker's mean of some weeks promises hundreds of percent a year.

    If `drift` shows that a candidate has become worse, the baseline takes its part, and the row says so. With `hold_back` a
    doubtful series gets no numbers, since its volatility would be hundreds of percent: bars that are not daily, two series
    under one name, prices off by a power of ten (`records.series`) or in two currencies. `currencies` are the spans that the
    bars name, by date; without any in the window, the row has the symbol's.
    """
    loaded = load_trained(trained) if isinstance(trained, TrainedTicker) else trained
    within = spans_between(currencies, int(window.day[0]), int(window.day[-1]))
    periods = periods_per_year(window.ticker, window.day)
    made = _Made(horizon, settings_hash, periods, currency_of(window.ticker, within))
    steps: list[FallbackStep] = []
    doubt = (currency_doubt(within) or series_doubt(window.day, window.close)) if hold_back else None
    if doubt is not None:
        logger.warning("forecast held back ticker=%s as_of=%s reason=%s", window.ticker, window.as_of, doubt)
        return _row(window, None, loaded, (FallbackStep(model=HELD_BACK, reason=doubt),), made)
    if loaded is None:
        if reason is None:
            reason = f"{len(window)} bars, training needs {minimum_bars}" if len(window) < minimum_bars else "not trained yet"
        steps.append(FallbackStep(model="trained", reason=reason))
    else:
        steps.extend(loaded.trained.failures)
        combination = loaded.trained.combination
        if combination is not None:
            combination = _without_displaced(combination, drift, steps)
            forecasts = _candidate_forecasts(loaded, window, steps)
            try:
                served = combination.forecast(forecasts)
            except KeyError:  # the reason of the model that is missing stands in the steps
                logger.warning("served model failed ticker=%s as_of=%s", window.ticker, window.as_of)
            else:
                return _trained_row(window, loaded, combination, forecasts, served, tuple(steps), made, drift)
    logger.warning("fallback ticker=%s as_of=%s reason=%s", window.ticker, window.as_of, steps[-1].reason)
    return _historical_row(window, loaded, tuple(steps), made)


def _without_displaced(combination: Combination, drift: Drift | None, steps: list[FallbackStep]) -> Combination:
    """The combination without the candidates that drift has displaced; why is added to `steps`."""
    if drift is None:
        return combination
    returns, variance = drift.returns, drift.variance
    for monitor, model, baseline, loss in (
        (returns, combination.return_best, combination.return_base, "squared error of the return"),
        (variance, combination.volatility_best, combination.volatility_base, "QLIKE"),
    ):
        if monitor is not None and monitor.alarm is not None:
            steps.append(FallbackStep(model=model, reason=drift_reason(monitor, model, baseline, loss)))
    return combination.displaced(
        returns=returns is not None and returns.alarm is not None,
        volatility=variance is not None and variance.alarm is not None,
    )


def _candidate_forecasts(loaded: LoadedTicker, window: Window, steps: list[FallbackStep]) -> dict[str, HorizonForecast]:
    """Each candidate's forecast; why there is none, or one without a number, is added to `steps`."""
    forecasts: dict[str, HorizonForecast] = {}
    for name, model in loaded.models.items():
        try:
            forecast = model.forecast(window)
        except ModelError as error:
            steps.append(FallbackStep(model=name, reason=str(error)))
            continue
        if math.isfinite(forecast.horizon_return) and 0.0 < forecast.daily_variance < math.inf:
            forecasts[name] = forecast
        else:
            steps.append(
                FallbackStep(model=name, reason=f"{window.ticker}: {name} produced a NaN or infinite forecast: {forecast}")
            )
    return forecasts


def _trained_row(
    window: Window,
    loaded: LoadedTicker,
    combination: Combination,
    forecasts: dict[str, HorizonForecast],
    served: HorizonForecast,
    steps: tuple[FallbackStep, ...],
    made: _Made,
    drift: Drift | None,
) -> Forecast:
    trained, periods = loaded.trained, made.periods
    best_return, best_volatility = loaded.best
    volatility = math.sqrt(served.daily_variance * periods)
    standard_error = volatility / math.sqrt(trained.bars_used / periods)
    estimate = _Estimate(served.horizon_return * periods / made.horizon, volatility, standard_error)
    row = _row(window, estimate, loaded, steps, made, tails=loaded.tails)
    return msgspec.structs.replace(
        row,
        return_model=combination.return_model,
        volatility_model=combination.volatility_model,
        best_return_model=best_return,
        best_volatility_model=best_volatility,
        return_weight=combination.return_weight,
        volatility_weight=combination.volatility_weight,
        opinions=candidate_forecasts(forecasts),
        pool=_pool_statistics(window, made.horizon, trained, loaded.tails),
        drift=drift,
        bars_used=trained.bars_used,
    )


def _pool_statistics(
    window: Window, horizon: int, trained: TrainedTicker | None = None, tails: tuple[float, float] | None = None
) -> PoolStatistics:
    mean, mean_variance = mean_statistics(window)
    return PoolStatistics(
        mean_return=mean,
        mean_return_variance=mean_variance,
        terms=current_terms(window, horizon).astype("<f4").tobytes(),
        weeks=b"" if trained is None else trained.weeks,
        panel=b"" if trained is None else trained.panel,
        deltas={} if trained is None else trained.deltas,
        tails=tails,
    )


def _historical_row(window: Window, loaded: LoadedTicker | None, steps: tuple[FallbackStep, ...], made: _Made) -> Forecast:
    """The row without a model's part: the historical volatility and the shrunk historical mean, or why there are none."""
    try:
        estimate = historical_estimate(window.log_return, made.periods)
        annual_return = window.once(window_mean).daily_return * made.periods
    except ModelError as error:
        return _row(window, None, loaded, (*steps, FallbackStep(model=HISTORICAL, reason=str(error))), made)
    numbers = _Estimate(annual_return, estimate.annual_volatility, estimate.standard_error)
    return msgspec.structs.replace(
        _row(window, numbers, loaded, steps, made),
        return_model=HISTORICAL,
        volatility_model=HISTORICAL,
        fallback=HISTORICAL,
        # Other tickers say nothing about a halted one.
        pool=None if is_frozen(window.log_return) else _pool_statistics(window, made.horizon),
    )


def _row(
    window: Window,
    estimate: _Estimate | None,
    loaded: LoadedTicker | None,
    steps: tuple[FallbackStep, ...],
    made: _Made,
    *,
    tails: tuple[float, float] | None = None,
) -> Forecast:
    """What both kinds of rows share: the numbers, their intervals, and what they rest on."""
    numbers: tuple[float | None, ...] = (None,) * 7
    if estimate is not None:
        annual_return, steps = limited_return(estimate.annual_return, steps)
        variance = estimate.annual_volatility**2 / made.periods
        bounds = return_bounds(annual_return * made.horizon / made.periods, variance, made.horizon, tails)
        numbers = (annual_return, estimate.annual_volatility, estimate.standard_error, *bounds)
    return Forecast(
        ticker=window.ticker,
        as_of=window.as_of,
        last_close=float(window.close[-1]),
        horizon=made.horizon,
        annual_return=numbers[0],
        annual_volatility=numbers[1],
        return_standard_error=numbers[2],
        lower_80=numbers[3],
        upper_80=numbers[4],
        lower_95=numbers[5],
        upper_95=numbers[6],
        return_model=None,
        volatility_model=None,
        fallback=None,
        fallbacks=steps,
        candidates=() if loaded is None else loaded.trained.candidates,
        bars_used=len(window),
        training_cutoff=None if loaded is None else date_of(loaded.trained.cutoff),
        settings_hash=made.settings_hash,
        code_version=VERSION,
        periods_per_year=made.periods,
        currency=made.currency,
    )
