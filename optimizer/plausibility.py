"""Whether a portfolio's numbers can be believed. This is a check: nothing is clipped, the request fails."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import numpy as np

from errors import InsufficientDataError
from optimizer.allocation import Portfolio
from optimizer.lookup import Estimate
from text import shortened

logger = logging.getLogger(__name__)

#: Annual volatilities of what can be bought: Treasury bills in a fund have 0.3 %, the wildest shares 300 %.
_LEAST_RISK: Final = 0.002
_MOST_RISK: Final = 5.0
#: The best funds on record have Sharpe ratios of 2 to 3, over decades; only cash has more, and its risk is known badly.
_MOST_SHARPE: Final = 10.0
#: Tickers that are named where none alone is beyond the limits.
_NAMED: Final = 3


def check_plausible(portfolio: Portfolio, estimates: Sequence[Estimate], risk_free_rate: float) -> None:
    """Raise InsufficientDataError, and log the tickers that cause it, for a risk or a Sharpe ratio beyond what is believable.

    `estimates` are in the order of the portfolio's weights.
    """
    # A negative rate would lift every ratio; it is the caller's, and says nothing about the data.
    rate = max(risk_free_rate, 0.0)
    problem = _problem(portfolio.annual_return - rate, portfolio.annual_volatility)
    if problem is None:
        return
    heaviest = [int(index) for index in np.argsort(-portfolio.weights, kind="stable") if portfolio.weights[index] > 0]
    alone = [i for i in heaviest if _problem(estimates[i].annual_return - rate, estimates[i].annual_volatility)]
    causes = [estimates[i].ticker for i in alone or heaviest[:_NAMED]]
    logger.warning(
        "portfolio not plausible return=%.6g risk=%.6g tickers=%s estimates=%s",
        portfolio.annual_return,
        portfolio.annual_volatility,
        ",".join(causes),
        ",".join(f"{estimates[i].annual_return:.4g}/{estimates[i].annual_volatility:.4g}" for i in alone or heaviest[:_NAMED]),
    )
    raise InsufficientDataError(
        f"The data cannot carry this portfolio: {problem} is not believable. Look at {shortened(causes)}: leave out what "
        "is wrong, or choose an earlier start date."
    )


def _problem(excess: float, risk: float) -> str | None:
    if not risk >= _LEAST_RISK:
        return f"a risk of {risk:.3%} a year"
    if risk > _MOST_RISK:
        return f"a risk of {risk:.0%} a year"
    if excess / risk > _MOST_SHARPE:
        return f"a Sharpe ratio of {excess / risk:.1f} (risk {risk:.2%} a year)"
    return None
