"""Whole histories, ticker by ticker, from a source's batches of bars."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from producers.report import kind_of, rejection_lines
from producers.sources import Source
from records import BarBatch, Bars, validate_batch


class WholeHistory(NamedTuple):
    """All bars of one ticker that passed validation, and how many of its bars did not, by reason (`kind_of`)."""

    ticker: str
    bars: Bars
    rejected: Counter[str]


def whole_histories(source: Source, today: dt.date) -> Iterator[WholeHistory]:
    """The source's histories, in its order of tickers."""
    for ticker, items in itertools.groupby(source, key=lambda item: item.ticker):
        batches, rejected = [], Counter[str]()
        for item in items:
            if isinstance(item, BarBatch):
                batches.append(validate_batch(item, today=today)[0])
            else:
                rejected[kind_of(item)] += 1
        yield WholeHistory(ticker, Bars.concatenate(batches), rejected)


def reading_lines(source: Source, rejected: Mapping[str, int], *, suspect: str = "kept") -> Iterator[str]:
    """What a command that reads whole histories says of its input: forms, files passed over, rejected and suspect bars.

    Only once the source is read. `suspect` says what happens to suspect bars.
    """
    yield from source.findings.lines()
    if rejected:
        yield f"{sum(rejected.values()):,} rejected bars are left out; python -m producers check lists them"
        yield from rejection_lines(rejected)
    if source.suspicions:
        rules = ", ".join(
            f"{count:,} {rule}" for rule, count in Counter(str(one.rule) for one in source.suspicions).most_common()
        )
        yield f"{len(source.suspicions):,} suspect bars are {suspect} ({rules}); python -m producers check lists them"
