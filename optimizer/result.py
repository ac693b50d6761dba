"""The answer of an optimization, as the contract has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optimizer.allocation import Portfolio
from optimizer.lookup import Estimate
from optimizer.prices import PriceTable
from optimizer.trading import whole_shares

Result = dict[str, Any]


def result_of(
    portfolio: Portfolio,
    estimates: Sequence[Estimate],
    prices: PriceTable,
    *,
    risk_free_rate: float,
    unused: Mapping[str, str],
    warnings: Sequence[str],
    budget: float | None = None,
) -> Result:
    """The result object. `estimates` and the columns of `prices` are in the order of the portfolio's weights.

    The contract's keys, and besides them: `trading_cost`, of getting from the current weights to these, which `return` does not
    include; `trading_step`, the part of the way gone from the current weights; `forecasts`, by weighted ticker what its weight
    rests on; `estimates`, how many of the tickers were served by a forecast and how many by an estimate in its place; `unused`,
    tickers that could not be used, with the reason; `warnings`; `risk_free_rate` and `prices_as_of`. With a `budget` also
    `shares`, whole ones by ticker, and `cash`, what they leave of it.
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
        "risk_free_rate": risk_free_rate,
        "prices_as_of": prices.last_date().isoformat(),
        "unused": dict(unused),
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
        "reason": estimate.told(),
    }
