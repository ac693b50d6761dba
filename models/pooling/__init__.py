"""What the forecast rows of many tickers say together about each of them."""
