"""What a portfolio uses of its tickers' estimates: volatilities at the served level, returns with a market part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from models.historical import PRIOR_ANNUAL_DISPERSION
from optimizer.covariance import Comovement
from optimizer.exposure import betas, market_part
from optimizer.lookup import Estimate
from records import canonical_ticker

#: Name of the caller in the place of a model.
VIEW = "view"


def used_estimates(
    estimates: Sequence[Estimate], together: Comovement, risk_free_rate: float, market_premium: float
) -> tuple[Estimate, ...]:
    """The estimates, in their order, with the returns and volatilities to use; the forecasts themselves stand beside them."""
    served = np.array([estimate.annual_volatility for estimate in estimates])
    volatility = together.volatilities(served)
    annual_return = np.array([estimate.annual_return for estimate in estimates])
    error = np.array([estimate.return_standard_error or np.inf for estimate in estimates])
    own_weight = PRIOR_ANNUAL_DISPERSION**2 / (PRIOR_ANNUAL_DISPERSION**2 + error**2)
    beta = betas(together, volatility)
    used = annual_return + market_part(annual_return, own_weight, beta, risk_free_rate, market_premium)
    columns = zip(estimates, used.tolist(), volatility.tolist(), beta.tolist(), strict=True)
    return tuple(
        replace(
            estimate,
            annual_return=expected,
            annual_volatility=risk,
            forecast_return=estimate.annual_return,
            forecast_volatility=estimate.annual_volatility,
            market_beta=exposure,
        )
        for estimate, expected, risk, exposure in columns
    )


def with_views(estimates: Sequence[Estimate], views: Mapping[str, float]) -> tuple[Estimate, ...]:
    """The estimates with the caller's own annual returns in place of what was expected, for the tickers that have one."""
    by_ticker = {canonical_ticker(name): value for name, value in views.items()}
    return tuple(
        replace(estimate, annual_return=by_ticker[estimate.ticker], return_model=VIEW)
        if estimate.ticker in by_ticker
        else estimate
        for estimate in estimates
    )
