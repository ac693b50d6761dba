"""What every source is asked, and what it answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from errors import SourceRequestError
from producers.findings import Findings
from producers.forms.declared import Declared
from producers.raw import RawBars
from records import RejectedBar
from settings import Settings


@dataclass(frozen=True, slots=True)
class BarRequest:
    """Bars of `tickers` (None: all), from `start` to `end`, both included; the caller cuts off what lies outside.

    `path` and `declared` are those of files; `starts` are first days of their own for some tickers. `settings` and `now`, with
    a time zone, are there for a live source. A source adds to `findings` what the user must know of how it was read.
    """

    path: Path | None = None
    tickers: frozenset[str] | None = None
    start: dt.date | None = None
    end: dt.date | None = None
    starts: Mapping[str, dt.date] = field(default_factory=dict)
    declared: Declared = field(default_factory=Declared)
    findings: Findings = field(default_factory=Findings)
    settings: Settings | None = None
    now: dt.datetime | None = None

    def refuse_path(self, source: str) -> None:
        """Raise SourceRequestError if there is a path: the source reads no files."""
        if self.path is not None:
            raise SourceRequestError(f"the source {source} has no path; say --source file to read your own bars")


class OpenedSource(NamedTuple):
    """A source's bars, ticker by ticker in the order of names. `bars_total` are its rows; None if only reading on shows it."""

    bars_total: int | None
    items: Iterator[RawBars | RejectedBar]


#: Opens a source. Raises SourceError for a source that cannot be used as a whole.
Opener: TypeAlias = Callable[[BarRequest], OpenedSource]
