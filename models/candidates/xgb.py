"""Gradient-boosted trees, fitted by XGBoost over many tickers and evaluated by NumPy on one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from models.candidates.learned import LearnedModel
from models.contract import Window
from models.market.model import MarketModel
from records import Floats


@dataclass(frozen=True, slots=True, eq=False)
class XGBoostModel(LearnedModel):
    """The market model's boosted trees (Chen and Guestrin 2016), averaged with its ridge regression on the same inputs."""

    name: ClassVar[str] = "xgboost"
    version: ClassVar[int] = 2

    @classmethod
    def deltas(cls, market: MarketModel, window: Window, rows: np.ndarray) -> Floats:
        """See `LearnedModel.deltas`."""
        return market.tree_deltas(window, rows)
