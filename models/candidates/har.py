"""The safe baseline: variance by log-HAR, return by the shrunk historical mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from models.candidates.regression import LogVarianceRegression
from models.conditions import require_moving, require_trainable
from models.contract import HorizonForecast, Model, Window
from models.historical import window_mean


@dataclass(frozen=True, slots=True, eq=False)
class HarModel(Model):
    """Log-HAR of the ticker's own history; the mean return is taken over the last three years and shrunk towards zero."""

    name: ClassVar[str] = "har"
    version: ClassVar[int] = 1
    minimum_bars: ClassVar[int] = 126
    context_bars: ClassVar[int] = 756

    horizon: int
    regression: LogVarianceRegression

    @classmethod
    def train(cls, window: Window, horizon: int, seed: int) -> Self:  # noqa: ARG003 - nothing random here
        """See `Model.train`."""
        require_trainable(window, cls.minimum_bars, cls.name)
        return cls(horizon, LogVarianceRegression.fit(window, horizon))

    def forecast(self, window: Window) -> HorizonForecast:
        """See `Model.forecast`."""
        require_moving(window, self.name)
        variance = float(np.exp(self.regression.log_variance(window) + self.regression.log_scale))
        mean = window.last(self.context_bars).once(window_mean)
        return HorizonForecast(self.horizon * mean.daily_return, variance)
