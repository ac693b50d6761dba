"""Intervals of the horizon's return from a volatility forecast and the residuals that such forecasts have left before."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

import numpy as np

COVERAGES: Final = (0.80, 0.95)
NORMAL_TAILS: Final = (NormalDist().inv_cdf(0.90), NormalDist().inv_cdf(0.975))
#: With fewer residuals their quantiles say nothing; the normal quantiles serve alone.
MINIMUM_RESIDUALS: Final = 20
#: Expected simple return at and below which the logarithm is not taken at face value.
LOWEST_RETURN: Final = -0.99


def empirical_tails(residuals: tuple[float, ...]) -> tuple[float, float] | None:
    """80 and 95 % quantiles of the absolute residuals, in standard deviations; None when there are too few."""
    if len(residuals) < MINIMUM_RESIDUALS:
        return None
    low, high = np.quantile(np.abs(residuals), COVERAGES)
    return float(low), float(high)


def return_bounds(
    horizon_return: float, daily_variance: float, horizon: int, tails: tuple[float, float] | None
) -> tuple[float, float, float, float]:
    """Lower and upper bound of the simple return over the horizon at 80 %, then at 95 %.

    The log return is centred on log(1 + `horizon_return`) less half its variance; the half-width in standard deviations is the
    mean of the normal quantile and of the empirical one (fat tails and all): each alone covers too little or too much on few
    origins.
    """
    variance = horizon * daily_variance
    center = math.log1p(max(horizon_return, LOWEST_RETURN)) - 0.5 * variance
    widths = NORMAL_TAILS if tails is None else tuple(0.5 * (n + e) for n, e in zip(NORMAL_TAILS, tails, strict=True))
    spreads = [width * math.sqrt(variance) for width in widths]
    bounds = [math.expm1(center + sign * spread) for spread in spreads for sign in (-1.0, 1.0)]
    return bounds[0], bounds[1], bounds[2], bounds[3]
