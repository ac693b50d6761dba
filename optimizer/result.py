"""The answer of an optimization, as the contract has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

from optimizer.allocation import Portfolio
from optimizer.coverage import Coverage
from optimizer.lookup import Estimate
from optimizer.prices import PriceTable
from optimizer.trading import whole_shares

Result = dict[str, Any]

#: Of the tickers that could not be used so many are listed: results wait in memory for their clients.
_MOST_UNUSED: Final = 500
_REASON_LENGTH: Final = 500


def result_of(
    portfolio: Portfolio,
    estimates: Sequence[Estimate],
    prices: PriceTable,
    *,
    risk_free_rate: float,
    coverage: Coverage,
    unused: Mapping[str, str],
    warnings: Sequence[str],
    budget: float | None = None,
) -> Result:
    """The result object. `estimates` and the columns of `prices` are in the order of the portfolio's weights.

    The contract's keys, and besides them:

    - `trading_cost`: of getting from the current weights to these; `return` does not include it; `trading_step`: the part of
      the way gone from the current weights
    - `shares` and `cash`, with a `budget`: whole shares by ticker, and what they leave of it
    - `forecasts`: what each weight rests on; `estimates`: how many tickers were served by a forecast, how many by an estimate
    - `coverage`: how many tickers were requested and used
    - `unused`: tickers that could not be used, with the reason, at most 500 of `unused_count`; `warnings`
    - `prices_from`, `prices_as_of`: first and last day of the prices; `forecasts_from`, `forecasts_as_of`: dates of the oldest
      and the newest forecast in use, null if there is none; `risk_free_rate`
    """
    held = [column for column, weight in enumerate(portfolio.weights) if weight > 0]
    held.sort(key=lambda column: (-portfolio.weights[column], estimates[column].ticker))
    close = prices.last_close()
    fallbacks = sum(estimate.fallback is not None for estimate in estimates)
    bought: Result = {}
    if budget is not None:
        shares, cash = whole_shares(portfolio.weights[held], close[held], budget)
        bought = {"shares": {estimates[c].ticker: int(n) for c, n in zip(held, shares, strict=True)}, "cash": cash}
    return {
        "weights": {estimates[c].ticker: round(float(portfolio.weights[c]), 5) for c in held},
        "return": portfolio.annual_return,
        "risk": portfolio.annual_volatility,
        "sharpe_ratio": portfolio.sharpe_ratio,
        "trading_cost": portfolio.trading_cost,
        "trading_step": portfolio.step,
        "prices": {estimates[c].ticker: float(close[c]) for c in held},
        "forecasts": {estimates[c].ticker: _basis(estimates[c]) for c in held},
        "estimates": {"forecast": len(estimates) - fallbacks, "fallback": fallbacks},
        "coverage": {"requested": coverage.requested, "used": coverage.used},
        "risk_free_rate": risk_free_rate,
        "prices_from": coverage.price_dates[0].isoformat(),
        "prices_as_of": coverage.price_dates[1].isoformat(),
        "forecasts_from": coverage.forecast_dates[0].isoformat() if coverage.forecast_dates else None,
        "forecasts_as_of": coverage.forecast_dates[1].isoformat() if coverage.forecast_dates else None,
        "unused": {name: reason[:_REASON_LENGTH] for name, reason in islice(unused.items(), _MOST_UNUSED)},
        "unused_count": len(unused),
        "warnings": list(warnings),
        **bought,
    }


def _basis(estimate: Estimate) -> dict[str, Any]:
    return {
        "expected_return": estimate.annual_return,
        "expected_volatility": estimate.annual_volatility,
        "forecast_return": estimate.forecast_return,
        "forecast_volatility": estimate.forecast_volatility,
        "market_beta": estimate.market_beta,
        "as_of": estimate.as_of.isoformat(),
        "model": estimate.return_model,
        "volatility_model": estimate.volatility_model,
        "pooled_tickers": estimate.pooled_tickers,
        "fallback": estimate.fallback,
        "reason": estimate.explanation(),
    }
