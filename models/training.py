"""The work of a training process: everything about one ticker at one cut-off, from a job to what is stored."""

from __future__ import annotations

import logging

from errors import DegenerateSeriesError, TooFewBarsError
from models.candidates.learned import LearnedModel
from models.market.model import market_model
from models.pooling.terms import training_panel
from models.results import TrainedTicker, TrainingJob
from models.selection.selector import ModelSelector
from records import FallbackStep
from version import VERSION

logger = logging.getLogger(__name__)


def train_ticker(job: TrainingJob) -> TrainedTicker:
    """Validate, train and select for one ticker. Pure: equal jobs give equal results, in any process.

    What keeps candidates from being any stands in `failures`; a history too short for all of them gives a result without
    models, not an error.
    """
    window = job.window
    try:
        selector = _select(job)
    except (TooFewBarsError, DegenerateSeriesError) as error:
        logger.warning("not trained ticker=%s reason=%s", window.ticker, error)
        failures = tuple(FallbackStep(model=name, reason=str(error)) for name in job.models)
        selector = ModelSelector(window.ticker, {}, (), failures, None, (), None)
    panel = training_panel(window, job.horizon)
    learned = [model for model in selector.models.values() if isinstance(model, LearnedModel)]
    return TrainedTicker(
        ticker=window.ticker,
        cutoff=int(window.day[-1]),
        digest=job.digest,
        horizon=job.horizon,
        bars_used=len(window),
        models={name: model.to_bytes() for name, model in selector.models.items()},
        candidates=selector.candidates,
        failures=selector.failures,
        combination=selector.combination,
        residuals=selector.residuals,
        weeks=panel.weeks.tobytes(),
        panel=panel.values.tobytes(),
        deltas={
            model.name: model.deltas(market_model(), window, panel.rows).astype("<f4").tobytes()
            for model in learned
            if len(panel.rows)
        },
        monitors=selector.monitors,
        settings_hash=job.settings_hash,
        code_version=VERSION,
    )


def _select(job: TrainingJob) -> ModelSelector:
    bars = len(job.window)
    if bars < job.minimum_bars:
        raise TooFewBarsError(f"{job.window.ticker}: {bars} bars, training needs {job.minimum_bars} (MINIMUM_BARS)")
    return ModelSelector.train(job.window, job.horizon, job.seed, job.models)
