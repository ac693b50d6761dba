"""Served forecasts for tests: right on average, over bars that are known."""

from __future__ import annotations

import math

import numpy as np

from records import Bars, date_of
from review.served import ServedForecast
from tests.made.bars import walk

HORIZON = 21


def served(ticker: str, bars: Bars, row: int, variance: float, base: float | None = None, **changes: object) -> ServedForecast:
    """The forecast of a normal law with this daily variance, and no expected return, at a bar."""
    deviation = math.sqrt(HORIZON * variance)
    fields: dict[str, object] = {
        "ticker": ticker,
        "as_of": date_of(int(bars.day[row])),
        "horizon": HORIZON,
        "periods_per_year": 252,
        "horizon_return": 0.0,
        "daily_variance": variance,
        "base_variance": variance if base is None else base,
        "mean_return": 0.001,
        "lower_80": math.exp(-1.2816 * deviation) - 1,
        "upper_80": math.exp(1.2816 * deviation) - 1,
        "lower_95": math.exp(-1.96 * deviation) - 1,
        "upper_95": math.exp(1.96 * deviation) - 1,
        "model": "har",
        "volatility_weight": 0.0,
        "is_fallback": False,
        "code_version": "0",
    }
    return ServedForecast(**(fields | changes))  # type: ignore[arg-type]


def calm(count: int, seed: int) -> Bars:
    """Bars whose daily log returns have the standard deviation 1 %."""
    day = walk(count, seed).day
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.01, count)))
    return Bars.of(day, open=close, high=close, low=close, close=close, volume=np.ones(count))
