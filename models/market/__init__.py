"""The market model: fitted once over many tickers, frozen, evaluated on one ticker's own bars with NumPy alone."""
