"""Market data from a named source as validated batches of bars."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Final, Self

from errors import SourceError, SourceRequestError
from producers.findings import Findings
from producers.forms.declared import Declared
from producers.opening import BarRequest, Opener
from producers.raw import RawBars, batches, datable
from producers.screen import Screen
from producers.source_name import SOURCES
from records import BarBatch, RejectedBar, Suspicion, canonical_ticker, date_of, is_ticker
from settings import Settings, SuspectBars
from text import encodable, grouped_reasons

#: Reasons that the error of a source without a usable bar has.
_REASONS: Final = 3


class Source(Iterator[BarBatch | RejectedBar]):
    """Bars on their way in: an iterator, to be used once.

    `bars_total` is the number of rows at the source, good and bad, of the requested tickers; None if only
    reading on would show it.
    `suspicions` and `findings` fill as the bars are read.
    """

    def __init__(
        self,
        items: Iterator[BarBatch | RejectedBar],
        bars_total: int | None,
        suspicions: Sequence[Suspicion],
        findings: Findings,
    ) -> None:
        self._items = items
        self.bars_total = bars_total
        self.suspicions = suspicions
        self.findings = findings

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> BarBatch | RejectedBar:
        return next(self._items)


def read_source(
    name: str,
    *,
    path: Path | None = None,
    tickers: Iterable[str] | None = None,
    start: dt.date | None = None,
    end: dt.date | None = None,
    today: dt.date,
    starts: Mapping[str, dt.date] | None = None,
    suspect_bars: SuspectBars = SuspectBars.IMPOSSIBLE,
    declared: Declared | None = None,
    settings: Settings | None = None,
    now: dt.datetime | None = None,
    opener: Opener | None = None,
) -> Source:
    """Batches of validated bars, ticker by ticker in the order of names, dates rising; its rejected bars stand before them.

    `tickers` None means all; `start` and `end` are both included; bars dated after `today` are refused. `suspect_bars` says
    whether unlikely bars come as rejected bars. `path`, `starts`, `declared`, `settings` and `now` go to the source as they are
    (`BarRequest`), `opener` opens it in place of the function that `SourceName` names. Raises SourceError at once for what
    cannot be used at all, and at the end when not one bar was good.
    """
    wanted = canonical_tickers(tickers)
    if start is not None and end is not None and start > end:
        raise SourceRequestError(f"the start {start} lies after the end {end}; exchange them")
    findings = Findings()
    request = BarRequest(path, wanted, start, end, starts or {}, declared or Declared(), findings, settings, now)
    total, raw = (opener or opener_of(name))(request)
    screen = Screen(suspect_bars)
    return Source(_batches(raw, screen, name=name, start=start, end=end, today=today), total, screen.found, findings)


def opener_of(name: str) -> Opener:
    """The function that opens a source. Raises SourceError for an unknown name."""
    if name not in SOURCES:
        raise SourceRequestError(f"unknown source {name!r}; there are {', '.join(SOURCES)}")
    opener: Opener = resolve_name(SOURCES[name].opener_path)
    return opener


def canonical_tickers(tickers: Iterable[str] | None) -> frozenset[str] | None:
    """The tickers as they are spelled everywhere; None, for all, stays None. Raises SourceError for what cannot be one."""
    if tickers is None:
        return None
    wanted = frozenset(canonical_ticker(ticker) for ticker in tickers if ticker.strip())
    strange = sorted(ticker for ticker in wanted if not is_ticker(ticker))
    if strange:
        raise SourceRequestError(f"not a ticker: {', '.join(map(repr, strange))}; write tickers as AAPL,BRK-B")
    if not wanted:
        raise SourceRequestError("no tickers are named; leave the choice out to take all")
    return wanted


def _batches(
    raw: Iterator[RawBars | RejectedBar],
    screen: Screen,
    *,
    name: str,
    start: dt.date | None,
    end: dt.date | None,
    today: dt.date,
) -> Iterator[BarBatch | RejectedBar]:
    good = 0
    refused: list[RejectedBar] = []
    spans: list[tuple[int, int]] = []
    for item in raw:
        if isinstance(item, RejectedBar):
            found: Iterable[BarBatch | RejectedBar] = [item]
        else:
            if not good and len(known := item.day[datable(item.day, today)]):
                spans.append((int(known.min()), int(known.max())))
            found = batches(item, source=name, start=start, end=end, today=today, screen=screen)
        for result in found:
            if isinstance(result, BarBatch):
                good += 1
                yield result
                continue
            rejected = RejectedBar(encodable(result.ticker), encodable(result.date), encodable(result.reason))
            if not good:
                refused.append(rejected)
            yield rejected
    if not good:
        raise SourceError(f"the source {name} has no usable bar{_when(start, end, spans)}{_why(refused)}")


def _when(start: dt.date | None, end: dt.date | None, spans: list[tuple[int, int]]) -> str:
    if start is None and end is None:
        return ""
    there = f", only from {date_of(min(spans)[0])} to {date_of(max(last for _, last in spans))}" if spans else ""
    return f" from {start or 'the beginning'} to {end or 'the end'}{there}"


def _why(refused: list[RejectedBar]) -> str:
    groups = grouped_reasons((bar.ticker or "?", bar.reason) for bar in refused)
    if not groups:
        return ""
    more = "; python -m producers check lists them all" if len(refused) > len(groups) or len(groups) > _REASONS else ""
    return f": {'; '.join(group.line() for group in groups[:_REASONS])}{more}"
