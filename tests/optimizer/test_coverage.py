"""What the data must cover, how old and how long they may be, and that the answer and the progress say it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import InsufficientDataError, NoDataError
from optimizer.coverage import outdated
from optimizer.lookup import fewest_sessions
from optimizer.market import Market
from optimizer.prices import PriceTable, Series
from records import date_of, day_number
from tests.made.market import MemoryHistories, bars_of, fallback_row, later, made_bars, made_rows, row, weekdays

BARS = made_bars()
LAST = BARS["AAA"].last_date


def messages_of(optimizer, request) -> list[str]:
    seen: list[str] = []
    optimizer.optimize(request, lambda _, message: seen.append(message))
    return seen


def test_the_result_and_the_last_progress_message_tell_coverage_and_dates(optimizer_of, asked):
    rows = made_rows(BARS) | {
        "FFF": fallback_row("FFF", BARS["FFF"]),
        "EEE": row("EEE", BARS["EEE"], as_of=later(BARS["EEE"], -2)),
    }
    optimizer = optimizer_of(BARS, rows)
    request = asked(BARS, tickers=[*BARS, "GONE"], current_weights={"GONE": 1})
    result = optimizer.optimize(request)
    assert result["coverage"] == {"requested": 7, "used": 6}
    assert (result["prices_from"], result["prices_as_of"]) == (BARS["AAA"].first_date.isoformat(), LAST.isoformat())
    assert (result["forecasts_from"], result["forecasts_as_of"]) == (later(BARS["EEE"], -2).isoformat(), LAST.isoformat())
    last = messages_of(optimizer, request)[-1]
    assert last.startswith(f"6 of 7 tickers used, prices from {BARS['AAA'].first_date} to {LAST}, 5 by forecasts of ")
    assert "Note: held, but not among the tickers" in last


def test_without_any_forecast_the_answer_says_so(optimizer_of, asked):
    optimizer = optimizer_of(BARS, [])
    assert optimizer.optimize(asked(BARS))["forecasts_as_of"] is None
    assert "no forecasts" in messages_of(optimizer, asked(BARS))[-1]


@pytest.mark.parametrize(("known", "served"), [(3, True), (2, False)])
def test_fewer_than_half_of_the_tickers_are_refused(optimizer_of, asked, known, served):
    tickers = [*list(BARS)[:known], *(f"X{n}" for n in range(6 - known))]
    if served:
        assert optimizer_of().optimize(asked(BARS, tickers=tickers))["coverage"] == {"requested": 6, "used": 3}
        return
    with pytest.raises(
        InsufficientDataError, match=r"Only 2 of the 6 tickers .* 50% .*: AAA, BBB\. Not used: X0, X1, X2, X3: no"
    ):
        optimizer_of().optimize(asked(BARS, tickers=tickers))
    assert optimizer_of(min_coverage=0.3).optimize(asked(BARS, tickers=tickers))["coverage"]["used"] == 2


@pytest.mark.parametrize(("age", "served"), [(10, True), (11, False), (170, False)])
def test_an_end_date_long_after_the_newest_price_is_refused(optimizer_of, asked, age, served):
    request = asked(BARS, end_date=later(BARS["AAA"], age).isoformat())
    if served:
        assert any(f"{age} sessions before" in warning for warning in optimizer_of().optimize(request)["warnings"])
        return
    age = fewest_sessions(["AAA"], LAST, later(BARS["AAA"], age), enough=0)
    with pytest.raises(InsufficientDataError, match=f"end on {LAST}, {age} sessions before .* Choose an end date of {LAST}"):
        optimizer_of().optimize(request)
    assert optimizer_of(max_age_sessions=200).optimize(request)["prices_as_of"] == LAST.isoformat()


def test_an_end_date_in_the_future_makes_no_price_old(optimizer_of, asked):
    optimizer = optimizer_of()
    optimizer._today = lambda: later(BARS["AAA"], 1)
    assert optimizer.optimize(asked(BARS, end_date="9999-12-31"))["coverage"]["used"] == 6


def test_a_ticker_that_is_no_longer_traded_is_not_bought(optimizer_of, asked):
    bars = BARS | {"AAA": BARS["AAA"][:280]}
    result = optimizer_of(bars, made_rows(bars)).optimize(asked(BARS))
    assert "AAA" not in result["weights"]
    # 20 weekdays, one of them a holiday of New York.
    assert result["unused"]["AAA"] == f"its prices end on {bars['AAA'].last_date}, 19 sessions before {LAST}"


def test_holidays_of_the_exchange_are_no_sessions():
    day = day_number(dt.date(2024, 9, 30))
    table = PriceTable.of({ticker: Series(np.array([day], np.int32), np.array([1.0])) for ticker in ("600519.SS", "AAPL")})
    # China was closed from 1 to 7 October.
    assert set(outdated(table, dt.date(2024, 10, 15), 10)) == {"AAPL"}
    assert set(outdated(table, dt.date(2024, 10, 25), 10)) == {"AAPL", "600519.SS"}


def test_a_coin_is_traded_on_weekends_as_well():
    day = day_number(dt.date(2024, 10, 1))
    table = PriceTable.of({ticker: Series(np.array([day], np.int32), np.array([1.0])) for ticker in ("BTC-USD", "AAPL")})
    assert outdated(table, dt.date(2024, 10, 11), 10) == {}
    reasons = outdated(table, dt.date(2024, 10, 12), 10)
    assert reasons == {"BTC-USD": "its prices end on 2024-10-01, 11 sessions before 2024-10-12"}


@given(count=st.integers(70, 200), first=st.integers(-30, 199), length=st.integers(1, 120), gaps=st.sets(st.integers(0, 199)))
def test_earlier_prices_are_borrowed_never_later_ones(count, first, length, gaps):
    day = weekdays(count)
    kept = np.array([n not in gaps for n in range(count)])
    kept[0] = True
    bars = {"AAA": bars_of(day[kept], np.linspace(50.0, 60.0, kept.sum()))}
    start = date_of(int(day[0]) + first)
    end = start + dt.timedelta(days=length)
    prices = Market(MemoryHistories(bars), None).prices(["AAA"], start, end, history_start=dt.date(2010, 1, 1), min_days=63)
    known = day[kept][day[kept] <= day_number(end)]
    inside = known[known >= day_number(start)]
    assert prices.table.day.tolist() == (inside if len(inside) >= 63 else known[-63:]).tolist()


def test_what_is_borrowed_is_said_and_nothing_absurd_comes_of_three_days(optimizer_of, asked):
    start = later(BARS["AAA"], -2)
    short = optimizer_of().optimize(asked(BARS, start_date=start.isoformat()))
    quarter = optimizer_of().optimize(asked(BARS, start_date=later(BARS["AAA"], -62).isoformat()))
    assert short["weights"] == quarter["weights"]
    assert short["risk"] > 0.05
    assert any(f"{start} to {LAST} hold fewer than 63 days" in warning for warning in short["warnings"])
    assert quarter["warnings"] == []


def test_without_earlier_prices_too_few_days_are_refused_with_a_date_that_works(optimizer_of, asked):
    with pytest.raises(InsufficientDataError, match=r"Only 40 days .* Choose an end date of 2020-03-27 or later") as caught:
        optimizer_of().optimize(asked(BARS, end_date=date_of(BARS["AAA"].day[39]).isoformat()))
    assert str(BARS["AAA"].first_date) not in str(caught.value)
    works = asked(BARS, end_date="2020-03-27")
    assert optimizer_of().optimize(works)["prices_from"] == BARS["AAA"].first_date.isoformat()
    young = made_bars(count=40)
    with pytest.raises(InsufficientDataError, match="Wait for more prices"):
        optimizer_of(young).optimize(asked(young))
    # A single ticker needs no correlations.
    assert optimizer_of(young).optimize(asked(young, tickers=["AAA"]))["weights"] == {"AAA": 1.0}


def test_a_ticker_with_a_handful_of_prices_is_not_used_whatever_its_forecast(optimizer_of, asked):
    bars = made_bars(young={"FFF": 5})
    result = optimizer_of(bars).optimize(asked(bars))
    assert result["unused"]["FFF"] == f"only 5 days of prices up to {LAST}, and 21 are needed"
    with pytest.raises(NoDataError, match="only 5 days"):
        optimizer_of(bars).optimize(asked(bars, tickers=["FFF"]))


@pytest.mark.parametrize(
    ("annual_return", "volatility", "problem"),
    [
        (0.1, 0.001, "a risk of 0.100% a year"),
        (0.9, 0.05, "a Sharpe ratio of 17.6 .risk 5.00% a year."),
        (0.9, 7.0, "a risk of 700% a year"),
    ],
)
def test_numbers_that_nobody_can_believe_are_an_error_and_the_log_names_the_ticker(
    optimizer_of, asked, caplog, annual_return, volatility, problem
):
    rows = made_rows(BARS) | {"CCC": row("CCC", BARS["CCC"], annual_return, volatility)}
    optimizer = optimizer_of(BARS, rows)
    with pytest.raises(InsufficientDataError, match=f"{problem} is not believable. Look at CCC:"):
        optimizer.optimize(asked(BARS, tickers=["CCC"]))
    assert any("not plausible" in message and "tickers=CCC " in message for message in caplog.messages)
    # The rate is the caller's: a ratio that is high because of it says nothing about the data.
    assert optimizer.optimize(asked(BARS, tickers=["AAA"], risk_free_rate=-5))["sharpe_ratio"] > 10
