"""The source `sample`: real bars, adjusted so that returns are returns."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from errors import SourceError
from producers.adjust import adjust_by_close
from producers.sources import read_source
from records import BarBatch, Bars, validate_batch

TODAY = dt.date(2024, 6, 28)


@pytest.fixture(scope="module")
def sample() -> dict[str, Bars]:
    parts: dict[str, list[Bars]] = {}
    for item in read_source("sample", today=TODAY):
        assert isinstance(item, BarBatch), f"the sample is clean: {item}"
        parts.setdefault(item.ticker, []).append(validate_batch(item, today=TODAY)[0])
    return {ticker: Bars.concatenate(bars) for ticker, bars in parts.items()}


def test_five_tickers_one_of_them_young(sample):
    assert {ticker: len(bars) for ticker, bars in sample.items()} == {
        "AAPL": 3270, "FB": 196, "GOOG": 2148, "IBM": 3270, "MSFT": 3270,
    }  # fmt: skip
    assert {bars.last_date for bars in sample.values()} == {dt.date(2013, 3, 1)}
    assert read_source("sample", today=TODAY).bars_total == 12_154
    assert read_source("sample", tickers=["FB"], today=TODAY).bars_total == 196


@pytest.mark.parametrize("today", [TODAY, dt.date(2013, 3, 2)])
def test_its_bars_are_as_of_their_last_day_whenever_they_are_read(today):
    found = read_source("sample", end=dt.date(2010, 1, 4), today=today)
    assert {(batch.as_of, batch.as_of_time) for batch in found} == {(dt.date(2013, 3, 1), dt.time())}


def test_splits_are_no_returns(sample):
    # Apple split two for one on 2000-06-21 and 2005-02-28, Microsoft on 2003-02-18: raw closes halve there.
    for ticker, date in (("AAPL", dt.date(2000, 6, 21)), ("AAPL", dt.date(2005, 2, 28)), ("MSFT", dt.date(2003, 2, 18))):
        bars = sample[ticker]
        at = int(np.flatnonzero(bars.day == (date - dt.date(1970, 1, 1)).days)[0])
        assert abs(np.log(bars.close[at] / bars.close[at - 1])) < 0.1
        before, after = np.median(bars.volume[at - 60 : at]), np.median(bars.volume[at : at + 60])
        assert abs(np.log(after / before)) < 0.6


def test_a_special_dividend_is_no_split(sample):
    # Microsoft paid three dollars on a price of thirty on 2004-11-15: prices are adjusted for it, volume is not.
    [batch] = read_source("sample", tickers=["MSFT"], start=dt.date(2004, 11, 12), end=dt.date(2004, 11, 12), today=TODAY)
    assert batch.close[0] < 29.97 * 0.9
    assert batch.volume == [float(round(batch.volume[0]))]


def test_only_the_tickers_asked_for():
    assert {item.ticker for item in read_source("sample", tickers=["fb", "IBM "], today=TODAY)} == {"FB", "IBM"}
    with pytest.raises(SourceError, match="has no bars of TSLA; it has AAPL, FB, GOOG, IBM, MSFT"):
        read_source("sample", tickers=["TSLA"], today=TODAY)


@pytest.mark.parametrize(
    ("jump", "split"),
    [
        (2.0, 2.0),
        (1.5, 1.5),
        (7.0, 7.0),
        (2.005, 2.0),
        (0.1, 0.1),
        (0.5, 0.5),
        (1.11, 1.0),
        (1.004, 1.0),
        (1.45, 1.0),
        (0.9, 1.0),
    ],
)
def test_which_jumps_of_the_factor_are_splits(jump: float, split: float):
    columns = {name: np.full(4, 10.0) for name in ("open", "high", "low", "close", "adjusted_close")} | {
        "volume": np.full(4, 6.0)
    }
    columns["adjusted_close"][:2] /= jump
    adjusted = adjust_by_close(columns)
    np.testing.assert_allclose(adjusted["volume"], [6 * split, 6 * split, 6, 6])
    np.testing.assert_allclose(adjusted["open"], columns["adjusted_close"])


def test_a_missing_adjusted_close_does_not_hide_a_split():
    columns = {name: np.full(4, 10.0) for name in ("open", "high", "low", "close")} | {"volume": np.full(4, 6.0)}
    adjusted = adjust_by_close(columns | {"adjusted_close": np.array([5.0, np.nan, 10.0, 10.0])})
    assert adjusted["volume"].tolist() == [12.0, 12.0, 6.0, 6.0]
    assert np.isnan(adjusted["close"]).tolist() == [False, True, False, False]
