"""Losses of forecasts. All take arrays of shape (n,), forecasts first, and return a float (or one loss per forecast)."""

from __future__ import annotations

import numpy as np

from records import TRADING_DAYS, Floats


def rmse(forecast: Floats, realised: Floats) -> float:
    """Root mean squared error, in the unit of the arguments."""
    return float(np.sqrt(np.mean((realised - forecast) ** 2)))


def out_of_sample_r2(forecast: Floats, realised: Floats, benchmark: Floats) -> float | None:
    """1 − Σ(realised − forecast)² ÷ Σ(realised − benchmark)², after Campbell and Thompson (2008).

    None if the benchmark is perfect.
    """
    total = float(np.sum((realised - benchmark) ** 2))
    return 1.0 - float(np.sum((realised - forecast) ** 2)) / total if total > 0.0 else None


def qlike_losses(forecast: Floats, realised: Floats) -> Floats:
    """Ratio − log(ratio) − 1 of realised to forecast variance, one per forecast: 0 when right, else positive.

    Patton (2011), "Volatility forecast comparison using imperfect volatility proxies": the ranking of forecasts is robust to a
    noisy proxy. The realised variance must be positive.
    """
    ratio = realised / forecast
    losses: Floats = ratio - np.log(ratio) - 1.0
    return losses


def qlike(forecast: Floats, realised: Floats) -> float:
    """Mean of `qlike_losses`."""
    return float(qlike_losses(forecast, realised).mean())


def strategy_sharpe(forecast: Floats, realised: Floats, horizon: int, periods: int = TRADING_DAYS) -> float | None:
    """Annual Sharpe ratio of holding sign(forecast) over each horizon of `horizon` bars, before costs and interest.

    `periods` are the bars a year. None for fewer than two horizons or when the strategy's returns do not vary.
    """
    earned = np.sign(forecast) * realised
    deviation = float(earned.std(ddof=1)) if len(earned) > 1 else 0.0
    return float(earned.mean()) / deviation * float(np.sqrt(periods / horizon)) if deviation > 0.0 else None
