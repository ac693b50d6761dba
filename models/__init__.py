"""Forecasts of one ticker's return and volatility: candidates, their validation, selection and serving."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.candidates.arima import ARIMA
    from models.candidates.har import HarModel
    from models.candidates.lstm import LSTMModel
    from models.candidates.xgb import XGBoostModel
    from models.selection.selector import ModelSelector

__all__ = ["ARIMA", "HarModel", "LSTMModel", "ModelSelector", "XGBoostModel"]

_PLACES = {
    "ARIMA": "models.candidates.arima",
    "HarModel": "models.candidates.har",
    "LSTMModel": "models.candidates.lstm",
    "ModelSelector": "models.selection.selector",
    "XGBoostModel": "models.candidates.xgb",
}


def __getattr__(name: str) -> Any:
    """The public names, loaded at their first use: `--help` and processes that serve load no candidate."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)
