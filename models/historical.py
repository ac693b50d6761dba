"""Estimates without a fitted model: what stands in when there is none, and what every model is measured against."""

from __future__ import annotations

import math
from typing import Final, NamedTuple, TypeVar

import numpy as np

from errors import DegenerateSeriesError, TooFewBarsError
from models.contract import Window
from records import TRADING_DAYS, Floats

#: Fewer returns than a month of trading say nothing about either mean or volatility.
MINIMUM_RETURNS: Final = 20
#: Standard deviation of true annual mean returns around their centre that is believed before seeing any data.
PRIOR_ANNUAL_DISPERSION: Final = 0.05
#: A variance, or many.
T = TypeVar("T", float, Floats)


class HistoricalEstimate(NamedTuple):
    """Annual decimals. `standard_error` is the sampling error of `annual_return`."""

    annual_return: float
    annual_volatility: float
    standard_error: float


class ShrunkMean(NamedTuple):
    """Daily decimals: the shrunk mean of simple returns, the mean itself, and the weight in [0, 1] that it was given.

    `sampling_variance` is that of the mean's sampling error.
    """

    daily_return: float
    own_mean: float
    weight: float
    sampling_variance: float


def historical_estimate(log_return: Floats, periods: int = TRADING_DAYS) -> HistoricalEstimate:
    """The classic estimate from daily log returns, shape (n,); NaN (the history's first bar) is left out.

    `annual_return` is the mean simple return × `periods`, the bars a year, `annual_volatility` the
    standard deviation of log returns × √`periods`.
    Raises TooFewBarsError below 20 returns, DegenerateSeriesError when they do not vary.
    """
    returns = log_return[np.isfinite(log_return)]
    if len(returns) < MINIMUM_RETURNS:
        raise TooFewBarsError(f"{len(returns)} returns, a historical estimate needs {MINIMUM_RETURNS}")
    simple = np.expm1(returns)
    daily_deviation = float(simple.std(ddof=1))
    volatility = float(returns.std(ddof=1)) * math.sqrt(periods)
    if not volatility > 0.0:
        raise DegenerateSeriesError("the price does not move: there is no volatility to estimate")
    return HistoricalEstimate(float(simple.mean()) * periods, volatility, daily_deviation * periods / math.sqrt(len(returns)))


def posterior_weight(prior_variance: float, sampling_variance: T) -> T:
    """Weight in (0, 1] of a sample mean against the mean of its normal prior: the prior's variance ÷ both variances' sum."""
    weight: T = prior_variance / (prior_variance + sampling_variance)
    return weight


def shrunk_mean(log_return: Floats) -> ShrunkMean:
    """Mean daily simple return, shrunk towards zero, from daily log returns of shape (n,); NaN is left out.

    The posterior mean given a sample mean with its sampling error: the Bayes-Stein idea of Jorion (1986). The prior is normal
    with mean 0 and an annual standard deviation of 5 %. Pástor and Stambaugh consider mispricing of that order (1999, "Costs of
    equity capital and model mispricing"). Three years of a stock with 25 % volatility leave it a tenth of its own mean: a mean
    is that badly known (Merton 1980).
    """
    known = log_return if math.isfinite(np.add.reduce(log_return)) else log_return[np.isfinite(log_return)]
    simple = np.expm1(known)
    own = float(np.add.reduce(simple)) / len(simple)
    prior_variance = (PRIOR_ANNUAL_DISPERSION / TRADING_DAYS) ** 2
    deviation = simple - own
    sampling_variance = float(deviation @ deviation) / (len(simple) - 1) / len(simple)
    weight = posterior_weight(prior_variance, sampling_variance)
    return ShrunkMean(weight * own, own, weight, sampling_variance)


def window_mean(window: Window) -> ShrunkMean:
    """`shrunk_mean` of the window's returns."""
    return shrunk_mean(window.log_return)
