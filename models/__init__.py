"""Forecasts of one ticker's return and volatility: candidates, their validation, selection and serving."""

from models.arima import ARIMA
from models.har import HarModel
from models.lstm import LSTMModel
from models.selector import ModelSelector
from models.xgb import XGBoostModel

__all__ = ["ARIMA", "HarModel", "LSTMModel", "ModelSelector", "XGBoostModel"]
