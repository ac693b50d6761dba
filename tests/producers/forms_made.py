"""Bars of a random walk, and the forms in which vendors write them: made here, with prices of our own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from producers.forms.declared import Declared
from producers.sources import Source, read_source
from records import BarBatch, RejectedBar

TODAY = dt.date(2025, 6, 30)


@dataclass(frozen=True)
class Walk:
    """Days and columns of n bars; prices rounded to two decimals."""

    date: list[dt.date]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[int]

    def rows(self) -> list[tuple[dt.date, float, float, float, float, int]]:
        """(date, open, high, low, close, volume) of each bar."""
        return list(zip(self.date, self.open, self.high, self.low, self.close, self.volume, strict=True))

    def __len__(self) -> int:
        return len(self.date)


def walk(
    seed: int = 0, bars: int = 120, *, start: float = 100.0, step: int | None = None, seven: bool = False, digits: int = 2
) -> Walk:
    """A walk of daily bars up to 2025-03-14, Monday to Friday (`seven`: every day; `step`: every so many days)."""
    rng = np.random.default_rng(seed)
    dates: list[dt.date] = []
    day = dt.date(2025, 3, 14)
    while len(dates) < bars:
        if seven or step or day.weekday() < 5:
            dates.append(day)
        day -= dt.timedelta(days=step or 1)
    close = start * np.exp(np.cumsum(0.01 * rng.standard_normal(bars)))
    opened = np.concatenate([[start], close[:-1]]) * np.exp(0.002 * rng.standard_normal(bars))
    high, low = np.maximum(opened, close) * 1.004, np.minimum(opened, close) * 0.996
    columns = [np.round(column, digits).tolist() for column in (opened, high, low, close)]
    return Walk(dates[::-1], *columns, volume=rng.integers(100_000, 900_000, bars).tolist())


def csv(header: str, rows: Sequence[Sequence[object]], sign: str = ",") -> str:
    """A header and rows as text."""
    return "\n".join([header, *(sign.join(map(str, row)) for row in rows)]) + "\n"


def plain(bars: Walk, header: str = "Date,Open,High,Low,Close,Volume") -> str:
    """The common form."""
    return csv(header, bars.rows())


def german(value: float, digits: int = 2) -> str:
    """1234.5 → 1.234,50"""
    return f"{value:,.{digits}f}".replace(",", "_").replace(".", ",").replace("_", ".")


def put(path: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    """Write a file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


@dataclass(frozen=True)
class Read:
    """What came of a path."""

    bars: dict[str, list[tuple[str, float, float, float, float, float]]]
    batches: dict[str, list[BarBatch]]
    rejected: list[RejectedBar]
    source: Source

    @property
    def said(self) -> str:
        """Forms, notes and reasons in one text."""
        return "\n".join([*self.source.findings.lines(limit=100), *(bar.reason for bar in self.rejected)])


def read(path: Path, *declared: str, errors: Callable[[Exception], object] | None = None) -> Read:
    """(date, open, high, low, close, volume) of each ticker, and the rejected; an error at the end goes to `errors`."""
    from errors import SourceError

    batches: dict[str, list[BarBatch]] = {}
    rejected: list[RejectedBar] = []
    source = read_source("file", path=path, today=TODAY, declared=Declared.of(declared))
    try:
        for item in source:
            if isinstance(item, BarBatch):
                batches.setdefault(item.ticker, []).append(item)
            else:
                rejected.append(item)
    except SourceError as error:
        if errors is None:
            raise
        errors(error)
    bars = {
        ticker: [row for b in found for row in zip(b.date, b.open, b.high, b.low, b.close, b.volume, strict=True)]
        for ticker, found in batches.items()
    }
    return Read(bars, batches, rejected, source)


def as_read(bars: Walk, factor: float = 1.0) -> list[tuple[str, float, float, float, float, float]]:
    """What a walk must come out as; prices times `factor`."""
    return [(str(d), o * factor, h * factor, low * factor, c * factor, float(v)) for d, o, h, low, c, v in bars.rows()]
