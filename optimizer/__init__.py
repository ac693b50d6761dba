"""Portfolios from the forecast table: classic mean-variance optimization on what the models expect.

table of forecasts ─► lookup (fresh? else estimate from prices) ─► expected returns, volatilities ─┐
history, provider  ─► prices ─► correlations of three years, long-run volatilities ───────────────┴► frontier ─► weights
"""

from optimizer.portfolio import get_stock_data, ml_forecast_returns, optimize_portfolio
from optimizer.tickers import sanitize_tickers

__all__ = ["get_stock_data", "ml_forecast_returns", "optimize_portfolio", "sanitize_tickers"]
