"""Forecasts of one ticker's return and volatility: candidates, their validation, selection and serving."""

from models.candidates.arima import ARIMA
from models.candidates.har import HarModel
from models.candidates.lstm import LSTMModel
from models.candidates.xgb import XGBoostModel
from models.selection.selector import ModelSelector

__all__ = ["ARIMA", "HarModel", "LSTMModel", "ModelSelector", "XGBoostModel"]
