"""Trainings whose forecasts use a wrong candidate, which drift detection must find."""

from __future__ import annotations

import dataclasses
import math
from typing import Final

import msgspec

from models.candidates.arima import ARIMA
from models.results import TrainedTicker, TrainingJob
from models.selection.drift import BETS, Monitors
from models.training import train_ticker
from records import Bars, LossMonitor
from settings import CalendarPeriod, ModelName, Settings
from tests.made.bars import walk

#: Two cheap candidates, really trained. With a month between trainings there is time for drift.
LEANING: Final = Settings(
    models=(ModelName.HAR, ModelName.ARIMA), lookback=378, minimum_bars=378, history_bars=630, window=CalendarPeriod.MONTH
)
#: The number of bars of the walk, which ends in the third week of a month, and the row of the regular cut-off.
COUNT: Final = 605
CUTOFF: Final = 585
#: A training on fewer bars than this has its variance multiplied by the factor.
WRONG_BEFORE: Final = 594
WRONG_BY: Final = 0.1


def leaning_bars(count: int = COUNT) -> Bars:
    """A random walk on weekdays."""
    return walk(COUNT, 1)[:count]


def train_leaning(job: TrainingJob) -> TrainedTicker:
    """The real training, but ARIMA serves the volatility whatever the evidence, and its variance is a tenth until some day."""
    trained = train_ticker(job)
    assert trained.combination is not None
    model = ARIMA.from_bytes(trained.models[ModelName.ARIMA])
    if job.window.day[-1] < walk(COUNT, 1).day[WRONG_BEFORE]:
        model = dataclasses.replace(model, log_scale=model.log_scale + math.log(WRONG_BY))
    new = LossMonitor(bars=0, excess=0.0, detectors=(0.0,) * len(BETS))
    return msgspec.structs.replace(
        trained,
        models={**trained.models, ModelName.ARIMA: model.to_bytes()},
        combination=msgspec.structs.replace(trained.combination, volatility_best=ModelName.ARIMA, volatility_weight=1.0),
        monitors=Monitors(level=1.0, returns=None, variance=new),
    )
