"""Expected returns with a market part: what moves against the market is not expected to earn what the market earns.

Forecasts shrink every mean towards one centre, which is right among shares and wrong across asset classes: a volatility note
that falls when shares rise, or a bond, does not earn the shares' premium. Here the centre of a ticker is moved by

    premium × exposure,  exposure = θ (β - 1),  θ = (β - 1)² / ((β - 1)² + NEAR²)

β is the ticker's exposure to what the tickers of the request have in common, 1 for the typical one. Among shares β lies within
NEAR of 1, where theory and evidence disagree about whether it earns anything (Black, Jensen and Scholes 1972; Frazzini and
Pedersen 2014), so next to nothing is moved. Far below 1 the centre becomes proportional to β; above 1 no more than
NEAR counts, since wild shares earn no more, and errors in the bars look like them. No ticker's β depends on the mean
return of another, and the common part is that of correlations, where one wild ticker weighs no more than a calm one.

The premium is half the forecasts' own (their centre less the risk-free rate, at least 0) and half MARKET_PREMIUM, since three
years say little about it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from optimizer.covariance import Comovement
from records import Floats

#: Distance from a β of 1 at which half of it counts: twice the spread of β among large shares.
NEAR: Final = 0.5
#: Fewer tickers do not say which of them is the market.
MINIMUM_TICKERS: Final = 3
#: Exposures beyond this come from errors in the bars.
LARGEST_EXPOSURE: Final = 5.0
#: Share of the common part in all variance of standardised returns, below which the tickers have too little in common.
LEAST_COMMON: Final = 0.2
#: Mean correlation with the common part, up or down, below which the tickers do not say which direction is the market's.
LEAST_AGREEMENT: Final = 0.05
#: Rounds of the power iteration; the common part of a market stands out, so that a dozen would do.
_ROUNDS: Final = 50


def betas(together: Comovement, annual_volatility: Floats) -> Floats:
    """Exposure (n,) of each ticker to the tickers' common part, 1 for the typical one; all 1 where they do not tell.

    The common part is the first principal component of the correlations, with the sign that makes the mean correlation with
    it positive. β is a ticker's correlation with it × its volatility, over the median of the positive products.
    """
    correlation = together.correlation
    n = len(correlation)
    flat = np.ones(n)
    if n < MINIMUM_TICKERS:
        return flat
    # Not from equal weights alone: they are an eigenvector themselves where all correlations are the same.
    direction = flat + correlation.sum(axis=0) / n
    for _ in range(_ROUNDS):
        direction = correlation @ direction
        direction /= np.sqrt(direction @ direction)
    variance = float(direction @ correlation @ direction)
    loading = direction * np.sqrt(variance)
    agreement = float(loading.mean())
    if variance / n < LEAST_COMMON or abs(agreement) < LEAST_AGREEMENT:
        return flat
    scaled = loading * annual_volatility * np.sign(agreement)
    found: Floats = np.clip(scaled / np.median(scaled[scaled > 0.0]), -LARGEST_EXPOSURE, LARGEST_EXPOSURE)
    return found


def market_part(
    annual_return: Floats, own_weight: Floats, beta: Floats, risk_free_rate: float, market_premium: float
) -> Floats:
    """What to add to the annual returns (n,) of flat centre: see the head of this file; 0 where β is 1.

    `own_weight` (n,) is the weight of a ticker's own mean in its return: only the rest of it is the centre.
    """
    distance = np.minimum(beta - 1.0, NEAR)
    exposure = distance * distance**2 / (distance**2 + NEAR**2)
    premium = 0.5 * max(0.0, float(np.median(annual_return)) - risk_free_rate) + 0.5 * market_premium
    added: Floats = (1.0 - own_weight) * premium * exposure
    return added
