"""What the topic has, and from where on the provider is asked again."""

from __future__ import annotations

import datetime as dt
import itertools

import msgspec
import pytest
from click.testing import CliRunner

from producers.__main__ import cli
from producers.published import PublishedBars
from producers.since import starts_since_last
from records import BarBatch


def batch(*dates: str, close: float = 2.0, as_of: dt.date = dt.date(2024, 6, 1)) -> BarBatch:
    prices = [2.0] * len(dates)
    return BarBatch(
        ticker="AAPL", source="test", as_of=as_of, date=list(dates),
        open=prices, high=prices, low=prices, close=[close] * len(dates), volume=prices,
    )  # fmt: skip


def test_the_overlap_is_counted_in_sessions_of_the_exchange() -> None:
    last = {"AAPL": dt.date(2024, 4, 2), "005930.KS": dt.date(2024, 4, 2), "X.UNKNOWN": dt.date(2024, 4, 2)}
    starts = starts_since_last(["AAPL", "005930.KS", "X.UNKNOWN", "NEW"], last, 3)
    # New York kept Good Friday, March 29th; Seoul did not.
    assert starts["AAPL"] == dt.date(2024, 3, 27)
    assert starts["005930.KS"] == dt.date(2024, 3, 28)
    assert starts["X.UNKNOWN"] < dt.date(2024, 3, 27)
    assert "NEW" not in starts


def test_new_changed_and_known_bars_are_told_apart() -> None:
    published = PublishedBars()
    published.add(batch("2024-04-01", "2024-04-02"))
    assert published.missing(batch("2024-04-01", "2024-04-02", "2024-04-03")) == [2]
    later = batch("2024-04-01", "2024-04-02", "2024-04-03", close=1.5)
    missing = published.missing(later)
    assert (missing, published.count_known(later, missing)) == ([0, 1, 2], 2)


@pytest.mark.parametrize("newest_first", [True, False])
def test_no_edition_is_sent_twice_and_what_a_later_one_says_again_is_sent(newest_first: bool) -> None:
    date, days = "2024-04-01", [dt.date(2024, 6, day) for day in (1, 2, 3)]
    editions = [batch(date, close=1.5, as_of=days[0]), batch(date, close=1.6, as_of=days[1])]
    published = PublishedBars()
    for edition in editions[::-1] if newest_first else editions:
        assert published.missing(edition) == [0]
        published.add(edition)
    assert [published.missing(edition) for edition in editions] == [[], []]
    assert published.missing(batch(date, close=1.6, as_of=days[2])) == []
    assert published.missing(batch(date, close=1.5, as_of=days[2])) == [0]


@pytest.mark.parametrize("order", list(itertools.permutations([1.5, 1.6, 1.7])))
def test_of_editions_of_one_moment_what_a_later_one_says_is_sent_whichever_it_repeats(order: tuple[float, ...]) -> None:
    date, first, later = "2024-04-01", dt.date(2024, 6, 1), dt.date(2024, 6, 2)
    published = PublishedBars()
    for close in order:
        assert published.missing(batch(date, close=close, as_of=first)) == [0]
        published.add(batch(date, close=close, as_of=first))
    for close in order:
        assert published.missing(batch(date, close=close, as_of=first)) == []
        assert published.missing(batch(date, close=close, as_of=later)) == [0]
    published.add(batch(date, close=1.6, as_of=later))
    assert published.missing(batch(date, close=1.6, as_of=dt.date(2024, 6, 3))) == []
    assert [published.missing(batch(date, close=close, as_of=first)) for close in order] == [[], [], []]


def test_the_newest_date_passes_over_what_is_none() -> None:
    published = PublishedBars()
    published.add(batch("2024-04-02", "2024-04-01", "2024-99-99", "tomorrow"))
    assert published.last_dates() == {"AAPL": dt.date(2024, 4, 2)}


def test_bars_that_workers_refuse_for_their_dates_are_not_there() -> None:
    published = PublishedBars()
    published.add(batch("2024-04-01", "2024-04-02", "2029-01-02"), taken=dt.datetime(2024, 4, 1, 12, tzinfo=dt.UTC))
    assert published.last_dates() == {"AAPL": dt.date(2024, 4, 1)}
    assert published.missing(batch("2024-04-01", "2024-04-02", as_of=dt.date(2024, 6, 2))) == [1]


def with_split(day: int, split: float | None) -> BarBatch:
    said = None if split is None else [split]
    return msgspec.structs.replace(batch("2024-04-01", as_of=dt.date(2024, 6, day)), split=said)


def test_a_split_is_sent_if_it_is_another_one_than_the_last() -> None:
    published = PublishedBars()
    published.add(with_split(1, 4.0))
    published.add(with_split(3, None))
    assert published.missing(with_split(4, None)) == []
    assert published.missing(with_split(4, 4.0)) == []
    assert published.missing(with_split(4, 2.0)) == [0]
    assert published.missing(with_split(4, 1.0)) == [0]
    published.add(with_split(4, 1.0))
    assert published.missing(with_split(4, 1.0)) == []
    assert published.missing(with_split(2, 4.0)) == []  # an older split does not count any more
    assert published.missing(with_split(5, 1.0)) == []
    assert published.missing(with_split(5, 4.0)) == [0]


def test_that_there_was_no_split_is_no_news_where_none_was_given() -> None:
    published = PublishedBars()
    published.add(with_split(1, None))
    assert published.missing(with_split(2, 1.0)) == []


@pytest.mark.parametrize("more", [["--source", "sample"], ["--source", "yfinance", "--tickers", "A", "--resend"]])
def test_since_last_goes_with_yfinance_alone(more: list[str]) -> None:
    result = CliRunner().invoke(cli, ["publish", "--since", "last", *more])
    assert result.exit_code == 2
    assert "--since last is for --source yfinance" in result.output
