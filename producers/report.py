"""What a source holds and what is wrong with it, for people and for programs."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec
import numpy as np

from marketdata.calendars import missing_sessions
from records import BarBatch, Days, RejectedBar, Suspicion, date_of


class TickerReport(msgspec.Struct, kw_only=True):
    """One ticker's part of a source; `first` and `last` are ISO dates of accepted bars, None where there is none.

    `missing` are sessions of its exchange between the two with no bar at all, good or bad.
    """

    ticker: str
    accepted: int = 0
    rejected: int = 0
    first: str | None = None
    last: str | None = None
    suspect: int = 0
    missing: list[dt.date] = []


class ValidationReport:
    """All of a source: counts by ticker, and every rejected bar with its reason, filled as the source is read."""

    def __init__(self) -> None:
        self.accepted = 0
        self.rejected: list[RejectedBar] = []
        self.suspicions: list[Suspicion] = []
        self._tickers: dict[str, TickerReport] = {}
        self._dates: dict[str, list[str]] = {}

    def add(self, item: BarBatch | RejectedBar) -> int:
        """Take one thing that the source gave; returns how many bars it was."""
        of_ticker = self._tickers.setdefault(item.ticker, TickerReport(ticker=item.ticker))
        if isinstance(item, RejectedBar):
            of_ticker.rejected += 1
            self.rejected.append(item)
            self._dates.setdefault(item.ticker, []).append(item.date)
            return 1
        self._dates.setdefault(item.ticker, []).extend(item.date)
        of_ticker.accepted += len(item.date)
        of_ticker.first = of_ticker.first or item.date[0]
        of_ticker.last = item.date[-1]
        self.accepted += len(item.date)
        return len(item.date)

    def watch(self, items: Iterable[BarBatch | RejectedBar]) -> Iterator[BarBatch | RejectedBar]:
        """The items, each taken note of on its way."""
        for item in items:
            self.add(item)
            yield item

    def finish(self, suspicions: Iterable[Suspicion]) -> None:
        """Once the source is read: take its suspicions, and look for the sessions that are missing."""
        self.suspicions = list(suspicions)
        for one in self.suspicions:
            self._tickers[one.ticker].suspect += 1
        for of_ticker in self._tickers.values():
            if of_ticker.first is not None:
                days = _days(self._dates[of_ticker.ticker], of_ticker.first, of_ticker.last or of_ticker.first)
                of_ticker.missing = [date_of(day) for day in missing_sessions(of_ticker.ticker, days)]

    @property
    def tickers(self) -> list[TickerReport]:
        """By name."""
        return [self._tickers[name] for name in sorted(self._tickers)]


def report_json(report: ValidationReport) -> bytes:
    """The whole report: `accepted`, `tickers`, `rejected`, `suspicions`."""
    return msgspec.json.format(
        msgspec.json.encode(
            {
                "accepted": report.accepted,
                "tickers": report.tickers,
                "rejected": report.rejected,
                "suspicions": report.suspicions,
            }
        )
    )


def report_lines(report: ValidationReport, *, limit: int) -> Iterator[str]:
    """The report as text: a table of tickers, at most `limit` rejected and suspect bars and gaps each, and a sum by reason."""
    yield f"{'ticker':<12} {'accepted':>9} {'rejected':>9} {'suspect':>9} {'missing':>9}  {'first':<10}  {'last':<10}"
    for of_ticker in report.tickers:
        yield (
            f"{of_ticker.ticker or '?':<12} {of_ticker.accepted:>9,} {of_ticker.rejected:>9,} "
            f"{of_ticker.suspect:>9,} {len(of_ticker.missing):>9,}  "
            f"{of_ticker.first or '-':<10}  {of_ticker.last or '-':<10}"
        )
    if report.rejected:
        yield ""
        yield from (f"{bar.ticker or '?':<12} {bar.date or '-':<12} {bar.reason}" for bar in report.rejected[:limit])
        yield from _more(len(report.rejected), limit)
        yield ""
        yield from (
            f"{count:>9,}  {reason}" for reason, count in Counter(bar.reason for bar in report.rejected).most_common(20)
        )
    if report.suspicions:
        yield ""
        yield "suspect bars (which of them are held out, SUSPECT_BARS says):"
        yield from (f"{one.ticker:<12} {one.date} {one.rule}: {one.evidence}" for one in report.suspicions[:limit])
        yield from _more(len(report.suspicions), limit)
    gaps = [f"{one.ticker:<12} {_shortened(one.missing)}" for one in report.tickers if one.missing]
    if gaps:
        yield ""
        yield "sessions of the exchange without a bar:"
        yield from gaps[:limit]
        yield from _more(len(gaps), limit)
    yield ""
    used = sum(of_ticker.accepted > 0 for of_ticker in report.tickers)
    yield f"{report.accepted:,} bars of {used:,} tickers accepted, {len(report.rejected):,} rejected"


def _more(count: int, limit: int) -> Iterator[str]:
    if count > limit:
        yield f"… and {count - limit:,} more; --limit shows more of them, --format json all"


def _shortened(dates: list[dt.date]) -> str:
    return ", ".join(map(str, dates[:5])) + (f" and {len(dates) - 5:,} more" if len(dates) > 5 else "")


def _days(dates: list[str], first: str, last: str) -> Days:
    """Day numbers, rising, of those texts that are dates between the first and the last, which are."""
    known = {text for text in dates if first <= text <= last and len(text) == len(first)}
    return np.array(sorted(known), dtype="datetime64[D]").astype(np.int32)
