"""A made-up market, its rows, and a request over all of it."""

from __future__ import annotations

from tests.made.market import TICKERS, made_bars, made_rows

BARS = made_bars()
ROWS = made_rows(BARS)
REQUEST = {
    "start_date": BARS["AAA"].first_date.isoformat(), "end_date": BARS["AAA"].last_date.isoformat(), "risk_free_rate": 0.02,
    "tickers": list(TICKERS),
}  # fmt: skip
