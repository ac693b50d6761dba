"""What both engines log of a training: the scores of its candidates, and what was selected."""

from __future__ import annotations

import datetime as dt
import logging

from models.results import TrainedTicker
from models.selection.evidence import significance
from records import date_of

logger = logging.getLogger(__name__)


def log_training(trained: TrainedTicker) -> None:
    """Log the scores of every candidate and the selection at INFO, failed candidates as warnings.

    `return_evidence` and `variance_evidence` are the candidate's evidence against the baseline in standard errors. A candidate
    serves from `evidence.BAR` on, with the weights `return_weight` and `volatility_weight`.
    """
    for score in trained.candidates:
        logger.info(
            "candidate ticker=%s model=%s origins=%d return_r2=%s return_rmse=%s volatility_r2=%s volatility_rmse=%s qlike=%s "
            "sharpe=%s return_evidence=%s variance_evidence=%s",
            trained.ticker,
            score.model,
            score.origins,
            *map(
                _figure,
                (
                    score.return_r2,
                    score.return_rmse,
                    score.volatility_r2,
                    score.volatility_rmse,
                    score.qlike,
                    score.sharpe,
                    None if score.return_evidence is None else significance(score.return_evidence),
                    None if score.variance_evidence is None else significance(score.variance_evidence),
                ),
            ),
        )
    for step in trained.failures:
        logger.warning("candidate failed ticker=%s model=%s reason=%s", trained.ticker, step.model, step.reason)
    combination = trained.combination
    if combination is None:
        logger.warning("no candidate left ticker=%s cutoff=%s bars=%d", *_of_training(trained))
        return
    logger.info(
        "trained ticker=%s cutoff=%s bars=%d return_model=%s return_best=%s return_weight=%.3f volatility_model=%s "
        "volatility_best=%s volatility_weight=%.3f",
        *_of_training(trained),
        *(combination.return_model, combination.return_best, combination.return_weight),
        *(combination.volatility_model, combination.volatility_best, combination.volatility_weight),
    )


def _of_training(trained: TrainedTicker) -> tuple[str, dt.date, int]:
    return trained.ticker, date_of(trained.cutoff), trained.bars_used


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"
