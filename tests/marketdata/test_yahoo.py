"""Asking the provider: what is asked again and what is not, and the reason of every ticker without an answer."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence

import pandas as pd
import pytest

from errors import ProviderError
from marketdata.groups import GROUPS, group
from marketdata.yahoo import NO_ANSWER, RATE_LIMITED, Answer, Budget, fetch
from records import is_ticker
from tests.made.frames import empty, many, one, weekdays

DAYS = weekdays("2024-03-04", 5)
START, END = dt.date(2024, 3, 4), dt.date(2024, 3, 8)
BUDGET = Budget(timeout_seconds=1.0, attempts=3, deadline_seconds=60.0)


class Served:
    """Serves frames as yfinance would, logging failures as it does; `plan(ticker, attempt)` is a failure's text, or None."""

    def __init__(self, plan: Callable[[str, int], str | None]) -> None:
        self.plan = plan
        self.asked: list[tuple[str, ...]] = []
        self.waits: list[float] = []

    def download(self, tickers: Sequence[str], start: dt.date, end: dt.date, timeout: float) -> pd.DataFrame:
        self.asked.append(tuple(tickers))
        attempt = len(self.asked)
        failures = {ticker: text for ticker in tickers if (text := self.plan(ticker, attempt)) is not None}
        days = DAYS if len(failures) < len(tickers) else DAYS[:0]
        for text in sorted(set(failures.values())):
            logging.getLogger("yfinance").error(f"{[t for t in failures if failures[t] == text]}: {text}")  # noqa: G004
        parts = {t: empty(days, adjusted=False) if t in failures else one(days, 1, adjusted=False) for t in tickers}
        return many(parts)

    def fetch(self, tickers: Sequence[str], budget: Budget = BUDGET) -> Answer:
        return fetch(tickers, START, END, self.download, budget, sleep=self.waits.append)


def test_what_comes_at_once_is_asked_once(caplog) -> None:
    served = Served(lambda ticker, attempt: None)
    answer = served.fetch(["A", "B"])
    assert list(answer.columns) == ["A", "B"]
    assert (answer.failed, served.asked, served.waits) == ({}, [("A", "B")], [])


def test_only_what_is_missing_is_asked_again_and_waits_are_jittered() -> None:
    served = Served(lambda ticker, attempt: "Timeout('curl: (28) timed out')" if ticker == "B" and attempt < 3 else None)
    answer = served.fetch(["A", "B"])
    assert sorted(answer.columns) == ["A", "B"]
    assert answer.failed == {}
    assert served.asked == [("A", "B"), ("B",), ("B",)]
    assert len(set(served.waits)) == 2
    assert all(0 < wait < 6 for wait in served.waits)


@pytest.mark.parametrize("text", ["HTTPError('404 Client Error: Not Found')", "possibly delisted; no timezone found"])
def test_a_delisted_ticker_beside_good_ones_is_not_asked_again(text: str) -> None:
    served = Served(lambda ticker, attempt: text if ticker == "GONE" else None)
    answer = served.fetch(["A", "GONE"])
    assert answer.failed == {"GONE": text}
    assert len(served.asked) == 1


def test_a_reason_is_told_without_what_curl_says_around_it() -> None:
    text = (
        "DNSError('Failed to perform, curl: (6) Could not resolve host: x.example. "
        "See https://curl.se/libcurl/c/libcurl-errors.html first for more details.')"
    )
    served = Served(lambda ticker, attempt: text if ticker == "B" else None)
    assert served.fetch(["A", "B"]).failed == {"B": "DNSError('(6) Could not resolve host: x.example')"}


def test_where_nothing_comes_a_dead_network_is_possible_and_it_is_asked_again() -> None:
    served = Served(lambda ticker, attempt: "possibly delisted; no timezone found" if attempt == 1 else None)
    assert sorted(served.fetch(["A", "B"]).columns) == ["A", "B"]
    assert len(served.asked) == 2


def test_attempts_are_bounded_and_the_last_reason_is_told() -> None:
    served = Served(lambda ticker, attempt: f"Timeout('attempt {attempt}')")
    answer = served.fetch(["A"])
    assert answer.failed == {"A": "Timeout('attempt 3')"}
    assert len(served.asked) == 3


def test_the_deadline_bounds_the_waits() -> None:
    served = Served(lambda ticker, attempt: "Timeout()")
    served.fetch(["A"], Budget(timeout_seconds=1.0, attempts=3, deadline_seconds=0.1))
    assert served.waits == []


def test_a_rate_limit_is_told_with_what_to_do_and_waits_longer() -> None:
    limited = "YFRateLimitError('Too Many Requests. Rate limited. Try after a while.')"
    served = Served(lambda ticker, attempt: limited)
    answer = served.fetch(["A"], Budget(1.0, 3, 1e6, rate_limit_seconds=30.0))
    assert answer.rate_limited
    assert answer.failed == {"A": RATE_LIMITED}
    assert len(served.waits) == 2
    assert min(served.waits) >= 30.0


def test_a_rate_limit_is_not_deepened_where_nobody_can_wait() -> None:
    served = Served(lambda ticker, attempt: "429 Client Error")
    answer = served.fetch(["A"])
    assert (answer.rate_limited, len(served.asked), served.waits) == (True, 1, [])


def test_what_the_library_raises_is_a_reason_and_not_a_crash() -> None:
    def broken(tickers: Sequence[str], start: dt.date, end: dt.date, timeout: float) -> pd.DataFrame:
        raise OSError("disk I/O error")

    answer = fetch(["A"], START, END, broken, BUDGET, sleep=lambda seconds: None)
    assert answer.failed == {"A": "OSError: disk I/O error"}


def test_an_unknown_shape_is_an_error() -> None:
    with pytest.raises(ProviderError, match="A: the answer has no column Low"):
        fetch(["A"], START, END, lambda *_: one(DAYS, 1).drop(columns="Low"), BUDGET)


def test_no_answer_and_no_reason() -> None:
    answer = fetch(["A", "B"], START, END, lambda *_: many({"A": one(DAYS, 1), "B": empty(DAYS, adjusted=True)}), BUDGET)
    assert answer.failed == {"B": NO_ANSWER}


def test_the_library_s_log_is_taken_as_reasons_and_its_filter_leaves(caplog) -> None:
    library = logging.getLogger("yfinance")
    before = list(library.filters)
    Served(lambda ticker, attempt: "404" if ticker == "B" else None).fetch(["A", "B"])
    assert library.filters == before
    assert not [record for record in caplog.records if record.name == "yfinance"]


@pytest.mark.parametrize("name", GROUPS)
def test_groups_hold_tickers(name: str) -> None:
    members = list(group(name).sectors)
    assert len(members) >= 30
    assert all(is_ticker(ticker) for ticker in members)
    assert members == sorted(set(members))
