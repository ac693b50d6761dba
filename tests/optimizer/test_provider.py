"""Prices from the provider: its frames' shapes, its failures, its cache."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from errors import NoDataError, ProviderError
from optimizer.market import PAUSE_SECONDS, Provider
from optimizer.provider import Budget, closes_of, fetch
from tests.optimizer.market_samples import made_bars

START, END = dt.date(2020, 1, 1), dt.date(2021, 6, 1)
BUDGET = Budget(timeout_seconds=1.0, attempts=2, deadline_seconds=5.0)

SHAPES = {
    "multi_default": (["MSFT", "NVDA", "TSLA"], {"MSFT": 65, "NVDA": 65, "TSLA": 65}),
    "multi_group_by_ticker": (["MSFT", "NVDA", "TSLA"], {"MSFT": 65, "NVDA": 65, "TSLA": 65}),
    "multi_unadjusted_actions": (["MSFT", "NVDA", "TSLA"], {"MSFT": 65, "NVDA": 65, "TSLA": 65}),
    "multi_with_delisted": (["MSFT", "NVDA", "TWTR"], {"MSFT": 65, "NVDA": 65}),
    "multi_all_delisted": (["ATVI", "TWTR"], {}),
    "multi_mismatched_spans": (["AAPL", "TSLA"], {"AAPL": None, "TSLA": None}),
    "single_default": (["NVDA"], {"NVDA": 65}),
    "single_flat": (["NVDA"], {"NVDA": 65}),
    "single_delisted": (["TWTR"], {}),
}


@pytest.mark.data
@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_that_the_provider_answers_in_is_understood(shared_data, name):
    tickers, expected = SHAPES[name]
    found = closes_of(pd.read_parquet(shared_data / "yfinance" / f"{name}.parquet"), tickers)
    assert set(found) == set(expected)
    for ticker, series in found.items():
        assert expected[ticker] in (None, len(series.day))
        assert (np.diff(series.day) > 0).all()
        assert (series.close > 0).all()


@pytest.mark.data
def test_the_adjusted_close_is_taken_whatever_the_shape(shared_data):
    read = [closes_of(pd.read_parquet(shared_data / "yfinance" / f"{n}.parquet"), ["NVDA"])["NVDA"].close[0]
            for n in ("single_default", "single_flat", "multi_unadjusted_actions")]  # fmt: skip
    assert read == pytest.approx([read[0]] * 3)


def frame_of(tickers: list[str], days: int = 30) -> pd.DataFrame:
    index = pd.bdate_range("2021-01-04", periods=days, name="Date")
    columns = pd.MultiIndex.from_product([["Close"], tickers], names=["Price", "Ticker"])
    rng = np.random.default_rng(5)
    return pd.DataFrame(100 * np.exp(np.cumsum(rng.normal(0, 0.01, (days, len(tickers))), axis=0)), index, columns)


class Downloads:
    """Stands where the network would be; remembers what it was asked for."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, tickers, start, end, timeout):
        self.asked.append(tuple(tickers))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def provider_of(tmp_path, closing):
    def build(downloads, clock=None) -> Provider:
        return closing(Provider(downloads, BUDGET, tmp_path / "cache.db", l1_ttl=900, l2_ttl=14400, clock=clock or Clock()))

    return build


def test_a_failed_attempt_is_repeated_within_the_budget():
    downloads = Downloads(ConnectionError("refused"), frame_of(["XXX"]))
    assert len(fetch(["XXX"], START, END, downloads, BUDGET)["XXX"].day) == 30
    assert len(downloads.asked) == 2


def test_the_last_reason_is_raised_when_the_budget_is_spent():
    downloads = Downloads(TimeoutError("timed out"))
    with pytest.raises(ProviderError, match=r"XXX.*timed out"):
        fetch(["XXX"], START, END, downloads, BUDGET)
    assert len(downloads.asked) == 2


def test_the_state_is_asked_first_and_the_provider_only_for_what_is_missing(optimizer_of, asked, provider_of):
    bars = made_bars(("AAA", "BBB"))
    downloads = Downloads(frame_of(["XXX"]))
    optimizer = optimizer_of(bars, provider=provider_of(downloads))
    optimizer.optimize(asked(bars))
    assert downloads.asked == []
    result = optimizer.optimize(asked(bars, tickers=["AAA", "XXX"], risk_tolerance=0.9))
    assert downloads.asked == [("XXX",)]
    assert result["unused"] == {}


def test_answers_are_cached_and_survive_the_process(provider_of, tmp_path):
    downloads = Downloads(frame_of(["XXX"]))
    first = provider_of(downloads)
    before = first.closes(["XXX"], START, END)["XXX"]
    first.closes(["XXX"], START, END)
    first.close()
    again = provider_of(downloads).closes(["XXX"], START, END)["XXX"]
    assert len(downloads.asked) == 1
    np.testing.assert_array_equal(again.close, before.close)


def test_a_failure_is_reported_in_the_result_and_pauses_the_questions(optimizer_of, asked, provider_of):
    bars = made_bars(("AAA", "BBB"))
    clock = Clock()
    downloads = Downloads(ConnectionError("no route to host"))
    optimizer = optimizer_of(bars, provider=provider_of(downloads, clock))
    for _ in range(2):
        result = optimizer.optimize(asked(bars, tickers=["AAA", "XXX"]))
        assert list(result["weights"]) == ["AAA"]
        assert any("no route to host" in warning for warning in result["warnings"])
        assert "provider" in result["unused"]["XXX"]
    assert len(downloads.asked) == BUDGET.attempts
    clock.now += PAUSE_SECONDS + 1
    optimizer.optimize(asked(bars, tickers=["AAA", "XXX"]))
    assert len(downloads.asked) == 2 * BUDGET.attempts
    with pytest.raises(NoDataError, match=r"Could not fetch any valid data for the given tickers and date range\..*XXX"):
        optimizer.optimize(asked(bars, tickers=["XXX"]))
