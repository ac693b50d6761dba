"""Portfolios from the forecast table: classic mean-variance optimization on what the models expect.

table of forecasts ─► lookup (fresh? else estimate from prices) ─► expected returns, volatilities ─┐
history, provider  ─► prices ─► correlations of three years, long-run volatilities ───────────────┴► frontier ─► weights
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optimizer.portfolio import get_stock_data, ml_covariance, ml_forecast_returns, optimize_portfolio
    from optimizer.tickers import sanitize_tickers

__all__ = ["get_stock_data", "ml_covariance", "ml_forecast_returns", "optimize_portfolio", "sanitize_tickers"]

_PLACES = {
    "get_stock_data": "optimizer.portfolio",
    "ml_covariance": "optimizer.portfolio",
    "ml_forecast_returns": "optimizer.portfolio",
    "optimize_portfolio": "optimizer.portfolio",
    "sanitize_tickers": "optimizer.tickers",
}


def __getattr__(name: str) -> Any:
    """The public names, loaded at their first use: `--help` needs none of them."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)
