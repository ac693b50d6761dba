"""The candidates: the names that MODELS may have, each with its class and the fewest bars that it is trained on.

The class is named, not imported: settings know no model. `models.candidates.registry` loads it, and refuses a name without it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class ModelName(StrEnum):
    """The candidates, in the order of training and of preference in a tie: name, `module:class`, fewest bars.

    `minimum_bars` are those of the first half of a training's window, on which the walk-forward validation begins.
    """

    class_path: str
    minimum_bars: int

    HAR = "har", "models.candidates.har:HarModel", 126
    ARIMA = "arima", "models.candidates.arima:ARIMA", 189
    XGBOOST = "xgboost", "models.candidates.xgb:XGBoostModel", 252
    LSTM = "lstm", "models.candidates.lstm:LSTMModel", 252

    def __new__(cls, name: str, class_path: str, minimum_bars: int) -> Self:
        """A name that carries where its class is."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.class_path = class_path
        member.minimum_bars = minimum_bars
        return member
