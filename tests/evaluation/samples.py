"""Simulated tickers and their evaluation by log-HAR."""

from __future__ import annotations

from evaluation.dates import origin_dates
from evaluation.origins import TickerResult, evaluate_ticker
from models.contract import Window
from settings import Settings
from tests.models.windows import simulated_columns, window_of_columns

HORIZON = 21
TICKERS = 5
SETTINGS = Settings(models=("har",), _env_file=None)  # type: ignore[call-arg]


def histories() -> list[Window]:
    return [window_of_columns(f"T{k}", *simulated_columns(1100, seed=k, level=0.008 + 0.003 * k)) for k in range(TICKERS)]


def evaluated(windows: list[Window], origins: int, settings: Settings = SETTINGS) -> list[TickerResult]:
    dates = origin_dates([window.day for window in windows], settings.horizon, origins)
    return [evaluate_ticker(window, settings, dates, garch=False) for window in windows]
