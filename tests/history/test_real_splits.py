"""The real splits of the sample: printed prices with split events give what the adjusted series gives."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from history.forecasting import refresh, training_job
from history.pipeline import absorb
from history.ticker_state import TickerState, same_state
from models.training import train_ticker
from producers.opening import BarRequest
from producers.raw import RawBars
from producers.sample import open_sample
from producers.sources import read_source
from records import BarBatch, Bars, batch_of, date_of, day_number, encode_forecast, validate_days
from settings import ModelName, Settings
from tests.made.histories import as_fetched_with, due_of

TODAY = dt.date(2013, 3, 2)
SETTINGS = Settings(models=(ModelName.HAR,))
#: Ticker, the split's first bar, new shares per old one, and a day about a year later.
SPLITS = [
    ("AAPL", dt.date(2000, 6, 21), 2.0, dt.date(2003, 6, 30)),
    ("AAPL", dt.date(2005, 2, 28), 2.0, dt.date(2006, 2, 28)),
    ("MSFT", dt.date(2003, 2, 18), 2.0, dt.date(2004, 2, 27)),
]


def printed(ticker: str, last: dt.date) -> Bars:
    """The bars as the exchange printed them, with the splits that there were."""
    _, items = open_sample(BarRequest(tickers=frozenset([ticker])))
    (raw,) = (item for item in items if isinstance(item, RawBars))
    values = {name: column for name, column in raw.values.items() if name != "adjusted_close"}
    bars, rejected = validate_days(ticker, raw.day, values, today=TODAY, undated=raw.undated)
    assert rejected == []
    split = bars.split.copy()
    for name, date, ratio, _ in SPLITS:
        if name == ticker:
            split[np.searchsorted(bars.day, day_number(date))] = ratio
    return replace(bars, split=split)[: np.searchsorted(bars.day, day_number(last), side="right")]


def adjusted(bars: Bars) -> Bars:
    """The same, on the basis of the last day."""
    later = np.append(np.cumprod(bars.split[::-1])[::-1][1:], 1.0)
    prices = {name: getattr(bars, name) / later for name in ("open", "high", "low", "close", "dividend")}
    return Bars(day=bars.day, **prices, volume=bars.volume * later, split=bars.split)


def state_of(batches: list[BarBatch]) -> TickerState:
    state = None
    for item in batches:
        state, _ = absorb(state, item, today=TODAY, settings=SETTINGS)
    assert state is not None
    return state


def returns(bars: Bars) -> Any:
    return np.diff(np.log(bars.close))


def live_and_fresh(ticker: str, date: dt.date, last: dt.date) -> tuple[TickerState, TickerState]:
    """The state after printed bars that came live with their split, and that of a backfill of the adjusted series."""
    bars = printed(ticker, last)
    at = int(np.searchsorted(bars.day, day_number(date)))
    live = [batch_of(ticker, bars[i : i + 1], source="sample", as_of=date_of(bars.day[i])) for i in range(at - 20, len(bars))]
    earlier = adjusted(bars[: at - 20])  # a source of that day had earlier splits adjusted
    before = batch_of(ticker, earlier, source="sample", as_of=earlier.last_date)
    return state_of([before, *live]), state_of([batch_of(ticker, adjusted(bars), source="sample", as_of=TODAY)])


@pytest.mark.parametrize(("ticker", "date", "ratio", "last"), SPLITS)
def test_printed_bars_with_split_events_equal_the_adjusted_series(
    ticker: str, date: dt.date, ratio: float, last: dt.date
) -> None:
    bars = printed(ticker, last)
    at = int(np.searchsorted(bars.day, day_number(date)))
    assert returns(bars)[at - 1] < np.log(1 / ratio) + 0.1  # as printed it looks like a crash
    state, fresh = live_and_fresh(ticker, date, last)
    assert same_state(as_fetched_with(state, fresh), fresh)
    assert encode_forecast(refresh(state, None, SETTINGS)) == encode_forecast(refresh(fresh, None, SETTINGS))
    assert state.due is not None
    assert state.due == fresh.due  # the training sees the same window, to the bit


def test_training_on_printed_bars_equals_training_on_the_adjusted_series() -> None:
    ticker, date, _, last = SPLITS[1]
    results = []
    for state in live_and_fresh(ticker, date, last):
        job = training_job(state, due_of(state), SETTINGS)
        assert job.window.day[0] < day_number(date) < job.window.day[-1]  # the split is within what is trained on
        trained = train_ticker(job)
        assert list(trained.models) == [ModelName.HAR]
        results.append((msgspec.json.encode(trained), encode_forecast(refresh(state, trained, SETTINGS))))
    assert results[0] == results[1]


def test_and_the_source_s_own_adjustment_agrees_but_for_its_rounding() -> None:
    ticker, _, _, last = SPLITS[1]  # no dividends in these years
    ours = refresh(state_of([batch_of(ticker, adjusted(printed(ticker, last)), source="x", as_of=TODAY)]), None, SETTINGS)
    batches = [item for item in read_source("sample", tickers=[ticker], end=last, today=TODAY) if isinstance(item, BarBatch)]
    theirs = refresh(state_of(batches), None, SETTINGS)
    assert (ours.as_of, ours.bars_used) == (theirs.as_of, theirs.bars_used)
    assert ours.annual_volatility == pytest.approx(theirs.annual_volatility, rel=1e-3)
    assert ours.annual_return == pytest.approx(theirs.annual_return, rel=1e-3)
