"""From a window and what was trained on it to the row of the forecast table; NumPy alone, cheap enough for every new bar."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Final

import msgspec

from errors import ModelError
from models.baseline import historical_estimate, shrunk_mean
from models.candidates.registry import MODELS
from models.conditions import is_frozen
from models.contract import HorizonForecast, Model, Window
from models.intervals import empirical_tails, return_bounds
from models.pooling.shrinkage import limited_return
from models.pooling.terms import TERM_BARS, current_terms, mean_statistics
from models.results import CODE_VERSION, TrainedTicker, decode_trained
from models.selection.combination import Combination, as_opinions
from models.selection.drift import drift_reason
from records import TRADING_DAYS, Drift, FallbackStep, Forecast, PoolStatistics, date_of

logger = logging.getLogger(__name__)

#: Features of earlier bars are not looked at by `make_forecast`; of a window's returns and prices it sees all.
FEATURE_BARS: Final = TERM_BARS
#: Name of the estimate that stands in for a trained model.
HISTORICAL: Final = "historical"


@dataclass(frozen=True, slots=True, eq=False)
class LoadedTicker:
    """A training's result with its models decoded: keep it to refresh forecasts without decoding again.

    `tails` are the quantiles of the result's residuals (`empirical_tails`).
    """

    trained: TrainedTicker
    models: dict[str, Model]
    tails: tuple[float, float] | None


def load_trained(stored: bytes | TrainedTicker) -> LoadedTicker:
    """Decode a training's result and its models. Raises SchemaError or StateCorruptError."""
    trained = decode_trained(stored) if isinstance(stored, bytes) else stored
    models = {name: MODELS[name].from_bytes(payload) for name, payload in trained.models.items()}
    return LoadedTicker(trained, models, empirical_tails(trained.residuals))


def make_forecast(
    window: Window,
    trained: LoadedTicker | TrainedTicker | None,
    *,
    horizon: int,
    settings_hash: str,
    minimum_bars: int,
    reason: str | None = None,
    drift: Drift | None = None,
) -> Forecast:
    """The row for the window's last bar; the window must not be empty.

    Without trained models, or when those that serve fail on this window, the historical volatility and the shrunk historical
    mean stand in, and the row says why (`reason`, the candidates' failures, or the model's error); when even that cannot be
    made, the numbers are None. Shrunk, because a young ticker's mean of some weeks promises hundreds of percent a year.
    A candidate that `drift` shows to have become worse leaves its part to the baseline, and the row says that too.
    """
    loaded = load_trained(trained) if isinstance(trained, TrainedTicker) else trained
    steps: list[FallbackStep] = []
    if loaded is None:
        if reason is None:
            reason = f"{len(window)} bars, training needs {minimum_bars}" if len(window) < minimum_bars else "not trained yet"
        steps.append(FallbackStep(model="trained", reason=reason))
    else:
        steps.extend(loaded.trained.failures)
        combination = loaded.trained.combination
        if combination is not None:
            combination = _without_displaced(combination, drift, steps)
            answers = _answers(loaded, window, steps)
            try:
                served = combination.forecast(answers)
            except KeyError:  # the reason of the model that is missing stands in the steps
                logger.warning("served model failed ticker=%s as_of=%s", window.ticker, window.as_of)
            else:
                row = _trained_row(window, loaded, combination, answers, served, tuple(steps), horizon, settings_hash)
                return msgspec.structs.replace(row, drift=drift)
    logger.warning("fallback ticker=%s as_of=%s reason=%s", window.ticker, window.as_of, steps[-1].reason)
    return _historical_row(window, loaded, steps, horizon, settings_hash)


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


def _answers(loaded: LoadedTicker, window: Window, steps: list[FallbackStep]) -> dict[str, HorizonForecast]:
    """Each candidate's forecast; why there is none, or one without a number, is added to `steps`."""
    answers: dict[str, HorizonForecast] = {}
    for name, model in loaded.models.items():
        try:
            answer = model.forecast(window)
        except ModelError as error:
            steps.append(FallbackStep(model=name, reason=str(error)))
            continue
        if math.isfinite(answer.horizon_return) and 0.0 < answer.daily_variance < math.inf:
            answers[name] = answer
        else:
            steps.append(FallbackStep(model=name, reason=f"{window.ticker}: {name} gave no number: {answer}"))
    return answers


def _trained_row(
    window: Window,
    loaded: LoadedTicker,
    combination: Combination,
    answers: dict[str, HorizonForecast],
    served: HorizonForecast,
    steps: tuple[FallbackStep, ...],
    horizon: int,
    settings_hash: str,
) -> Forecast:
    volatility = math.sqrt(served.daily_variance * TRADING_DAYS)
    trained, tails = loaded.trained, loaded.tails
    annual_return, steps = limited_return(served.horizon_return * TRADING_DAYS / horizon, steps)
    bounds = return_bounds(annual_return * horizon / TRADING_DAYS, served.daily_variance, horizon, tails)
    return Forecast(
        ticker=window.ticker,
        as_of=window.as_of,
        last_close=float(window.close[-1]),
        horizon=horizon,
        annual_return=annual_return,
        annual_volatility=volatility,
        return_standard_error=volatility / math.sqrt(trained.bars_used / TRADING_DAYS),
        lower_80=bounds[0],
        upper_80=bounds[1],
        lower_95=bounds[2],
        upper_95=bounds[3],
        return_model=combination.return_model,
        volatility_model=combination.volatility_model,
        fallback=None,
        best_return_model=combination.return_best,
        best_volatility_model=combination.volatility_best,
        return_weight=combination.return_weight,
        volatility_weight=combination.volatility_weight,
        opinions=as_opinions(answers),
        pool=_pool_statistics(window, horizon, trained, tails),
        fallbacks=steps,
        candidates=trained.candidates,
        bars_used=trained.bars_used,
        training_cutoff=date_of(trained.cutoff),
        settings_hash=settings_hash,
        code_version=CODE_VERSION,
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
        tails=tails,
    )


def _historical_row(
    window: Window, loaded: LoadedTicker | None, steps: list[FallbackStep], horizon: int, settings_hash: str
) -> Forecast:
    numbers: tuple[float | None, ...] = (None,) * 7
    pool: PoolStatistics | None = None
    fallback: str | None = HISTORICAL
    said = tuple(steps)
    try:
        estimate = historical_estimate(window.log_return)
        annual_return, said = limited_return(shrunk_mean(window.log_return).daily_return * TRADING_DAYS, said)
    except ModelError as error:
        said = (*said, FallbackStep(model=HISTORICAL, reason=str(error)))
        fallback = None
    else:
        variance = estimate.annual_volatility**2 / TRADING_DAYS
        bounds = return_bounds(annual_return * horizon / TRADING_DAYS, variance, horizon, None)
        numbers = (annual_return, estimate.annual_volatility, estimate.standard_error, *bounds)
        if not is_frozen(window.log_return):  # what other tickers do tells nothing of a halted one
            pool = _pool_statistics(window, horizon)
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
        pool=pool,
        fallbacks=said,
        candidates=() if loaded is None else loaded.trained.candidates,
        bars_used=len(window),
        training_cutoff=None if loaded is None else date_of(loaded.trained.cutoff),
        settings_hash=settings_hash,
        code_version=CODE_VERSION,
    )
