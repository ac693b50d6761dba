"""Fits the market model: its panel over many tickers, its parts, their cross-validation. Training libraries load here only."""
