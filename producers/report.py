"""What a source holds and what is wrong with it, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from records import BarBatch, RejectedBar


class TickerReport(msgspec.Struct, kw_only=True):
    """One ticker's part of a source; `first` and `last` are ISO dates of accepted bars, None where there is none."""

    ticker: str
    accepted: int = 0
    rejected: int = 0
    first: str | None = None
    last: str | None = None


class ValidationReport:
    """All of a source: counts by ticker, and every rejected bar with its reason, filled as the source is read."""

    def __init__(self) -> None:
        self.accepted = 0
        self.rejected: list[RejectedBar] = []
        self._tickers: dict[str, TickerReport] = {}

    def add(self, item: BarBatch | RejectedBar) -> int:
        """Take one thing that the source gave; returns how many bars it was."""
        of_ticker = self._tickers.setdefault(item.ticker, TickerReport(ticker=item.ticker))
        if isinstance(item, RejectedBar):
            of_ticker.rejected += 1
            self.rejected.append(item)
            return 1
        of_ticker.accepted += len(item.date)
        of_ticker.first = of_ticker.first or item.date[0]
        of_ticker.last = item.date[-1]
        self.accepted += len(item.date)
        return len(item.date)

    @property
    def tickers(self) -> list[TickerReport]:
        """By name."""
        return [self._tickers[name] for name in sorted(self._tickers)]


def report_json(report: ValidationReport) -> bytes:
    """The whole report: `accepted`, `tickers`, `rejected`."""
    return msgspec.json.format(
        msgspec.json.encode({"accepted": report.accepted, "tickers": report.tickers, "rejected": report.rejected})
    )


def report_lines(report: ValidationReport, *, limit: int) -> Iterator[str]:
    """The report as text: a table of tickers, at most `limit` rejected bars, and a sum by reason."""
    yield f"{'ticker':<12} {'accepted':>9} {'rejected':>9}  {'first':<10}  {'last':<10}"
    for of_ticker in report.tickers:
        yield (
            f"{of_ticker.ticker or '?':<12} {of_ticker.accepted:>9,} {of_ticker.rejected:>9,}  "
            f"{of_ticker.first or '-':<10}  {of_ticker.last or '-':<10}"
        )
    if report.rejected:
        yield ""
        yield from (f"{bar.ticker or '?':<12} {bar.date or '-':<12} {bar.reason}" for bar in report.rejected[:limit])
        if len(report.rejected) > limit:
            yield f"… and {len(report.rejected) - limit:,} more; --limit shows more of them, --format json all"
        yield ""
        yield from (
            f"{count:>9,}  {reason}" for reason, count in Counter(bar.reason for bar in report.rejected).most_common(20)
        )
    yield ""
    used = sum(of_ticker.accepted > 0 for of_ticker in report.tickers)
    yield f"{report.accepted:,} bars of {used:,} tickers accepted, {len(report.rejected):,} rejected"
