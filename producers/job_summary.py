"""What a publishing run did: the object that monitoring reads, and the lines for people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

from producers.screen import suspect_lines
from records import Suspicion
from text import counted_reasons, grouped_reasons


class JobSummary(msgspec.Struct, kw_only=True):
    """What a publishing run did, for monitoring: bars by their fate, and the tickers without any with their reasons.

    `rejections` are those by reason, without the data in it. `missing` are, by ticker, the exchange's sessions between the
    first and the last bar fetched that have none.
    """

    new: int
    changed: int
    known: int
    rejected: int
    messages: int
    suspect: tuple[Suspicion, ...]
    missing: dict[str, list[dt.date]]
    rejections: dict[str, int] = {}
    failed: dict[str, str]


def summary_lines(summary: JobSummary) -> Sequence[str]:
    """The summary as text for people."""
    counts = (
        f"{summary.new:,} new and {summary.changed:,} changed bars in {summary.messages:,} messages; "
        f"{summary.known:,} were there already, {summary.rejected:,} refused, {len(summary.suspect):,} suspect"
    )
    return [
        counts,
        *counted_reasons(summary.rejections, "rejected"),
        *(suspect_lines(summary.suspect) if summary.suspect else ()),
        *(f"without a bar: {ticker}: {', '.join(map(str, dates))}" for ticker, dates in summary.missing.items()),
        *(f"failed: {group.line()}" for group in grouped_reasons(sorted(summary.failed.items()))),
    ]
