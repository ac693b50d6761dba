"""The source yfinance, with frames of its shapes served by us."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from errors import SourceError
from marketdata.yahoo import RATE_LIMITED, Budget
from producers.__main__ import cli
from producers.sources import read_source
from producers.yahoo import Yahoo
from records import BarBatch, RejectedBar
from settings import load_settings
from tests.made.frames import empty, many, one, weekdays

NOW = dt.datetime(2024, 3, 8, 18, 0, tzinfo=dt.UTC)  # a Friday, New York is trading
DAYS = weekdays("2024-03-04", 5)


class Provider:
    """Answers with bars of every ticker but those named GONE…; `broken` batches have an unknown shape."""

    def __init__(self, *, limited_from: int = 99, broken: frozenset[str] = frozenset()) -> None:
        self.asked: list[tuple[tuple[str, ...], dt.date, dt.date]] = []
        self.limited_from = limited_from
        self.broken = broken

    def __call__(self, tickers: Sequence[str], start: dt.date, end: dt.date, timeout: float) -> pd.DataFrame:
        self.asked.append((tuple(tickers), start, end))
        if len(self.asked) >= self.limited_from:
            raise RuntimeError("Too Many Requests")
        parts = {t: empty(DAYS, adjusted=False) if t.startswith("GONE") else raw(t) for t in tickers}
        frame = many(parts)
        return frame.drop(columns="Low", level=0) if self.broken & set(tickers) else frame


def raw(ticker: str) -> pd.DataFrame:
    frame = one(DAYS, len(ticker), adjusted=False, actions=True)
    frame.loc[DAYS[1], "Dividends"] = 0.5
    frame.loc[DAYS[2], "Stock Splits"] = 2.0
    return frame


def yahoo(provider: Provider, *, now: dt.datetime = NOW, batch_tickers: int = 20) -> Yahoo:
    budget = Budget(timeout_seconds=1.0, attempts=2, deadline_seconds=60.0)
    return Yahoo(now, provider, budget, batch_tickers=batch_tickers, history_bars=1260, sleep=lambda seconds: None)


def read(tickers: list[str], source: Yahoo, **options: object) -> list[BarBatch | RejectedBar]:
    return list(read_source("yfinance", tickers=tickers, today=source.now.date(), opener=source.open, **options))  # type: ignore[arg-type]


def test_raw_closes_with_dividends_and_splits() -> None:
    (batch,) = read(["AAPL"], yahoo(Provider()))
    assert isinstance(batch, BarBatch)
    np.testing.assert_allclose(batch.close, raw("AAPL")["Close"][:4], rtol=1e-6)
    assert (batch.dividend, batch.split) == ([0.0, 0.5, 0.0, 0.0], [1.0, 1.0, 2.0, 1.0])
    assert (batch.source, batch.as_of) == ("yfinance", NOW.date())


def test_the_bar_of_a_session_that_is_not_over_is_held_back() -> None:
    (before,) = read(["AAPL"], yahoo(Provider()))
    (after,) = read(["AAPL"], yahoo(Provider(), now=NOW + dt.timedelta(hours=4)))
    assert isinstance(before, BarBatch)
    assert isinstance(after, BarBatch)
    assert before.date[-1] == "2024-03-07"
    assert after.date[-1] == "2024-03-08"


def test_suffixes_stay_and_class_shares_get_a_dash() -> None:
    found = read(["BRK.B", "005930.ks"], yahoo(Provider()))
    assert [item.ticker for item in found] == ["005930.KS", "BRK-B"]


def test_a_delisted_ticker_is_told_by_name_beside_the_others() -> None:
    found = read(["AAPL", "GONE", "MSFT"], yahoo(Provider()))
    assert [type(item) for item in found] == [BarBatch, RejectedBar, BarBatch]
    assert (found[1].ticker, found[1].date) == ("GONE", "")


def test_when_all_are_delisted_it_says_so() -> None:
    with pytest.raises(SourceError, match="no usable bar"):
        read(["GONE1", "GONE2"], yahoo(Provider()))


def test_tickers_are_asked_in_batches_each_once() -> None:
    provider = Provider()
    read(["A", "B", "C", "D", "E"], yahoo(provider, batch_tickers=2))
    assert [tickers for tickers, _, _ in provider.asked] == [("A", "B"), ("C", "D"), ("E",)]


def test_without_a_start_enough_is_fetched_for_what_is_kept() -> None:
    provider = Provider()
    read(["A"], yahoo(provider))
    ((_, start, end),) = provider.asked
    assert end == NOW.date()
    assert np.busday_count(start, end) > 1260 + 5 * 12


def test_tickers_with_starts_far_apart_are_asked_apart() -> None:
    provider = Provider()
    starts = {"A": dt.date(2024, 3, 4), "B": dt.date(2024, 3, 5)}
    read(["A", "B", "C"], yahoo(provider), starts=starts)
    assert [(tickers, start) for tickers, start, _ in provider.asked] == [
        (("A", "B"), dt.date(2024, 3, 4)),
        (("C",), yahoo(provider).first_day(NOW.date())),
    ]


def test_after_a_rate_limit_nothing_more_is_asked_and_what_came_is_kept() -> None:
    provider = Provider(limited_from=2)
    found = read(["A", "B", "C", "D"], yahoo(provider, batch_tickers=1))
    assert [type(item) for item in found] == [BarBatch, RejectedBar, RejectedBar, RejectedBar]
    assert {item.reason for item in found if isinstance(item, RejectedBar)} == {RATE_LIMITED}
    assert len(provider.asked) == 2


def test_an_answer_of_an_unknown_shape_costs_its_own_batch() -> None:
    found = read(["A", "B", "C"], yahoo(Provider(broken=frozenset("B")), batch_tickers=1))
    assert [type(item) for item in found] == [BarBatch, RejectedBar, BarBatch]
    assert isinstance(found[1], RejectedBar)
    assert found[1].reason.startswith("B: the answer has no column Low")


@pytest.mark.parametrize(
    ("options", "message"), [({"tickers": None}, "needs tickers"), ({"tickers": ["A"], "path": "x"}, "has no path")]
)
def test_what_it_needs(options: dict[str, object], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read_source("yfinance", today=NOW.date(), opener=yahoo(Provider()).open, **options)  # type: ignore[arg-type]


def test_the_settings_say_how_it_is_asked() -> None:
    settings = load_settings(fetch_batch_tickers=7, provider_attempts=2, fetch_rate_limit_seconds=1.5)
    source = Yahoo.of(settings, now=NOW)
    assert (source.batch_tickers, source.budget.attempts, source.budget.rate_limit_seconds) == (7, 2, 1.5)


def test_group_and_tickers_exclude_each_other() -> None:
    result = CliRunner().invoke(cli, ["check", "--tickers", "A", "--group", "DOW"])
    assert result.exit_code == 2
    assert "exclude each other" in result.output
