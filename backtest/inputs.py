"""What a backtest reads: bars from a file or a state folder, members by date, returns at delistings."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from backtest.market import Membership
from errors import SourceError
from producers.forms.declared import Declared
from producers.histories import reading_lines, whole_histories
from producers.source_name import SourceName
from producers.sources import read_source
from records import Bars, RejectedBar, canonical_ticker, day_number, is_ticker, parse_date
from settings import SuspectBars
from text import grouped_reasons, shortened

#: Day numbers for an open end.
_ALWAYS: Final = (-(10**6), 10**6)


def read_bars(path: Path | None, tickers: Sequence[str] | None, declared: Declared | None = None) -> dict[str, Bars]:
    """Bars by ticker of a file, a folder or, for None, the sample. Raises SourceError.

    Suspect bars are kept: evidence that a bar is wrong comes after it.
    """
    today = dt.datetime.now(dt.UTC).date()
    name = SourceName.SAMPLE if path is None else SourceName.FILE
    source = read_source(name, path=path, declared=declared, tickers=tickers, today=today, suspect_bars=SuspectBars.KEEP)
    found: dict[str, Bars] = {}
    rejected: list[RejectedBar] = []
    for whole in whole_histories(source, today):
        rejected += whole.rejected
        if len(whole.bars):
            found[whole.ticker] = whole.bars
    for line in reading_lines(source, rejected):
        click.echo(line, err=True)
    return found


def state_bars(state: Path, tickers: Sequence[str] | None) -> dict[str, Bars]:
    """Bars by ticker as a state folder holds them. Raises SourceError if it holds none of them."""
    from state.readers import ForecastReader, HistoryReader  # noqa: PLC0415 - opens a database

    wanted = list(tickers or ())
    if not wanted:
        forecasts = ForecastReader(state)
        try:
            wanted = [row.ticker for row in forecasts.all()]
        finally:
            forecasts.close()
    histories = HistoryReader(state)
    try:
        bars, unreadable = histories.bars_many(wanted)
    finally:
        histories.close()
    for group in grouped_reasons(unreadable.items()):
        click.echo(f"left out: {group.line()}", err=True)
    if not bars:
        raise SourceError(f"{state}: holds no bars; name a folder of a state, or bars by --path")
    return dict(bars)


def read_members(path: Path, known: Collection[str]) -> Membership:
    """Members by date from a CSV with the columns ticker, from and to (YYYY-MM-DD, both included; empty: open).

    A ticker may have several lines. Tickers that are not `known` are counted on stderr. Raises SourceError, naming the line,
    and for a list without a known ticker.
    """
    spans: dict[str, list[tuple[int, int]]] = {}
    for number, values in _lines(path, ("ticker", "from", "to")):
        first = _day(path, number, values["from"], _ALWAYS[0])
        last = _day(path, number, values["to"], _ALWAYS[1])
        if first > last:
            raise SourceError(f"{path}, line {number}: from {values['from']} lies after to {values['to']}; exchange them")
        spans.setdefault(_ticker(path, number, values["ticker"]), []).append((first, last))
    absent = sorted(spans.keys() - set(known))
    if len(absent) == len(spans):
        raise SourceError(f"{path}: there is no bar of any member: {shortened(absent)}; bars are of {shortened(sorted(known))}")
    if absent:
        click.echo(f"members without a bar: {len(absent):,} ({shortened(absent)})", err=True)
    return Membership({ticker: tuple(each) for ticker, each in spans.items()})


def read_delistings(path: Path) -> Mapping[str, float]:
    """The return that the last price of a delisted ticker still made, from a CSV with the columns ticker and return."""
    found: dict[str, float] = {}
    for number, values in _lines(path, ("ticker", "return")):
        try:
            value = float(values["return"])
        except ValueError:
            value = float("nan")
        if not value >= -1.0:
            raise SourceError(
                f"{path}, line {number}: a return of at least -1 is needed, as a decimal, not {values['return']!r}"
            )
        found[_ticker(path, number, values["ticker"])] = value
    return found


def _lines(path: Path, names: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = [name.strip().lower() for name in reader.fieldnames or ()]
            missing = [name for name in names if name not in columns]
            if missing:
                raise SourceError(f"{path}: the column {missing[0]} is missing; needed are {', '.join(names)}")
            reader.fieldnames = columns
            return [(reader.line_num, {name: (values[name] or "").strip() for name in names}) for values in reader]
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); a CSV with {', '.join(names)} is needed") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read as CSV ({error})") from error


def _ticker(path: Path, number: int, text: str) -> str:
    ticker = canonical_ticker(text)
    if not is_ticker(ticker):
        raise SourceError(f"{path}, line {number}: {text[:40]!r} is not a ticker symbol")
    return ticker


def _day(path: Path, number: int, text: str, otherwise: int) -> int:
    if not text:
        return otherwise
    try:
        return day_number(parse_date(text))
    except ValueError:
        raise SourceError(f"{path}, line {number}: a date is needed as YYYY-MM-DD, not {text[:40]!r}") from None
