"""Estimates from past prices alone: the classic mean and volatility. The mean is shrunk by its standard error.

Mean-variance on raw means of a few weeks buys whatever has just risen, at hundreds of percent a year. A mean m with
standard error s is therefore shrunk towards a centre c, as the forecasts are (`models.pooling.shrinkage`):

    c + (m - c) τ² / (τ² + s²),  τ = PRIOR_ANNUAL_DISPERSION

Where no forecast gives the centre, it is computed from the tickers: `center_of_returns`, which is robust to a bad ticker, times
π² / (π² + q²), π = PRIOR_ANNUAL_MEAN. q is the part of the centre's error that all tickers share: the same weeks are one
sample of the market, however many tickers there are. After Jorion (1986, "Bayes-Stein estimation for portfolio analysis",
JFQA 21), with a robust centre in place of the minimum-variance portfolio's mean.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from errors import DegenerateSeriesError, ModelError
from models.conditions import FROZEN_BARS, is_frozen
from models.historical import HistoricalEstimate, historical_estimate
from models.pooling.shrinkage import PRIOR_ANNUAL_MEAN, center_of_returns, limited_return, shrunk_returns
from optimizer.prices import PriceTable
from records import TRADING_DAYS, Floats


class PastEstimate(NamedTuple):
    """Annual decimals. `shrinkage` is a sentence: how `annual_return` was computed from the mean past return."""

    annual_return: float
    annual_volatility: float
    standard_error: float
    shrinkage: str


def past_estimates(prices: PriceTable, center: float | None) -> tuple[dict[str, PastEstimate], dict[str, str]]:
    """An estimate for each ticker, its return shrunk towards `center` (None: the tickers' own), or why there is none."""
    known: dict[str, HistoricalEstimate] = {}
    refused: dict[str, str] = {}
    log_returns = prices.log_returns()
    periods = prices.periods_per_year()
    for ticker, log_return, per_year in zip(prices.tickers, log_returns.T, periods.tolist(), strict=True):
        try:
            known[ticker] = _of_moving(log_return[np.isfinite(log_return)], round(per_year))
        except ModelError as error:
            refused[ticker] = str(error)
    if not known:
        return {}, refused
    mean, _, standard_error = np.array(list(known.values())).T
    kind = "the forecasts'"
    if center is None:
        columns = [column for column, ticker in enumerate(prices.tickers) if ticker in known]
        shared = shared_error(np.expm1(log_returns[:, columns]), standard_error, periods[columns])
        center = center_of_returns(mean, standard_error) / (1.0 + (shared / PRIOR_ANNUAL_MEAN) ** 2)
        kind = "their centre's"
    shrunk = shrunk_returns(mean, standard_error, center)
    estimates = {}
    for (ticker, each), annual_return in zip(known.items(), shrunk.tolist(), strict=True):
        limited, limits = limited_return(annual_return, ())
        shrinkage = (
            f"its mean return of {each.annual_return:.1%} ± {each.standard_error:.1%} is shrunk towards {kind} {center:.1%}"
        )
        told = "; ".join([shrinkage, *(limit.reason for limit in limits)])
        estimates[ticker] = PastEstimate(limited, each.annual_volatility, each.standard_error, told)
    return estimates, refused


def shared_error(simple_returns: Floats, standard_error: Floats, periods: Floats | float = TRADING_DAYS) -> float:
    """The standard error of the tickers' mean of means that more tickers would not reduce; annual, 0 for one ticker.

    Takes daily returns (T, n), NaN where there is none, `periods` of them a year, and the standard errors (n,) of their
    means; means are weighted by precision as in `center_of_returns`. It is the square root of the variance of the mean of
    means, less the part that independent tickers would have.
    """
    weight = 1.0 / (standard_error**2 + PRIOR_ANNUAL_MEAN**2)
    weight /= weight.sum()
    observed = np.isfinite(simple_returns)
    days = observed.sum(axis=0)
    filled = np.where(observed, simple_returns, 0.0)
    deviation = np.where(observed, filled - filled.sum(axis=0) / days, 0.0) * (periods / days)
    together = float(((deviation @ weight) ** 2).sum())
    apart = float((deviation**2).sum(axis=0) @ weight**2)
    return math.sqrt(max(0.0, together - apart))


def _of_moving(log_return: Floats, periods: int) -> HistoricalEstimate:
    """The historical estimate. Raises DegenerateSeriesError for a halted price: it would look like a calm share."""
    estimate = historical_estimate(log_return, periods)
    if is_frozen(log_return):
        raise DegenerateSeriesError(f"the close has not moved on the last {FROZEN_BARS} bars: the price is halted or frozen")
    return estimate
