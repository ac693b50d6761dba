"""Whole histories, ticker by ticker, from a source's batches of bars."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from producers.report import kind_of
from producers.sources import Source
from records import BarBatch, Bars, RejectedBar, validate_batch
from text import LISTED_REASONS, counted_reasons, grouped_reasons


class WholeHistory(NamedTuple):
    """All bars of one ticker that passed validation, and its bars that did not."""

    ticker: str
    bars: Bars
    rejected: list[RejectedBar]


def whole_histories(source: Source, today: dt.date) -> Iterator[WholeHistory]:
    """The source's histories, in its order of tickers."""
    for ticker, items in itertools.groupby(source, key=lambda item: item.ticker):
        batches, rejected = [], []
        for item in items:
            if isinstance(item, BarBatch):
                batches.append(validate_batch(item, today=today)[0])
            else:
                rejected.append(item)
        yield WholeHistory(ticker, Bars.concatenate(batches), rejected)


def reading_lines(source: Source, rejected: Sequence[RejectedBar], *, suspect: str = "kept") -> Iterator[str]:
    """What a command that reads whole histories says of its input: forms, what was passed over, rejected and suspect bars.

    Only once the source is read. `suspect` says what happens to suspect bars.
    """
    yield from source.findings.lines()
    groups = grouped_reasons((bar.ticker or "?", bar.reason) for bar in rejected if not bar.date)
    yield from (f"not used: {group.line()}" for group in groups[:LISTED_REASONS])
    by_reason = Counter(kind_of(bar) for bar in rejected if bar.date)
    if by_reason:
        yield f"{by_reason.total():,} rejected bars are left out; python -m producers check lists them"
        yield from counted_reasons(by_reason, "rejected")
    if source.suspicions:
        by_rule = Counter(str(one.rule) for one in source.suspicions).most_common()
        rules = ", ".join(f"{count:,} {rule}" for rule, count in by_rule)
        yield f"{len(source.suspicions):,} suspect bars are {suspect} ({rules}); python -m producers check lists them"
