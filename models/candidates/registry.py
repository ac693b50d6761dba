"""Every candidate by its name."""

from __future__ import annotations

from typing import Final

from errors import SettingsError
from models.candidates.arima import ARIMA
from models.candidates.har import HarModel
from models.candidates.lstm import LSTMModel
from models.candidates.xgb import XGBoostModel
from models.contract import Model
from settings import ModelName

#: In the order in which they are tried and in which ties are settled.
MODELS: Final[dict[str, type[Model]]] = {model.name: model for model in (HarModel, ARIMA, XGBoostModel, LSTMModel)}
if tuple(MODELS) != tuple(ModelName):
    raise SettingsError(
        f"MODELS may name {', '.join(ModelName)}, but models/candidates has {', '.join(MODELS)}: they must agree"
    )
#: Bars that suffice to refresh any model's forecast.
CONTEXT_BARS: Final = max(model.context_bars for model in MODELS.values())
