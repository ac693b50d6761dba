"""Prices from the provider: its failures, its cache."""

from __future__ import annotations

import datetime as dt
import threading
import time

import numpy as np
import pandas as pd
import pytest

from errors import NoDataError
from marketdata.yahoo import Budget
from optimizer.provider import PAUSE_SECONDS, Provider
from tests.made.clocks import Clock
from tests.made.market import made_bars
from tests.waiting import PATIENCE_SECONDS

START, END = dt.date(2020, 1, 1), dt.date(2021, 6, 1)
BUDGET = Budget(timeout_seconds=1.0, attempts=2, deadline_seconds=60.0)


def frame_of(tickers: list[str], days: int = 30) -> pd.DataFrame:
    index = pd.bdate_range("2021-01-04", periods=days, name="Date")
    rng = np.random.default_rng(5)
    close = pd.DataFrame(100 * np.exp(np.cumsum(rng.normal(0, 0.01, (days, len(tickers))), axis=0)), index, tickers)
    prices = {"Open": close, "High": close * 1.01, "Low": close * 0.99, "Close": close, "Volume": close * 0 + 1e6}
    return pd.concat(prices, axis=1, names=["Price", "Ticker"])


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


@pytest.fixture
def provider_of(tmp_path, closing):
    def build(downloads, clock=None, budget=BUDGET) -> Provider:
        return closing(
            Provider(downloads, budget, tmp_path / "cache.db", l1_ttl=900, l2_ttl=14400, clock=clock or Clock(1000.0))
        )

    return build


def test_a_failed_attempt_is_repeated_within_the_budget(provider_of):
    downloads = Downloads(ConnectionError("refused"), frame_of(["XXX"]))
    found, failed = provider_of(downloads).closes(["XXX"], START, END)
    assert len(found["XXX"].day) == 30
    assert failed == {}
    assert len(downloads.asked) == 2


def test_a_provider_that_hangs_is_given_up_at_the_deadline(provider_of):
    released = threading.Event()

    def hang(*_):
        released.wait(timeout=PATIENCE_SECONDS)
        return frame_of(["XXX"])

    begun = time.monotonic()
    hasty = Budget(timeout_seconds=1.0, attempts=2, deadline_seconds=0.2)
    found, failed = provider_of(hang, budget=hasty).closes(["XXX"], START, END)
    assert time.monotonic() - begun < PATIENCE_SECONDS / 2
    assert found == {}
    assert "no answer within 0.2 s" in failed["XXX"]
    released.set()


def test_dividends_of_the_provider_are_taken_in_as_those_of_the_state(provider_of):
    frame = frame_of(["XXX"])
    frame[("Adj Close", "XXX")] = 1.0
    frame[("Dividends", "XXX")] = 0.0
    frame.iloc[10, frame.columns.get_loc(("Dividends", "XXX"))] = 5.0
    close = frame[("Close", "XXX")].to_numpy()
    series = provider_of(Downloads(frame)).closes(["XXX"], START, END)[0]["XXX"]
    np.testing.assert_allclose(series.close[10:], close[10:], rtol=1e-6)
    np.testing.assert_allclose(series.close[10] / series.close[9], (close[10] + 5.0) / close[9], rtol=1e-6)


def test_one_ticker_without_an_answer_costs_the_others_nothing_and_is_not_cached(provider_of):
    clock = Clock(1000.0)
    frame = frame_of(["XXX", "YYY"])
    frame.loc[:, frame.columns.get_level_values("Ticker") == "YYY"] = np.nan
    downloads = Downloads(frame, frame_of(["YYY"]))
    provider = provider_of(downloads, clock)
    found, failed = provider.closes(["XXX", "YYY"], START, END)
    assert list(found) == ["XXX"]
    assert list(failed) == ["YYY"]
    assert list(provider.closes(["XXX", "YYY"], START, END)[1]) == ["YYY"]
    assert len(downloads.asked) == 1
    clock.now += PAUSE_SECONDS + 1
    assert set(provider.closes(["XXX", "YYY"], START, END)[0]) == {"XXX", "YYY"}
    assert downloads.asked[-1] == ("YYY",)


def test_a_failure_for_some_dates_does_not_stand_for_others(provider_of):
    empty = frame_of(["XXX"])
    empty.loc[:] = np.nan
    downloads = Downloads(empty, empty, frame_of(["XXX"]))
    provider = provider_of(downloads)
    wrong = (dt.date(2010, 1, 1), dt.date(2011, 1, 1))
    assert list(provider.closes(["XXX"], *wrong)[1]) == ["XXX"]
    found, failed = provider.closes(["XXX"], START, END)
    assert list(found) == ["XXX"]
    assert failed == {}
    assert "(asked just before)" in provider.closes(["XXX"], *wrong)[1]["XXX"]
    assert len(downloads.asked) == 3


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
    before = first.closes(["XXX"], START, END)[0]["XXX"]
    first.closes(["XXX"], START, END)
    first.close()
    again = provider_of(downloads).closes(["XXX"], START, END)[0]["XXX"]
    assert len(downloads.asked) == 1
    np.testing.assert_array_equal(again.close, before.close)


@pytest.mark.slow
def test_a_failure_is_reported_in_the_result_and_pauses_the_questions(optimizer_of, asked, provider_of):
    bars = made_bars(("AAA", "BBB"))
    clock = Clock(1000.0)
    downloads = Downloads(ConnectionError("no route to host"))
    optimizer = optimizer_of(bars, provider=provider_of(downloads, clock))
    for _ in range(2):
        result = optimizer.optimize(asked(bars, tickers=["AAA", "XXX"]))
        assert list(result["weights"]) == ["AAA"]
        assert "prices of 1 of 1 tickers could not be fetched; each has its reason" in result["warnings"]
        assert "from the provider: ConnectionError: no route to host" in result["unused"]["XXX"]
    assert len(downloads.asked) == BUDGET.attempts
    clock.now += PAUSE_SECONDS + 1
    optimizer.optimize(asked(bars, tickers=["AAA", "XXX"]))
    assert len(downloads.asked) == 2 * BUDGET.attempts
    with pytest.raises(NoDataError, match=r"^Could not fetch any valid data for the given tickers .*XXX") as caught:
        optimizer.optimize(asked(bars, tickers=["XXX"]))
    assert str(caught.value).count("no route to host") == 1
