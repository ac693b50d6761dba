"""The names that Python callers use."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from errors import NoDataError, RequestError
from optimizer import get_stock_data, ml_forecast_returns, optimize_portfolio
from optimizer.covariance import comovement
from optimizer.session import Session, close_process_session
from tests.made.market import TICKERS, fallback_row, made_bars, made_rows, shrunk_mean, shrunk_means, write_state

BARS = made_bars()
START, END = BARS["AAA"].first_date.isoformat(), BARS["AAA"].last_date.isoformat()


@pytest.fixture
def session(settings, closing) -> Session:
    rows = made_rows(BARS) | {"FFF": fallback_row("FFF", BARS["FFF"])}
    write_state(settings.state_dir, BARS, rows.values())
    return closing(Session.open(settings))


def test_the_result_can_be_checked_by_hand(session):
    result = optimize_portfolio(START, END, 0.02, tickers=["aaa", "BBB"], session=session)
    forecasts, weights = result["forecasts"], result["weights"]
    assert result["return"] == pytest.approx(sum(w * forecasts[t]["expected_return"] for t, w in weights.items()), rel=1e-12)
    assert result["sharpe_ratio"] == (result["return"] - 0.02) / result["risk"]
    if len(weights) == 2:
        (a, b), (sa, sb) = weights.values(), (f["expected_volatility"] for f in forecasts.values())
        correlation = (result["risk"] ** 2 - (a * sa) ** 2 - (b * sb) ** 2) / (2 * a * b * sa * sb)
        table = session.market.prices(list(weights), BARS["AAA"].first_date, BARS["AAA"].last_date).table
        assert correlation == pytest.approx(comovement(table).correlation[0, 1], abs=1e-9)
    assert result["prices"] == {t: BARS[t].close[-1] for t in weights}
    assert math.isclose(sum(weights.values()), 1.0)


def test_two_targets_the_return_wins_and_zero_is_not_set(session):
    both = optimize_portfolio(START, END, 0.02, tickers=TICKERS, target_return=0.1, risk_tolerance=0.3, session=session)
    one = optimize_portfolio(START, END, 0.02, tickers=TICKERS, target_return=0.1, session=session)
    none = optimize_portfolio(START, END, 0.02, tickers=TICKERS, target_return=0, risk_tolerance=0, session=session)
    assert both == one
    assert none == optimize_portfolio(START, END, 0.02, tickers=TICKERS, session=session)


def test_the_types_of_numpy_and_pandas_are_taken(session):
    plain = optimize_portfolio(START, END, 1, tickers=["AAA", "BBB"], session=session)
    start, end = pd.Timestamp(START), pd.Timestamp(END)
    assert optimize_portfolio(start, end, np.int64(1), tickers=pd.Index(["AAA", "BBB"]), session=session) == plain
    assert optimize_portfolio(start, end, np.float32(1), tickers=["AAA", "BBB"], session=session) == plain


def test_stock_data_is_a_frame_of_adjusted_closes_and_names_what_is_missing(session):
    data = get_stock_data(["bbb", "AAA", "ZZZ"], START, END, session=session)
    assert list(data.columns) == ["BBB", "AAA"]
    assert isinstance(data.index, pd.DatetimeIndex)
    np.testing.assert_allclose(data["AAA"], BARS["AAA"].close)
    assert "ZZZ" in data.attrs["missing"]
    with pytest.raises(NoDataError):
        get_stock_data(["ZZZ"], START, END, session=session)


def test_prices_of_a_single_text_are_refused(session):
    with pytest.raises(RequestError, match="a list of ticker symbols is needed"):
        get_stock_data("AAA", START, END, session=session)


@pytest.mark.parametrize("date", ["2024-01-02junk", "20240102", "2024-W01-2", ""])
def test_prices_from_what_is_not_a_date_are_refused(session, date):
    with pytest.raises(RequestError, match="YYYY-MM-DD"):
        get_stock_data(["AAA"], date, END, session=session)


def test_forecasts_of_the_table_count_only_for_the_very_same_prices(session):
    data = get_stock_data(TICKERS, START, END, session=session)
    rows = made_rows(BARS)
    expected = ml_forecast_returns(data, session=session)
    assert isinstance(expected, pd.Series)
    assert list(expected.index) == list(TICKERS)
    for ticker in TICKERS[:-1]:
        assert expected[ticker] == rows[ticker].annual_return
        assert expected.attrs["forecasts"][ticker]["fallback"] is None
    served = [rows[ticker].annual_return for ticker in TICKERS[:-1]]
    assert expected["FFF"] == pytest.approx(shrunk_mean(data["FFF"].pct_change().dropna().to_numpy(), served))
    assert "504 needed" in expected.attrs["forecasts"]["FFF"]["reason"]

    for other in (data.iloc[:-1], data * 2):
        expected = shrunk_means(other.pct_change().dropna().to_numpy())
        np.testing.assert_allclose(ml_forecast_returns(other, session=session), expected, rtol=1e-9)
    rescaled = ml_forecast_returns(data * 2, session=session)
    assert "close" in rescaled.attrs["forecasts"]["AAA"]["reason"]


def test_a_ticker_that_ended_long_before_the_others_is_served_by_no_forecast(session):
    data = get_stock_data(["AAA", "BBB"], START, END, session=session)
    later = pd.bdate_range(data.index[-1], periods=8, inclusive="right")
    data = pd.concat([data, pd.DataFrame({"BBB": data["BBB"].iloc[-1]}, index=later)])
    fresh, stale = (ml_forecast_returns(part, session=session).attrs["forecasts"]["AAA"] for part in (data[:-2], data))
    assert fresh["fallback"] is None
    assert stale["fallback"] == "mpt"
    assert "7 sessions before" in stale["reason"]


def test_columns_keep_their_names_and_order_and_an_empty_one_is_nan_with_a_reason(session):
    data = get_stock_data(["AAA", "BBB"], START, END, session=session).rename(columns={"AAA": "aaa"})
    data["ZZZ"] = np.nan
    expected = ml_forecast_returns(data[["ZZZ", "BBB", "aaa"]], session=session)
    assert list(expected.index) == ["ZZZ", "BBB", "aaa"]
    assert math.isnan(expected["ZZZ"])
    assert expected.attrs["forecasts"]["ZZZ"]["reason"]
    assert expected["aaa"] == made_rows(BARS)["AAA"].annual_return


@pytest.mark.parametrize("spoil", [lambda d: d.iloc[::-1], lambda d: -d, lambda d: d.to_numpy(), lambda d: d.reset_index()])
def test_what_is_no_table_of_prices_is_refused(session, spoil):
    data = get_stock_data(["AAA", "BBB"], START, END, session=session)
    with pytest.raises(RequestError):
        ml_forecast_returns(spoil(data), session=session)


def test_without_a_session_the_environment_names_the_state(settings, monkeypatch):
    write_state(settings.state_dir, BARS, made_rows(BARS).values())
    monkeypatch.setenv("STATE_DIR", str(settings.state_dir))
    monkeypatch.setenv("PRICE_PROVIDER", "none")
    try:
        assert optimize_portfolio(START, END, 0.02, tickers=["AAA"])["weights"] == {"AAA": 1.0}
    finally:
        close_process_session()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tickers": []}, "Either ticker_group or tickers must be provided."),
        ({"tickers": "AAPL"}, "tickers: a list of ticker symbols is needed, not 'AAPL'"),
        ({"tickers": ["Symbol", ""]}, "Either ticker_group or tickers must be provided."),
        ({"ticker_group": "FTSE", "tickers": None}, "Unknown ticker group: FTSE"),
        ({"start_date": "2021-13-01"}, "start_date: a date is needed"),
        ({"start_date": END, "end_date": START}, "must be before"),
        ({"risk_free_rate": "0.02"}, "risk_free_rate: a number is needed"),
        ({"risk_free_rate": None}, "risk_free_rate: a number is needed"),
        ({"risk_free_rate": True}, "risk_free_rate: a number is needed"),
        ({"risk_free_rate": float("nan")}, "risk_free_rate: must lie within"),
        ({"target_return": 15}, "target_return: must lie within"),
        ({"risk_tolerance": -0.1}, "risk_tolerance: a volatility cannot be negative"),
    ],
)
def test_bad_arguments_are_named(session, changes, message):
    arguments = {"start_date": START, "end_date": END, "risk_free_rate": 0.02, "tickers": ["AAA"]} | changes
    with pytest.raises(RequestError) as caught:
        optimize_portfolio(**arguments, session=session)
    assert message in str(caught.value)
