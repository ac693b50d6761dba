"""Every candidate by its name."""

from __future__ import annotations

from typing import Final

from models.arima import ARIMA
from models.contract import Model
from models.har import HarModel
from models.lstm import LSTMModel
from models.xgb import XGBoostModel

#: In the order in which they are tried and in which ties are settled.
MODELS: Final[dict[str, type[Model]]] = {model.name: model for model in (HarModel, ARIMA, XGBoostModel, LSTMModel)}
#: Bars that suffice to refresh any model's forecast.
CONTEXT_BARS: Final = max(model.context_bars for model in MODELS.values())
