"""What a symbol says of its exchange, and what follows: periods a year, currency, freshness."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from marketdata import calendars
from marketdata.calendars import is_finished, missing_sessions, sessions_since, surplus_bars
from marketdata.session_days import SessionDays
from optimizer.caveats import mixed_units
from records import Forecast, day_number, day_numbers, exchange_of, periods_per_year, series_doubt

WEEKDAYS = np.array([day for day in range(19_000, 19_600) if (day + 3) % 7 < 5], dtype=np.int32)
ALL_DAYS = np.arange(19_000, 19_600, dtype=np.int32)


@pytest.mark.parametrize(
    ("ticker", "days", "periods"),
    [
        ("AAPL", WEEKDAYS, 252), ("BTC-USD", ALL_DAYS, 365), ("BTCUSDT", ALL_DAYS, 365), ("BITCOIN", ALL_DAYS, 365), ("7203.T", WEEKDAYS, 245),
        ("EURUSD=X", WEEKDAYS, 260), ("600519", WEEKDAYS, 252), ("600519.SS", WEEKDAYS, 243), ("BTC-USD", WEEKDAYS, 252),
        ("BTC-USD", ALL_DAYS[:5], 365), ("^GSPC", WEEKDAYS, 252),
    ],
)  # fmt: skip
def test_periods_a_year(ticker, days, periods):
    assert periods_per_year(ticker, days) == periods


@pytest.mark.parametrize(
    ("ticker", "currency"),
    [("SPY", "USD"), ("HSBA.L", "GBp"), ("SAN.MC", "EUR"), ("EQNR.OL", "NOK"), ("7203.T", "JPY"), ("EURUSD=X", "USD"), ("JPY=X", "JPY"), ("ETH-EUR", "EUR"), ("NPN.JO", "ZAc")],
)  # fmt: skip
def test_currencies(ticker, currency):
    assert exchange_of(ticker).currency == currency


@pytest.mark.parametrize("ticker", ["600519", "^FTSE", "GC=F", "X.UNKNOWN", "BTC1!"])
def test_a_symbol_that_names_no_exchange(ticker):
    assert exchange_of(ticker) is None


def test_holidays_make_nothing_stale():
    before, after = dt.date(2024, 2, 8), dt.date(2024, 2, 19)  # Lunar New Year in Shanghai
    assert sessions_since("600519.SS", before, after) == 1
    assert sessions_since("AAPL", before, after) == 6  # Presidents' Day is no session
    assert sessions_since("600519", before, after) == 7
    assert sessions_since("BTC-USD", before, after) == 11
    assert sessions_since("AAPL", before, after, enough=7) == 7


def test_tel_aviv_has_no_calendar_because_the_librarys_is_wrong():
    """It cannot be built from its beginning, and from 2026 on it has no holidays of autumn. Weekdays count instead."""
    assert sessions_since("TEVA.TA", dt.date(2026, 9, 1), dt.date(2026, 10, 1)) == 22
    days = day_numbers([dt.date(2026, 1, 4), dt.date(2026, 1, 6), dt.date(2026, 1, 9)])
    assert len(missing_sessions("TEVA.TA", days)) == len(surplus_bars("TEVA.TA", days)) == 0
    assert is_finished("TEVA.TA", dt.date(2026, 1, 6), dt.datetime(2026, 1, 8, tzinfo=dt.UTC))
    assert exchange_of("TEVA.TA").currency == "ILA"


def test_bars_on_days_without_a_session():
    days = day_numbers([dt.date(2024, 7, day) for day in (3, 4, 5, 6)])
    assert surplus_bars("AAPL", days).tolist() == day_numbers([dt.date(2024, 7, 4), dt.date(2024, 7, 6)]).tolist()
    assert len(surplus_bars("600519", days)) == 0


def test_currencies_and_years_that_are_mixed_are_named():
    currencies, years = mixed_units(["HSBA.L", "SAN.MC", "SPY", "BTC-USD"], {})
    assert currencies.startswith("prices in different currencies (EUR: SAN.MC; GBp: HSBA.L; USD: SPY, BTC-USD)")
    assert years.startswith("bars on seven days a week (BTC-USD) beside bars on five (HSBA.L, SAN.MC, SPY)")
    assert mixed_units(["SPY", "AAPL"], {}) == []


def row_in(ticker: str, currency: str | None) -> Forecast:
    numbers = dict.fromkeys(
        ("annual_return", "annual_volatility", "return_standard_error", "lower_80", "upper_80", "lower_95", "upper_95")
    )
    unknown = dict.fromkeys(("return_model", "volatility_model", "fallback", "training_cutoff"))
    return Forecast(
        ticker=ticker, as_of=dt.date(2024, 6, 28), last_close=1.0, horizon=21, bars_used=1, settings_hash="0", code_version="1",
        currency=currency, **numbers, **unknown,
    )  # fmt: skip


def test_a_row_s_currency_counts_before_the_symbol_s():
    rows = {
        row.ticker: row for row in (row_in("SPY", "EUR"), row_in("VOD.L", "GBP"), row_in("AAPL", None), row_in("600519", "CNY"))
    }
    (currencies,) = mixed_units([*rows, "HSBA.L"], rows)
    assert currencies.startswith(
        "prices in different currencies (CNY: 600519; EUR: SPY; GBP: VOD.L; GBp: HSBA.L; USD: AAPL): returns"
    )
    assert mixed_units(["SPY", "SAN.MC"], rows) == []


def test_a_series_that_is_no_daily_one():
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(0.02 * rng.standard_normal(len(WEEKDAYS))))
    assert series_doubt(WEEKDAYS, close) is None
    assert series_doubt(WEEKDAYS[::5], close[::5]).startswith("weekly bars")
    two = np.where(np.arange(len(close)) % 2, close, 5 * close[::-1])
    assert series_doubt(WEEKDAYS, two).startswith("the level jumps to and fro")


@pytest.fixture
def ends_with_2025(monkeypatch):
    """Calendars as a library of 2025 knows Shanghai's: it has no later sessions."""
    whole = calendars.library_days
    ends = day_number(dt.date(2025, 12, 31))
    monkeypatch.setattr(calendars, "_session_days", SessionDays(lambda name: whole(name)[whole(name) <= ends]))


def test_beyond_the_end_of_a_calendar_no_bar_is_surplus(ends_with_2025):
    """Every bar of the new year had been reported as a bar on a holiday."""
    bars = [dt.date(2025, 12, 30), dt.date(2025, 12, 31), dt.date(2026, 1, 1), dt.date(2026, 1, 5), dt.date(2026, 1, 6)]
    assert len(surplus_bars("600519.SS", day_numbers(bars))) == 0
    holiday = dt.date(2025, 10, 1)
    assert surplus_bars("600519.SS", day_numbers([dt.date(2025, 9, 30), holiday, *bars])).tolist() == [day_number(holiday)]


def test_sessions_across_the_end_of_a_calendar_are_the_known_ones_and_weekdays(ends_with_2025):
    """From before the Golden Week (eight days without a session) on."""
    assert sessions_since("600519.SS", dt.date(2025, 9, 30), dt.date(2025, 12, 31)) == 60
    assert sessions_since("600519.SS", dt.date(2025, 9, 30), dt.date(2026, 1, 9)) == 60 + 7
