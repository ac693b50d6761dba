"""Market data from a named source as validated batches of bars."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from errors import SourceError
from producers.files import read_file, read_folder
from producers.findings import Findings
from producers.forms.declared import Declared
from producers.raw import RawBars, batches
from producers.sample import read_sample
from producers.screen import Screen
from producers.source_name import SourceName
from producers.yahoo import Yahoo
from records import BarBatch, RejectedBar, Suspicion, canonical_ticker, is_ticker
from settings import SuspectBars


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
    yahoo: Yahoo | None = None,
    starts: Mapping[str, dt.date] | None = None,
    suspect_bars: SuspectBars = SuspectBars.IMPOSSIBLE,
    declared: Declared | None = None,
) -> Source:
    """Batches of validated bars, ticker by ticker in the order of names, dates rising; its rejected bars stand before them.

    `tickers` None means all; `start` and `end` are both included; bars dated after `today` are refused. `yahoo` is how the
    source yfinance is asked, `starts` a first day of their own for some of its tickers. `suspect_bars` says whether unlikely
    bars come as rejected bars, `declared` what the user says of the form of files. Raises SourceError at once for
    what cannot be used at all, and at the end when not one bar was good.
    """
    wanted = canonical_tickers(tickers)
    if start is not None and end is not None and start > end:
        raise SourceError(f"the start {start} lies after the end {end}; exchange them")
    findings = Findings()
    if name == SourceName.YFINANCE:
        total, raw = None, _open_yahoo(yahoo, path, wanted, start, end, starts or {})
    else:
        total, raw = _open(name, path, wanted, declared or Declared(), findings)
    screen = Screen(suspect_bars)
    return Source(_batches(raw, screen, name=name, start=start, end=end, today=today), total, screen.found, findings)


def _open_yahoo(
    yahoo: Yahoo | None,
    path: Path | None,
    tickers: frozenset[str] | None,
    start: dt.date | None,
    end: dt.date | None,
    starts: Mapping[str, dt.date],
) -> Iterator[RawBars | RejectedBar]:
    if path is not None:
        raise SourceError("the source yfinance has no path; say --source file to read your own bars")
    if tickers is None:
        raise SourceError("the source yfinance needs tickers: --tickers A,B or --group DOW")
    assert yahoo is not None, "the caller says how Yahoo is asked"
    common = {} if start is None else dict.fromkeys(tickers, start)
    return yahoo.read(sorted(tickers), {**common, **starts}, end)


def _open(
    name: str, path: Path | None, tickers: frozenset[str] | None, declared: Declared, findings: Findings
) -> tuple[int | None, Iterator[RawBars | RejectedBar]]:
    if name == SourceName.SAMPLE:
        if path is not None:
            raise SourceError("the source sample has no path; say --source file to read your own bars")
        return read_sample(tickers, findings)
    if name == SourceName.FILE:
        if path is None:
            raise SourceError("the source file needs a path to a CSV or Parquet file, or to a folder of them")
        if not path.exists():
            raise SourceError(f"{path}: there is no such file or folder")
        if path.is_dir():
            return None, read_folder(path, tickers, declared, findings)
        return read_file(path, tickers, declared, findings)
    raise SourceError(f"unknown source {name!r}; there are {', '.join(SourceName)}")


def canonical_tickers(tickers: Iterable[str] | None) -> frozenset[str] | None:
    """The tickers as they are spelled everywhere; None, for all, stays None. Raises SourceError for what cannot be one."""
    if tickers is None:
        return None
    wanted = frozenset(canonical_ticker(ticker) for ticker in tickers if ticker.strip())
    strange = sorted(ticker for ticker in wanted if not is_ticker(ticker))
    if strange:
        raise SourceError(f"not a ticker: {', '.join(map(repr, strange))}")
    if not wanted:
        raise SourceError("no tickers are named; leave the choice out to take all")
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
    reason = ""
    for item in raw:
        found = (
            [item]
            if isinstance(item, RejectedBar)
            else batches(item, source=name, start=start, end=end, today=today, screen=screen)
        )
        for result in found:
            good += isinstance(result, BarBatch)
            if isinstance(result, RejectedBar) and not good:
                reason = reason or result.reason
            yield result
    if not good:
        when = f" from {start or 'the beginning'} to {end or 'the end'}" if start or end else ""
        why = f": {reason}" if reason else ""
        raise SourceError(f"the source {name} has no usable bar{when}{why}; python -m producers check lists every reason")
