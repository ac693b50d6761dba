"""How returns move together over the year to come: correlations of the last three years, volatilities of served level.

Whatever dates a request names, correlations come from the last CORRELATION_BARS bars up to its end. A correlation of a few days
is noise, and a minimum-variance portfolio picks the smallest noise. Measured against the plain construction
(`python -m benchmarks covariance`), these steps lower the realised risk of minimum-variance portfolios and halve their
trading:

1. Each return over the volatility known the day before (an EWMA), clipped at ±CLIP: else the few wild weeks of three years
   decide all correlations (Engle 2002, "Dynamic conditional correlation", JBES 20, standardises likewise).
2. Days weigh 0.5^(age / HALF_LIFE); shrunk with these weights towards the mean correlation (`optimizer.correlation`).
3. A volatility is the geometric mean of the served forecast and the deviation of the same three years. All are moved by one
   factor so that their level is the level of the forecasts: forecasts know the level best, and the long-run part keeps the
   differences between tickers steady.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from errors import NoDataError
from optimizer.correlation import common_days, shrunk_correlation
from optimizer.prices import PriceTable
from records import Floats
from text import shortened

#: Bars whose returns count: three years.
CORRELATION_BARS: Final = 756
#: Bars after which a day's weight has halved.
HALF_LIFE: Final = 252
#: Half-life, in a ticker's own bars, of the EWMA that takes volatility out of returns: a month of trading.
VOLATILITY_HALF_LIFE: Final = 21
#: Bars before the window that the EWMA starts from: what came before them weighs an eighth.
WARM_UP: Final = 63
#: De-volatilised returns beyond this are cut: a crash of one ticker on one day is no correlation.
CLIP: Final = 3.0
#: Returns in common that a correlation needs, as many as any estimate from past prices: a month of trading.
MINIMUM_COMMON_DAYS: Final = 20
#: Served and long-run volatility differ by no more than this factor: a larger difference comes from an error in the bars.
LARGEST_RATIO: Final = 4.0
#: Bars from which on the long-run deviation has its full weight. Its standard error is then 1 / √(2 × 252), 4 %, less than a
#: forecast's: waiting for three years would add trading and lower no risk.
LONG_RUN_BARS: Final = 252
#: Calendar days that hold CORRELATION_BARS + WARM_UP bars of an exchange, with a month to spare.
HISTORY_DAYS: Final = 1220
#: Smallest daily variance that returns are divided by: (1 basis point)².
_SMALLEST_VARIANCE: Final = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Comovement:
    """What past prices say of n tickers together, in the order of their table.

    `correlation` (n, n) is positive definite. `long_run` (n,) is the annual volatility over the last CORRELATION_BARS bars, NaN
    where there is none. `share` (n,) is the part of LONG_RUN_BARS that it was measured on, at most 1.
    """

    correlation: Floats
    long_run: Floats
    share: Floats

    def volatilities(self, served: Floats) -> Floats:
        """Annual volatilities (n,) in place of the served volatilities (n,): blended with the long run, at the served level.

        In logs: served + share / 2 × (long run - served), all less the mean of what was added. So one ticker alone keeps its
        forecast, and so do several whose forecasts all differ from their past by the same factor.
        """
        known = np.isfinite(self.long_run) & (self.long_run > 0.0)
        gap = np.log(np.where(known, self.long_run, served) / served)
        limit = np.log(LARGEST_RATIO)
        moved = 0.5 * self.share * np.clip(gap, -limit, limit)
        used: Floats = served * np.exp(moved - moved.mean())
        return used


def comovement(prices: PriceTable) -> Comovement:
    """Correlations and long-run volatilities from adjusted closes up to the end date (CORRELATION_BARS + WARM_UP bars serve).

    Raises NoDataError if no pair of tickers has MINIMUM_COMMON_DAYS returns in common.
    """
    log_returns = prices.log_returns()[-CORRELATION_BARS - WARM_UP :]
    recent = log_returns[-CORRELATION_BARS:]
    n = recent.shape[1]
    days = common_days(recent)
    of_pairs = days[~np.eye(n, dtype=bool)]
    if n > 1 and of_pairs.max() < MINIMUM_COMMON_DAYS:
        raise NoDataError(
            f"too few prices to say how {shortened(prices.tickers)} move together: at most {of_pairs.max():.0f} returns in "
            f"common up to {prices.last_date()}, {MINIMUM_COMMON_DAYS} needed. Choose tickers with a longer common history."
        )
    weight = 0.5 ** (np.arange(len(recent))[::-1] / HALF_LIFE)
    correlation = shrunk_correlation(devolatilised(log_returns)[-CORRELATION_BARS:], weight, MINIMUM_COMMON_DAYS)
    own = np.diag(days)
    with np.errstate(invalid="ignore", divide="ignore"):
        filled = np.where(np.isfinite(recent), recent, 0.0)
        variance = (filled**2).sum(axis=0) / own - (filled.sum(axis=0) / own) ** 2
    enough = own >= MINIMUM_COMMON_DAYS
    long_run = np.sqrt(np.where(enough, np.maximum(variance, 0.0), np.nan) * prices.periods_per_year())
    return Comovement(correlation, long_run, np.minimum(own / LONG_RUN_BARS, 1.0))


def devolatilised(log_returns: Floats) -> Floats:
    """Each log return (T, n) over the EWMA deviation known the day before, clipped at ±CLIP; NaN stays NaN.

    The first VOLATILITY_HALF_LIFE returns of a ticker are divided by the deviation known after them.
    """
    decay = 0.5 ** (1.0 / VOLATILITY_HALF_LIFE)
    observed = np.isfinite(log_returns)
    square = np.where(observed, log_returns, 0.0) ** 2
    count = observed.cumsum(axis=0)
    known = np.empty_like(square)
    total, weight = np.zeros((2, square.shape[1]))
    for day, returned in enumerate(observed):
        np.divide(total, np.maximum(weight, 1e-12), out=known[day])
        # A day without a return does not age the others: bars are the ticker's own.
        kept = decay if returned.all() else np.where(returned, decay, 1.0)
        total *= kept
        total += square[day]
        weight *= kept
        weight += returned
    final = total / np.maximum(weight, 1e-12)
    # The first row that knows VOLATILITY_HALF_LIFE returns; the end for a ticker that has fewer.
    early = count - observed < VOLATILITY_HALF_LIFE
    first = early.sum(axis=0)
    at_first = np.where(first < len(known), known[np.minimum(first, len(known) - 1), np.arange(known.shape[1])], final)
    variance = np.where(early, at_first, known)
    scaled: Floats = np.clip(log_returns / np.sqrt(np.maximum(variance, _SMALLEST_VARIANCE)), -CLIP, CLIP)
    return scaled


def covariance_of(annual_volatility: Floats, correlation: Floats) -> Floats:
    """D·R·D: volatilities (n,) on the diagonal D, correlations R (n, n)."""
    return correlation * np.outer(annual_volatility, annual_volatility)


def factor_of(covariance: Floats) -> Floats:
    """F with F'F = covariance, for a positive semidefinite one too."""
    try:
        factor: Floats = np.asarray(np.linalg.cholesky(covariance).T, dtype=np.float64)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        factor = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    return factor
