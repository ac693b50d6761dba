"""Scores every candidate on the same walk-forward origins, and says which is best for the return and for the volatility."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

import numpy as np

from errors import ModelError, TrainingError
from models.candidates.registry import MODELS
from models.contract import HorizonForecast, Model, Window
from models.market.model import market_model
from models.selection.combination import BASELINE, Combination
from models.selection.drift import Monitors, monitors_at_cutoff
from models.selection.evidence import prior_of, return_evidence, variance_evidence
from models.selection.metrics import out_of_sample_r2, qlike, rmse, strategy_sharpe
from models.selection.walkforward import Fold, Realised, WalkForward, folds_of, realised, walk_forward
from models.stopwatch import span
from records import TRADING_DAYS, CandidateScore, FallbackStep, periods_per_year

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class ModelSelector:
    """The trained candidates of one ticker, what each scored, and how they serve.

    `models` holds the candidates that were validated and trained; `failures` says why the others were dropped. `combination` is
    None when there is no candidate left. `residuals` are those of the served forecast; `monitors` watch it for drift.
    """

    ticker: str
    models: dict[str, Model]
    candidates: tuple[CandidateScore, ...]
    failures: tuple[FallbackStep, ...]
    combination: Combination | None
    residuals: tuple[float, ...]
    monitors: Monitors | None

    @classmethod
    def train(cls, window: Window, horizon: int, seed: int, names: tuple[str, ...] = tuple(MODELS)) -> ModelSelector:
        """Validate, train and select. A candidate that fails is recorded and logged, and never takes others along.

        Raises TooFewBarsError when the window is too short to validate anything on, DegenerateSeriesError when its price
        hardly moves.
        """
        folds = folds_of(window, horizon)
        truth = realised(window, horizon, folds)
        failures: dict[str, str] = {}
        walks: dict[str, WalkForward] = {}
        models: dict[str, Model] = {}
        for name in names:
            try:
                with span(name):
                    walks[name], models[name] = _validate(MODELS[name], window, horizon, mixed_seed(seed, window, name), folds)
            except ModelError as error:
                logger.warning("candidate failed ticker=%s model=%s reason=%s", window.ticker, name, error)
                failures[name] = str(error)
            except Exception as error:  # one library's failure on one series must not cost the others
                logger.warning("candidate crashed ticker=%s model=%s", window.ticker, name, exc_info=True)
                failures[name] = f"{type(error).__name__}: {error}"
        unseen, periods = _unseen(window, truth), periods_per_year(window.ticker, window.day)
        scores = {name: score(name, walks, truth, horizon, unseen, periods) for name in walks}
        combination = Combination.of_scores(tuple(scores.values()))
        return cls(
            window.ticker,
            models,
            tuple(scores[name] if name in scores else CandidateScore(model=name, failure=failures[name]) for name in names),
            tuple(FallbackStep(model=name, reason=reason) for name, reason in failures.items()),
            combination,
            () if combination is None else standardised_residuals(served(combination, walks), truth, horizon),
            None if combination is None else monitors_at_cutoff(window, horizon, combination, walks, truth.origin),
        )

    def forecast(self, window: Window) -> HorizonForecast:
        """The served forecast. Raises TrainingError when no candidate is left, or a model's own."""
        if self.combination is None:
            reasons = "; ".join(f"{step.model}: {step.reason}" for step in self.failures)
            raise TrainingError(f"{self.ticker}: no candidate could be trained ({reasons})")
        return self.combination.forecast({name: model.forecast(window) for name, model in self.models.items()})


def mixed_seed(seed: int, window: Window, name: str) -> int:
    """A seed of 31 bits from the job's seed, the ticker, the cut-off and the model: the same in every process."""
    text = f"{seed}|{window.ticker}|{int(window.day[-1])}|{name}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") >> 1


def score(
    name: str,
    walks: dict[str, WalkForward],
    truth: Realised,
    horizon: int,
    unseen: np.ndarray | None = None,
    periods: int = TRADING_DAYS,
) -> CandidateScore:
    """A candidate's scores over all origins, and its evidence against the baseline.

    `unseen` is the mask of the origins that the fit of the market model has not seen; default all. `periods` are the
    bars a year.
    """
    walk = walks[name]
    volatility, realised_volatility = (np.sqrt(v * periods) for v in (walk.daily_variance, truth.daily_variance))
    mean_volatility = np.full(len(volatility), realised_volatility.mean())
    baseline = walks.get(BASELINE) if name != BASELINE else None
    judged = None if prior_of(name) is None else unseen
    return CandidateScore(
        model=name,
        origins=len(truth.origin),
        return_r2=out_of_sample_r2(walk.horizon_return, truth.horizon_return, truth.mean_return),
        return_rmse=rmse(walk.horizon_return, truth.horizon_return),
        volatility_r2=out_of_sample_r2(volatility, realised_volatility, mean_volatility),
        volatility_rmse=rmse(volatility, realised_volatility),
        qlike=qlike(walk.daily_variance, truth.daily_variance),
        sharpe=strategy_sharpe(walk.horizon_return, truth.horizon_return, horizon, periods),
        return_evidence=None if baseline is None else return_evidence(walk, baseline, truth, horizon),
        variance_evidence=None if baseline is None else variance_evidence(walk, baseline, truth, judged),
    )


def _unseen(window: Window, truth: Realised) -> np.ndarray:
    week = (window.day[truth.origin].astype(np.int64) + 3) // 7
    return ~market_model().has_seen(window.ticker, week)


def served(combination: Combination, walks: dict[str, WalkForward]) -> WalkForward:
    """What the combination would have served at each origin."""
    forecasts = [
        combination.forecast(
            {name: HorizonForecast(walk.horizon_return[k], walk.daily_variance[k]) for name, walk in walks.items()}
        )
        for k in range(len(next(iter(walks.values())).horizon_return))
    ]
    return WalkForward(np.array([f.horizon_return for f in forecasts]), np.array([f.daily_variance for f in forecasts]))


def standardised_residuals(walk: WalkForward, truth: Realised, horizon: int) -> tuple[float, ...]:
    """(log of realised ÷ expected growth + half the expected variance) ÷ expected deviation, one per origin."""
    variance = horizon * walk.daily_variance
    expected = np.log1p(walk.horizon_return) - 0.5 * variance
    residuals: list[float] = ((np.log1p(truth.horizon_return) - expected) / np.sqrt(variance)).tolist()
    return tuple(residuals)


def _validate(
    model: type[Model], window: Window, horizon: int, seed: int, folds: tuple[Fold, ...]
) -> tuple[WalkForward, Model]:
    walk = walk_forward(model, window, horizon, seed, folds)
    sane = np.isfinite(walk.horizon_return) & np.isfinite(walk.daily_variance) & (walk.daily_variance > 0)
    if not sane.all():
        raise TrainingError(f"{window.ticker}: {model.name} produced a NaN forecast in validation; dropped as a candidate")
    return walk, model.train(window, horizon, seed)
