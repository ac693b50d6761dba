"""A long short-term memory net, fitted by torch over many tickers and evaluated by NumPy on one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from models.candidates.learned import LearnedModel
from models.contract import Window
from models.market.model import MarketModel
from records import Floats


@dataclass(frozen=True, slots=True, eq=False)
class LSTMModel(LearnedModel):
    """The market model's net (Hochreiter and Schmidhuber 1997) on a year of the ticker's bars in steps of two weeks."""

    name: ClassVar[str] = "lstm"
    version: ClassVar[int] = 2

    @classmethod
    def deltas(cls, market: MarketModel, window: Window, rows: np.ndarray) -> Floats:
        """See `LearnedModel.deltas`."""
        return market.net_deltas(window, rows)
