"""Scores every candidate on the same walk-forward origins and selects one for the return and one for the volatility."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import Final

import numpy as np

from errors import ModelError, TrainingError
from models.contract import HorizonForecast, Model, Window
from models.metrics import out_of_sample_r2, qlike, rmse, strategy_sharpe
from models.registry import MODELS
from models.walkforward import Fold, Realised, WalkForward, plan_folds, realised, walk_forward
from records import TRADING_DAYS, CandidateScore, FallbackStep

logger = logging.getLogger(__name__)

_ANNUAL: Final = float(np.sqrt(TRADING_DAYS))


@dataclass(frozen=True, slots=True, eq=False)
class ModelSelector:
    """The trained candidates of one ticker, what each scored, and which serve.

    `models` holds those that could be both validated and trained; `failures` says why the others are none. `return_model` and
    `volatility_model` are None when there is no candidate left. `residuals` are those of the selected forecast.
    """

    ticker: str
    models: dict[str, Model]
    candidates: tuple[CandidateScore, ...]
    failures: tuple[FallbackStep, ...]
    return_model: str | None
    volatility_model: str | None
    residuals: tuple[float, ...]

    @classmethod
    def train(cls, window: Window, horizon: int, seed: int, names: tuple[str, ...] = tuple(MODELS)) -> ModelSelector:
        """Validate, train and select. A candidate that fails is recorded and logged, and never takes others along.

        Raises TooFewBarsError when the window is too short to validate anything on.
        """
        folds = plan_folds(len(window), horizon)
        truth = realised(window, horizon, folds)
        scores: dict[str, CandidateScore] = {}
        walks: dict[str, WalkForward] = {}
        models: dict[str, Model] = {}
        for name in names:
            own_seed = mixed_seed(seed, window, name)
            try:
                walk, model = _validate(MODELS[name], window, horizon, own_seed, folds)
            except ModelError as error:
                logger.warning("candidate failed ticker=%s model=%s reason=%s", window.ticker, name, error)
                scores[name] = CandidateScore(model=name, failure=str(error))
            except Exception as error:  # one library's failure on one series must not cost the others
                logger.warning("candidate crashed ticker=%s model=%s", window.ticker, name, exc_info=True)
                scores[name] = CandidateScore(model=name, failure=f"{type(error).__name__}: {error}")
            else:
                walks[name], models[name] = walk, model
                scores[name] = score(name, walk, truth, horizon)
                _log_score(window.ticker, scores[name])
        return_model = min(walks, key=lambda name: rmse(walks[name].horizon_return, truth.horizon_return), default=None)
        volatility_model = min(walks, key=lambda name: qlike(walks[name].daily_variance, truth.daily_variance), default=None)
        logger.info(
            "selected ticker=%s as_of=%s return_model=%s volatility_model=%s candidates=%d failures=%d",
            *(window.ticker, window.as_of, return_model, volatility_model, len(walks), len(names) - len(walks)),
        )
        residuals: tuple[float, ...] = ()
        if return_model is not None and volatility_model is not None:
            served = WalkForward(walks[return_model].horizon_return, walks[volatility_model].daily_variance)
            residuals = standardised_residuals(served, truth, horizon)
        return cls(
            window.ticker,
            models,
            tuple(scores.values()),
            tuple(FallbackStep(model=s.model, reason=s.failure) for s in scores.values() if s.failure is not None),
            return_model,
            volatility_model,
            residuals,
        )

    def forecast(self, window: Window) -> HorizonForecast:
        """The return by the one, the variance by the other. Raises TrainingError when nothing was selected."""
        if self.return_model is None or self.volatility_model is None:
            reasons = "; ".join(f"{step.model}: {step.reason}" for step in self.failures)
            raise TrainingError(f"{self.ticker}: no candidate could be trained ({reasons})")
        by_return = self.models[self.return_model].forecast(window)
        if self.return_model == self.volatility_model:
            return by_return
        by_volatility = self.models[self.volatility_model].forecast(window)
        return HorizonForecast(by_return.horizon_return, by_volatility.daily_variance)


def mixed_seed(seed: int, window: Window, name: str) -> int:
    """A seed of 31 bits from the job's seed, the ticker, the cut-off and the model: the same in every process."""
    text = f"{seed}|{window.ticker}|{int(window.day[-1])}|{name}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") >> 1


def score(name: str, walk: WalkForward, truth: Realised, horizon: int) -> CandidateScore:
    """A candidate's scores over all origins."""
    volatility, realised_volatility = (np.sqrt(v) * _ANNUAL for v in (walk.daily_variance, truth.daily_variance))
    mean_volatility = np.full(len(volatility), realised_volatility.mean())
    return CandidateScore(
        model=name,
        origins=len(truth.origin),
        return_r2=out_of_sample_r2(walk.horizon_return, truth.horizon_return, truth.mean_return),
        return_rmse=rmse(walk.horizon_return, truth.horizon_return),
        volatility_r2=out_of_sample_r2(volatility, realised_volatility, mean_volatility),
        volatility_rmse=rmse(volatility, realised_volatility),
        qlike=qlike(walk.daily_variance, truth.daily_variance),
        sharpe=strategy_sharpe(walk.horizon_return, truth.horizon_return, horizon),
    )


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
        raise TrainingError(
            f"{window.ticker}: {model.name} gave a forecast that is no number in validation; it is no candidate"
        )
    return walk, model.train(window, horizon, seed)


def _log_score(ticker: str, scored: CandidateScore) -> None:
    logger.info(
        "candidate ticker=%s model=%s origins=%d return_r2=%s return_rmse=%s volatility_r2=%s "
        "volatility_rmse=%s qlike=%s sharpe=%s",
        *(ticker, scored.model, scored.origins),
        *(
            "none" if value is None else f"{value:.4f}"
            for value in (
                scored.return_r2,
                scored.return_rmse,
                scored.volatility_r2,
                scored.volatility_rmse,
                scored.qlike,
                scored.sharpe,
            )
        ),
    )
