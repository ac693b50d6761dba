"""The summary of a run of the embedded engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from text import counted_reasons, grouped_reasons, shortened

#: How many tickers, or reasons, a summary names.
NAMED_IN_SUMMARY: Final = 20


class Summary(msgspec.Struct, kw_only=True):
    """Counts of a run; `rejections` are those by reason, without the data in them.

    `fallback` gives the reason for each ticker that no trained model serves. `quiet` has the tickers whose last bar is more
    than `fresh_sessions` sessions older than the newest bar of all: their forecasts stay, and are stale for readers.
    """

    tickers: int = 0
    bars_new: int = 0
    bars_duplicate: int = 0
    bars_corrected: int = 0
    bars_expired: int = 0
    bars_rejected: int = 0
    rejections: dict[str, int] = {}
    trained: int = 0
    training_failed: int = 0
    forecasts_written: int = 0
    fallback: dict[str, str] = {}
    quiet: tuple[str, ...] = ()


def summary_lines(summary: Summary) -> Iterator[str]:
    """The summary as lines of text."""
    yield (
        f"bars: {summary.bars_new:,} new, {summary.bars_duplicate:,} known, {summary.bars_corrected:,} corrected, "
        f"{summary.bars_expired:,} older than what is kept, {summary.bars_rejected:,} rejected"
    )
    yield from counted_reasons(summary.rejections, "rejected")
    yield (
        f"tickers: {summary.tickers:,}; trained now: {summary.trained:,}, failed: {summary.training_failed:,}; "
        f"forecasts written: {summary.forecasts_written:,}"
    )
    if summary.fallback:
        groups = grouped_reasons(sorted(summary.fallback.items()))
        yield f"without a trained model: {len(summary.fallback):,}; the forecast table has the reason of each"
        yield from (f"  {group.line()}" for group in groups[:NAMED_IN_SUMMARY])
        if len(groups) > NAMED_IN_SUMMARY:
            yield f"  … and {len(groups) - NAMED_IN_SUMMARY:,} more reasons"
    if summary.quiet:
        yield f"without new bars: {len(summary.quiet):,} ({shortened(summary.quiet, NAMED_IN_SUMMARY)})"
