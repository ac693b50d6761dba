"""Walk-forward validation: every forecast is made by a model that saw nothing of the horizon it is judged on."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np

from errors import DegenerateSeriesError, TooFewBarsError
from models.candidates.regression import LEAST_VARIANCE, LEAST_VARIANCE_SHARE
from models.conditions import is_frozen
from models.contract import Model, Window, horizon_returns, horizon_variances
from records import Floats

#: Trainings in the validation; between them the models only take in new bars, which is what they do when served.
FOLDS: Final = 2
#: The first training part: half of the bars leaves the other half to judge on.
FIRST_SHARE: Final = 0.5
#: Fewer origins than this tell nothing apart.
MINIMUM_ORIGINS: Final = 6
#: Non-overlapping horizons below which a score is an anecdote.
MINIMUM_HORIZONS: Final = 4


@dataclass(frozen=True, slots=True)
class Fold:
    """Train on the first `stop` bars, then forecast at each of `origins` (indices of the last known bar, ≥ stop − 1)."""

    stop: int
    origins: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Realised:
    """What came about after each origin, arrays of shape (origins,).

    `horizon_return` is simple, `daily_variance` the mean square of daily log returns (floored where a price stood still),
    `mean_return` the benchmark: the horizon's return at the mean of the fold's training part.
    """

    origin: np.ndarray
    horizon_return: Floats
    daily_variance: Floats
    mean_return: Floats


@dataclass(frozen=True, slots=True, eq=False)
class WalkForward:
    """A candidate's forecasts at each origin, arrays of shape (origins,)."""

    horizon_return: Floats
    daily_variance: Floats


def folds_of(window: Window, horizon: int) -> tuple[Fold, ...]:
    """The planned folds without the origins at which the price is frozen: nothing would be served there.

    Raises TooFewBarsError as `plan_folds`, DegenerateSeriesError when fewer than six origins are left.
    """
    planned = plan_folds(len(window), horizon)
    folds = tuple(
        Fold(fold.stop, tuple(origin for origin in fold.origins if not is_frozen(window.until(origin + 1).log_return)))
        for fold in planned
    )
    if sum(len(fold.origins) for fold in folds) < MINIMUM_ORIGINS:
        raise DegenerateSeriesError(
            f"{window.ticker}: its price stands still at nearly all dates to validate on: serve an estimate without a model"
        )
    return folds


def plan_folds(bars: int, horizon: int) -> tuple[Fold, ...]:
    """Folds over a window of `bars` bars; origins half a horizon apart, counted back from the last with a whole horizon left.

    The embargo is the labels' own: a training label ends within the first `stop` bars, and no origin lies before the last of
    them. Raises TooFewBarsError when fewer than four horizons could be judged.
    """
    first = int(bars * FIRST_SHARE)
    last = bars - 1 - horizon
    if last - (first - 1) < MINIMUM_HORIZONS * horizon:
        raise TooFewBarsError(f"{bars} bars leave less than {MINIMUM_HORIZONS} horizons of {horizon} bars to validate on")
    origins = range(last, first - 2, -max(1, horizon // 2))[::-1]
    bounds = np.linspace(first, last + 1, FOLDS + 1).astype(int).tolist()
    folds = []
    for start, end in itertools.pairwise(bounds):
        chosen = tuple(o for o in origins if start - 1 <= o < (end - 1 if end != bounds[-1] else end))
        folds.append(Fold(start, chosen))
    return tuple(folds)


def realised(window: Window, horizon: int, folds: tuple[Fold, ...]) -> Realised:
    """What came about at the folds' origins."""
    origin = np.array([o for fold in folds for o in fold.origins])
    variance = horizon_variances(window.log_return, horizon)
    floor = np.array([variance_floor(window.until(fold.stop)) for fold in folds for _ in fold.origins])
    means = [horizon * float(np.nanmean(np.expm1(window.log_return[: fold.stop]))) for fold in folds for _ in fold.origins]
    return Realised(
        origin,
        horizon_returns(window.log_return, horizon)[origin],
        np.maximum(variance[origin], floor),
        np.array(means),
    )


def variance_floor(window: Window) -> float:
    """The least variance that a forecast is judged against: a horizon in which the price stood still has no log."""
    return max(LEAST_VARIANCE, LEAST_VARIANCE_SHARE * float(np.nanmean(window.log_return**2)))


def walk_forward(model: type[Model], window: Window, horizon: int, seed: int, folds: tuple[Fold, ...]) -> WalkForward:
    """Train at each fold's stop and forecast at its origins. Raises what training and forecasting raise."""
    forecasts = []
    for fold in folds:
        if not fold.origins:
            continue
        trained = model.train(window.until(fold.stop), horizon, seed)
        forecasts += trained.forecasts(window, fold.origins)
    return WalkForward(np.array([f.horizon_return for f in forecasts]), np.array([f.daily_variance for f in forecasts]))
