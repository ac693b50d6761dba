"""Every shape of frame that yfinance returns becomes columns by ticker, or is refused by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from errors import ProviderError
from marketdata.frames import columns_by_ticker
from tests.made.frames import empty, many, one, weekdays

DAYS = weekdays("2024-03-04", 10)


@pytest.mark.parametrize("group_by", ["column", "ticker"])
@pytest.mark.parametrize("adjusted", [True, False])
def test_several_tickers_in_either_order_of_levels(group_by: str, adjusted: bool) -> None:
    frame = many({"BBB": one(DAYS, 1, adjusted=adjusted), "AAA": one(DAYS, 2, adjusted=adjusted)}, group_by=group_by)
    found = columns_by_ticker(frame, ["AAA", "BBB"])
    assert list(found) == ["AAA", "BBB"]
    np.testing.assert_allclose(found["AAA"].values["close"], one(DAYS, 2)["Close"], rtol=1e-6)
    np.testing.assert_allclose(found["BBB"].values["open"], one(DAYS, 1)["Open"], rtol=1e-6)
    assert ("adjusted_close" in found["AAA"].values) == (not adjusted)
    assert found["AAA"].day[0] == np.datetime64("2024-03-04").astype(int)


def test_one_ticker_with_flat_columns_and_with_two_levels() -> None:
    flat = one(DAYS, 1)
    for frame in (flat, many({"AAA": flat})):
        assert list(columns_by_ticker(frame, ["AAA"])["AAA"].values["volume"]) == list(flat["Volume"])


def test_actions_become_dividends_and_splits_with_nothing_where_nothing_happened() -> None:
    frame = one(DAYS, 1, adjusted=False, actions=True)
    frame.loc[DAYS[3], "Dividends"] = 0.5
    frame.loc[DAYS[5], "Stock Splits"] = 4.0
    other = one(DAYS[2:], 2, adjusted=False, actions=True)  # its actions are NaN on days that are not its own
    found = columns_by_ticker(many({"AAA": frame, "BBB": other}), ["AAA", "BBB"])
    assert list(np.flatnonzero(found["AAA"].values["dividend"])) == [3]
    assert list(np.flatnonzero(found["AAA"].values["split"] != 1.0)) == [5]
    assert found["AAA"].values["split"][5] == 4.0
    assert len(found["BBB"].day) == 8
    assert (found["BBB"].values["split"] == 1.0).all()


def test_a_failed_ticker_is_left_out_and_the_others_are_whole() -> None:
    frame = many({"AAA": one(DAYS, 1, adjusted=False), "GONE": empty(DAYS, adjusted=False)})
    found = columns_by_ticker(frame, ["AAA", "GONE"])
    assert list(found) == ["AAA"]
    assert len(found["AAA"].day) == 10


def test_when_all_failed_there_is_nothing() -> None:
    frame = many({"X": empty(DAYS[:0], adjusted=False), "Y": empty(DAYS[:0], adjusted=False)})
    assert columns_by_ticker(frame, ["X", "Y"]) == {}
    assert columns_by_ticker(many({"X": empty(DAYS[:0], adjusted=True)}), ["X"]) == {}


def test_prices_are_as_printed() -> None:
    frame = one(DAYS[:1], 0)
    frame[["Open", "High", "Low", "Close"]] = np.float64(np.float32(121.09))
    frame["Open"] = 121.0899999  # of more than single precision: left as it is
    values = columns_by_ticker(frame, ["AAA"])["AAA"].values
    assert (values["close"][0], values["open"][0]) == (121.09, 121.0899999)


def test_dates_with_a_zone_are_those_of_the_exchange() -> None:
    frame = one(DAYS, 1).tz_localize("Asia/Seoul")
    assert columns_by_ticker(frame, ["005930.KS"])["005930.KS"].day[0] == np.datetime64("2024-03-04").astype(int)


@pytest.mark.parametrize(
    ("frame", "tickers", "message"),
    [
        (one(DAYS, 1), ["AAA", "BBB"], "without ticker names"),
        (one(DAYS, 1).drop(columns="Low"), ["AAA"], "AAA: the answer has no column Low"),
        (pd.concat([one(DAYS, 1), one(DAYS, 1)[["Low"]]], axis=1), ["AAA"], "AAA: the answer has repeated columns"),
        (many({"AAA": one(DAYS, 1)}).drop(columns="Close", level=0), ["AAA"], "without a column Close"),
        (one(DAYS, 1).reset_index(drop=True), ["AAA"], "whose rows are not dates"),
        (one(DAYS, 1)[::-1], ["AAA"], "dates do not rise"),
        (pd.concat({"Z": many({"AAA": one(DAYS, 1)})}, axis=1), ["AAA"], "3 levels"),
    ],
)
def test_other_shapes_are_refused_by_name(frame: pd.DataFrame, tickers: list[str], message: str) -> None:
    with pytest.raises(ProviderError, match=message):
        columns_by_ticker(frame, tickers)


#: Recorded frame → (the tickers asked for, rows of each that had prices).
RECORDED = {
    "multi_default": {"MSFT": 65, "NVDA": 65, "TSLA": 65},
    "multi_unadjusted_actions": {"MSFT": 65, "NVDA": 65, "TSLA": 65},
    "multi_group_by_ticker": {"MSFT": 65, "NVDA": 65, "TSLA": 65},
    "multi_with_delisted": {"MSFT": 65, "NVDA": 65, "TWTR": 0},
    "multi_all_delisted": {"ATVI": 0, "TWTR": 0},
    "multi_mismatched_spans": {"AAPL": 49, "TSLA": 115},
    "single_default": {"NVDA": 65},
    "single_flat": {"NVDA": 65},
    "single_delisted": {"TWTR": 0},
    "tsla_full_unadjusted_actions": {"TSLA": 3303},
}


@pytest.mark.data
@pytest.mark.parametrize("name", RECORDED)
def test_recorded_frames(name: str, shared_data) -> None:
    frame = pd.read_parquet(shared_data / "yfinance" / f"{name}.parquet")
    rows = RECORDED[name]
    found = columns_by_ticker(frame, list(rows))
    assert {ticker: len(found[ticker].day) if ticker in found else 0 for ticker in rows} == rows
    for columns in found.values():
        assert all(np.isfinite(column).all() for column in columns.values.values())
