"""The training pool of tickers, as both engines use it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from models.candidates.registry import MODELS
from models.market.model import require_market_model
from models.results import TrainedTicker, TrainingJob
from settings import ModelName, Settings
from streams.training.pool import Outcome, TrainingPool

TickerPool: TypeAlias = TrainingPool[TrainingJob, TrainedTicker]
TickerOutcome: TypeAlias = Outcome[TrainingJob, TrainedTicker]

#: The forkserver imports it once for all processes, with what each candidate preloads; a module that is absent is left out.
PRELOAD: Final = "models.training"


def new_ticker_pool(settings: Settings, train: Callable[[TrainingJob], TrainedTicker]) -> TickerPool:
    """A pool whose processes run `train`; none is started before the first job. Raises SettingsError as `market_model`."""
    require_market_model(settings)
    return TrainingPool(
        train, jobs=settings.jobs, deadline_seconds=settings.job_deadline_seconds, preload=preload_for(settings.models)
    )


def preload_for(models: Iterable[ModelName]) -> list[str]:
    """The modules that training these candidates needs."""
    return [PRELOAD, *(module for name in models for module in MODELS[name].preload)]
