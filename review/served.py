"""What is kept of a forecast that was served, and the estimate that it would have been without any candidate's weight. Pure."""

from __future__ import annotations

import datetime as dt
import math

import msgspec

from models.pooling.contribution import variance_factor
from records import Forecast


class ServedForecast(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A forecast as the optimizer was given it: of the simple return over `horizon` bars and of the mean daily variance.

    `base_variance` is the same without the weight of any candidate: the baseline. `mean_return` is the ticker's own mean
    return over as many bars, the benchmark of the return; None if the row does not carry it. `model` is what the volatility
    comes from, or the fallback. The bounds are of the simple return over the horizon.
    """

    ticker: str
    as_of: dt.date
    horizon: int
    periods_per_year: int
    horizon_return: float
    daily_variance: float
    base_variance: float
    mean_return: float | None
    lower_80: float
    upper_80: float
    lower_95: float
    upper_95: float
    model: str
    volatility_weight: float
    is_fallback: bool
    code_version: str


def served_forecast(row: Forecast) -> ServedForecast | None:
    """What is kept of a row as it is served (pooled); None if it has no numbers."""
    numbers = (row.annual_return, row.annual_volatility, row.lower_80, row.upper_80, row.lower_95, row.upper_95)
    if any(number is None or not math.isfinite(number) for number in numbers):
        return None
    annual_return, annual_volatility, *bounds = (float(number) for number in numbers if number is not None)
    variance = annual_volatility**2 / row.periods_per_year
    return ServedForecast(
        ticker=row.ticker,
        as_of=row.as_of,
        horizon=row.horizon,
        periods_per_year=row.periods_per_year,
        horizon_return=annual_return * row.horizon / row.periods_per_year,
        daily_variance=variance,
        base_variance=variance / variance_factor(row),
        mean_return=None if row.pool is None else row.pool.mean_return * row.horizon,
        lower_80=bounds[0],
        upper_80=bounds[1],
        lower_95=bounds[2],
        upper_95=bounds[3],
        model=row.fallback or row.volatility_model or "unknown",
        volatility_weight=row.volatility_weight,
        is_fallback=row.fallback is not None,
        code_version=row.code_version,
    )
