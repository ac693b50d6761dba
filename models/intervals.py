"""Intervals of the horizon's return from a volatility forecast and the residuals that such forecasts have left before."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from records import Floats

COVERAGES: Final = (0.80, 0.95)
#: The same quantiles of Student's t with eight degrees of freedom and a variance of 1: `t.ppf((0.9, 0.975), 8) * sqrt(6 / 8)`.
#: By maximum likelihood the served forecasts of other stocks than those of the evaluation leave 7.1 to 8.8 degrees.
STUDENT_TAILS: Final = (1.3968153097438654 * math.sqrt(0.75), 2.306004135204166 * math.sqrt(0.75))
#: With fewer residuals their quantiles say nothing; Student's quantiles serve alone.
MINIMUM_RESIDUALS: Final = 20
#: Empirical quantiles count up to this many times Student's: after a price that hardly moved they would be of no size, and
#: beside an error in the bars two tickers have no middle.
LARGEST_TAIL: Final = 2.0
#: Expected simple return at and below which the logarithm is not taken at face value.
LOWEST_RETURN: Final = -0.99


def empirical_tails(residuals: tuple[float, ...]) -> tuple[float, float] | None:
    """80 and 95 % quantiles of the absolute residuals, in standard deviations, within LARGEST_TAIL; None if too few."""
    if len(residuals) < MINIMUM_RESIDUALS:
        return None
    low, high = np.minimum(np.quantile(np.abs(residuals), COVERAGES), largest_tails())
    return float(low), float(high)


def largest_tails() -> Floats:
    """The largest quantiles that count, shape (2,)."""
    return LARGEST_TAIL * np.array(STUDENT_TAILS)


def return_bounds(
    horizon_return: float, daily_variance: float, horizon: int, tails: tuple[float, float] | None
) -> tuple[float, float, float, float]:
    """Lower and upper bound of the simple return over the horizon at 80 %, then at 95 %.

    The log return is centred on log(1 + `horizon_return`) less half its variance; the half-width in standard deviations is the
    mean of Student's quantile and of the empirical one: each alone covers too little or too much on few origins. Errors of a
    volatility forecast make fat tails of normal returns: many small deviations, and a few large (Bollerslev 1987).
    """
    variance = horizon * daily_variance
    center = math.log1p(max(horizon_return, LOWEST_RETURN)) - 0.5 * variance
    (low, high), deviation = STUDENT_TAILS, math.sqrt(variance)
    if tails is not None:
        low, high = 0.5 * (low + tails[0]), 0.5 * (high + tails[1])
    near, far = low * deviation, high * deviation
    return math.expm1(center - near), math.expm1(center + near), math.expm1(center - far), math.expm1(center + far)
