"""Whole histories, ticker by ticker, from a source's batches of bars."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from typing import NamedTuple

from producers.sources import Source
from records import BarBatch, Bars, validate_batch


class WholeHistory(NamedTuple):
    """All bars of one ticker that passed validation, and how many of its bars did not."""

    ticker: str
    bars: Bars
    rejected: int


def whole_histories(source: Source, today: dt.date) -> Iterator[WholeHistory]:
    """The source's histories, in its order of tickers."""
    for ticker, items in itertools.groupby(source, key=lambda item: item.ticker):
        batches, rejected = [], 0
        for item in items:
            if isinstance(item, BarBatch):
                batches.append(validate_batch(item, today=today)[0])
            else:
                rejected += 1
        yield WholeHistory(ticker, Bars.concatenate(batches), rejected)
