"""What a source holds and what is wrong with it, for people and for programs."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec
import numpy as np

from marketdata.calendars import missing_sessions, surplus_bars
from producers.findings import Findings
from records import BarBatch, Days, RejectedBar, Suspicion, date_of
from text import LISTED_REASONS, shortened, without_data


class TickerReport(msgspec.Struct, kw_only=True):
    """One ticker's part of a source; `first` and `last` are ISO dates of accepted bars, None where there is none.

    `missing` are sessions of its exchange between the two with no bar at all, good or bad; `surplus` are bars on days without a
    session.
    """

    ticker: str
    accepted: int = 0
    rejected: int = 0
    first: str | None = None
    last: str | None = None
    suspect: int = 0
    missing: list[dt.date] = []
    surplus: list[dt.date] = []


class ValidationReport:
    """All of a source: counts by ticker, and every rejected bar with its reason, filled as the source is read."""

    def __init__(self) -> None:
        self.accepted = 0
        self.rejected: list[RejectedBar] = []
        self.suspicions: list[Suspicion] = []
        self.findings = Findings()
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

    def finish(self, suspicions: Iterable[Suspicion], findings: Findings) -> None:
        """Once the source is read: take its suspicions and findings, and look for missing and surplus sessions."""
        self.suspicions = list(suspicions)
        self.findings = findings
        for one in self.suspicions:
            self._tickers[one.ticker].suspect += 1
        for of_ticker in self._tickers.values():
            if of_ticker.first is not None:
                days = _days(self._dates[of_ticker.ticker], of_ticker.first, of_ticker.last or of_ticker.first)
                of_ticker.missing = [date_of(day) for day in missing_sessions(of_ticker.ticker, days)]
                of_ticker.surplus = [date_of(day) for day in surplus_bars(of_ticker.ticker, days)]

    @property
    def tickers(self) -> list[TickerReport]:
        """By name."""
        return [self._tickers[name] for name in sorted(self._tickers)]


def report_json(report: ValidationReport) -> bytes:
    """The whole report: `accepted`, `tickers`, `rejected`, `suspicions`, `forms`, `notes`, `passed_over`."""
    return msgspec.json.format(
        msgspec.json.encode(
            {
                "accepted": report.accepted,
                "tickers": report.tickers,
                "rejected": report.rejected,
                "suspicions": report.suspicions,
                "forms": report.findings.forms,
                "notes": report.findings.notes,
                "passed_over": [{"where": one.where, "reason": one.reason} for one in report.findings.passed_over],
            }
        )
    )


def report_lines(report: ValidationReport, *, limit: int) -> Iterator[str]:
    """The report as text: a table of tickers, at most `limit` rejected and suspect bars and gaps each, and a sum by reason."""
    yield from report.findings.lines(limit=limit)
    counts = " ".join(f"{name:>9}" for name in ("accepted", "rejected", "suspect", "missing", "surplus"))
    yield f"{'ticker':<12} {counts}  {'first':<10}  {'last':<10}"
    for of_ticker in report.tickers:
        yield (
            f"{of_ticker.ticker or '?':<12} {of_ticker.accepted:>9,} {of_ticker.rejected:>9,} "
            f"{of_ticker.suspect:>9,} {len(of_ticker.missing):>9,} {len(of_ticker.surplus):>9,}  "
            f"{of_ticker.first or '-':<10}  {of_ticker.last or '-':<10}"
        )
    if report.rejected:
        yield ""
        yield from (f"{bar.ticker or '?':<12} {bar.date or '-':<12} {bar.reason}" for bar in report.rejected[:limit])
        yield from _more(len(report.rejected), limit)
        yield ""
        by_reason = Counter(kind_of(bar) for bar in report.rejected)
        yield from (f"{count:>9,}  {reason}" for reason, count in by_reason.most_common(LISTED_REASONS))
    if report.suspicions:
        yield ""
        yield "suspect bars (which of them are held out, SUSPECT_BARS says):"
        yield from (f"{one.ticker:<12} {one.date} {one.rule}: {one.evidence}" for one in report.suspicions[:limit])
        yield from _more(len(report.suspicions), limit)
        yield ""
        yield from (f"{count:>9,}  {rule}" for rule, count in Counter(one.rule for one in report.suspicions).most_common())
    yield from _days_listed(report, "missing", "sessions of the exchange without a bar:", limit)
    yield from _days_listed(report, "surplus", "bars on days without a session of the exchange:", limit)
    yield ""
    used = sum(of_ticker.accepted > 0 for of_ticker in report.tickers)
    yield f"{report.accepted:,} bars of {used:,} tickers accepted, {len(report.rejected):,} rejected"


def _days_listed(report: ValidationReport, name: str, title: str, limit: int) -> Iterator[str]:
    gaps = [f"{one.ticker:<12} {shortened(days)}" for one in report.tickers if (days := getattr(one, name))]
    if gaps:
        yield ""
        yield title
        yield from gaps[:limit]
        yield from _more(len(gaps), limit)


def kind_of(bar: RejectedBar) -> str:
    """A reason without the data in it, so that like reasons are counted together.

    >>> kind_of(RejectedBar("A", "2024-01-02", "2 bars of 2024-01-02 with different values; none is taken"))
    'N bars of DATE with different values; none is taken'
    """
    place, colon, reason = bar.reason.partition(": ")
    return without_data(reason if colon and "/" in place else bar.reason, bar.ticker)


def _more(count: int, limit: int) -> Iterator[str]:
    if count > limit:
        yield f"… and {count - limit:,} more; --limit shows more of them, --format json all"


def _days(dates: list[str], first: str, last: str) -> Days:
    """Day numbers, rising, of those texts that are dates between the first and the last, which are."""
    known = {text for text in dates if first <= text <= last and len(text) == len(first)}
    return np.array(sorted(known), dtype="datetime64[D]").astype(np.int32)
