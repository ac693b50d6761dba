"""The safe baseline: variance by log-HAR, return by the shrunk historical mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np

from errors import StateCorruptError
from models.baseline import shrunk_mean
from models.candidates.packing import pack, unpack
from models.candidates.regression import LogVarianceRegression
from models.conditions import require_moving, require_trainable
from models.contract import HorizonForecast, Model, Window

VERSION: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class HarModel(Model):
    """Log-HAR of the ticker's own history; the mean return is taken over the last three years and shrunk towards zero."""

    name: ClassVar[str] = "har"
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
        mean = shrunk_mean(window.last(self.context_bars).log_return)
        return HorizonForecast(self.horizon * mean.daily_return, variance)

    def to_bytes(self) -> bytes:
        """See `Model.to_bytes`."""
        return pack(self.name, VERSION, {"horizon": self.horizon, "regression": self.regression.content()})

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """See `Model.from_bytes`."""
        content = unpack(payload, cls.name, VERSION)
        try:
            return cls(content["horizon"], LogVarianceRegression.of_content(content["regression"]))
        except (KeyError, TypeError) as error:
            raise StateCorruptError(f"stored model {cls.name!r} lacks a part ({error}): train it again") from error
