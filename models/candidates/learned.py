"""Candidates that follow the market model: the ticker's own log-HAR, moved by δ."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from errors import TrainingError
from models.candidates.har import HarModel
from models.candidates.regression import LogVarianceRegression
from models.conditions import require_moving, require_trainable
from models.contract import HorizonForecast, Model, Window
from models.historical import window_mean
from models.market.model import MarketModel, last_row, market_model
from records import Floats


@dataclass(frozen=True, slots=True, eq=False)
class LearnedModel(Model):
    """variance = own log-HAR × exp(δ), with the market model's δ after the window's last bar; the return is the baseline's.

    Three years of one ticker hold too little to learn from beyond log-HAR; the market model has learnt it over many tickers.
    So training fits log-HAR alone, and loads no library. The return is left to the baseline: `models pretrain` looks for what
    tells tickers' returns apart with the same means, and finds nothing (`MarketRecord.return_score`).
    """

    minimum_bars: ClassVar[int] = 252
    context_bars: ClassVar[int] = HarModel.context_bars

    horizon: int
    regression: LogVarianceRegression

    @classmethod
    def train(cls, window: Window, horizon: int, seed: int) -> Self:
        """See `Model.train`. Raises TrainingError where the market model is of another horizon."""
        require_trainable(window, cls.minimum_bars, cls.name)
        fitted = market_model().horizon
        if horizon != fitted:
            raise TrainingError(
                f"{window.ticker}: the market model is of {fitted} bars ahead, HORIZON is {horizon}: "
                f"make one with `HORIZON={horizon} python -m models pretrain`, or leave {cls.name} out of MODELS"
            )
        own = HarModel.train(window, horizon, seed)
        return cls(own.horizon, own.regression)

    @classmethod
    @abstractmethod
    def deltas(cls, market: MarketModel, window: Window, rows: np.ndarray) -> Floats:
        """δ of this candidate's part of the market model after each of the bars `rows`, shape (m,)."""

    def forecast(self, window: Window) -> HorizonForecast:
        """See `Model.forecast`."""
        require_moving(window, self.name)
        return self._moved(window, float(self.deltas(market_model(), *window.once(last_row))[0]))

    def forecasts(self, window: Window, rows: Sequence[int]) -> list[HorizonForecast]:
        """See `Model.forecasts`; δ of all rows at once costs little more than of one."""
        deltas = self.deltas(market_model(), window, np.array(rows, dtype=np.intp))
        found = []
        for row, delta in zip(rows, deltas, strict=True):
            known = window.until(row + 1)
            require_moving(known, self.name)
            found.append(self._moved(known, float(delta)))
        return found

    def _moved(self, window: Window, delta: float) -> HorizonForecast:
        log_variance = self.regression.log_variance(window) + self.regression.log_scale
        mean = window.last(self.context_bars).once(window_mean)
        return HorizonForecast(self.horizon * mean.daily_return, float(np.exp(log_variance + delta)))
