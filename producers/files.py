"""The source `file`: a file or a folder of files in any recognised form, of many tickers or of one that names the file."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from errors import SourceError, SourceRequestError
from producers.currencies import currency_of_column, likely_symbol
from producers.findings import Findings
from producers.forms.containers import Member, PassedOver, files_of, members, naming_folder
from producers.forms.counts import NOT_A_DAY
from producers.forms.declared import Declared
from producers.forms.footers import TOTAL_ABOVE
from producers.forms.names import is_deliberate, names_nothing, symbol_text, ticker_of_name
from producers.joined import joined
from producers.one_ticker import daily_bars
from producers.opening import BarRequest, OpenedSource
from producers.raw import RawBars
from producers.tables import BarTable, read_table
from records import RejectedBar, canonical_ticker, is_isin, is_ticker
from text import grouped_reasons, shortened

Rows = NDArray[np.intp]
Item = RawBars | RejectedBar
#: Columns of yfinance's `Ticker.history()`: its prices are adjusted for the dividends that stand beside them.
_HISTORY: Final = frozenset({"Open", "High", "Low", "Close", "Volume", "Dividends", "Stock Splits"})


def open_path(request: BarRequest) -> OpenedSource:
    """What the file or folder at `path` has. Raises SourceError as `read_file` and `read_folder`, and without a path."""
    path = request.path
    if path is None:
        raise SourceRequestError("the source file needs a path to a file of bars, or to a folder of them: --path BARS")
    if not path.exists():
        raise SourceError(f"{path}: there is no such file or folder")
    if path.is_dir():
        return OpenedSource(None, read_folder(path, request.tickers, request.declared, request.findings))
    return OpenedSource(*read_file(path, request.tickers, request.declared, request.findings))


def read_file(
    path: Path, tickers: frozenset[str] | None, declared: Declared, findings: Findings
) -> tuple[int | None, Iterator[Item]]:
    """What a file has of each of `tickers` (None: of all), by name, and before it the number of rows that this is.

    Raises SourceError for a file that is not one of bars, or that lacks one of `tickers`.
    """
    found = list(_members(path, findings))
    if len(found) != 1:
        items = list(_of_members(found, declared, findings))
        _check_wanted(str(path), tickers, {item.ticker for item in items})
        return None, iter(_chosen(joined(items), tickers))
    table, rows_of = _opened(found[0], declared, findings)
    _check_wanted(str(path), tickers, {name for name in rows_of if name is not None})
    chosen = {name: rows for name, rows in rows_of.items() if name is None or tickers is None or name in tickers}
    return sum(map(len, chosen.values())), _by_ticker(found[0].where, table, chosen, declared, findings)


def read_folder(folder: Path, tickers: frozenset[str] | None, declared: Declared, findings: Findings) -> Iterator[Item]:
    """What the files of a folder and its sub-folders have.

    Files that are named after a ticker of their own come first, by name, one at a time; then what lies in archives, in files of
    many tickers and in several files of one ticker, by ticker. A file that cannot be used is reported as one rejected bar
    without a date. Raises SourceError at once where the folder holds no file of bars, or none of one of `tickers`.
    """
    paths: list[Path] = []
    for entry in files_of(folder):
        if isinstance(entry, PassedOver):
            findings.passed_over.append(entry)
        else:
            paths.append(entry)
    if not paths:
        groups = grouped_reasons((Path(one.where).name, one.reason) for one in findings.passed_over)
        named = "; ".join(group.line() for group in groups[:3])
        why = f"passed over: {named}" if named else "it is empty"
        raise SourceError(f"{folder}: has no file of bars, in it or below it; {why}")
    claims: dict[str, list[Path]] = {}
    for path in paths:
        claims.setdefault(_named(path.name, naming_folder(path, folder), declared) or "", []).append(path)
    alone = {name: claimed[0] for name, claimed in sorted(claims.items()) if name and len(claimed) == 1}
    missing = (tickers or frozenset()) - alone.keys()
    if tickers is not None and not missing:
        return _streamed(folder, {name: alone[name] for name in sorted(tickers)}, [], None, declared, findings)
    read_alone = {str(path) for path in alone.values()}
    others = [path for path in paths if str(path) not in read_alone]
    if tickers is None:
        return _streamed(folder, alone, others, None, declared, findings)
    items = list(_streamed(folder, alone, others, tickers, declared, findings))
    _check_wanted(str(folder), tickers, {item.ticker for item in items} | claims.keys() - {""})
    return iter(items)


def _streamed(
    folder: Path,
    alone: dict[str, Path],
    others: list[Path],
    tickers: frozenset[str] | None,
    declared: Declared,
    findings: Findings,
) -> Iterator[Item]:
    kept: list[Item] = []
    for name, path in alone.items():
        for item in _of_path(path, folder, declared, findings):
            if item.ticker == name and (tickers is None or name in tickers):
                yield item
            else:
                kept.append(item)
    for path in others:
        kept += _of_path(path, folder, declared, findings)
    yield from _chosen(joined(kept, taken=frozenset(alone)), tickers)


def _chosen(items: Iterable[Item], tickers: frozenset[str] | None) -> Iterator[Item]:
    return (item for item in items if tickers is None or item.ticker in tickers)


def _of_path(path: Path, root: Path, declared: Declared, findings: Findings) -> Iterator[Item]:
    try:
        found = list(_members(path, findings, root))
    except SourceError as error:
        if "is JSON and no table" in str(error):
            findings.passed_over.append(PassedOver(str(path), str(error).removeprefix(f"{path}: ")))
        else:
            yield RejectedBar(_label(path.name, naming_folder(path, root)), "", str(error))
        return
    yield from _of_members(found, declared, findings)


def _of_members(found: list[Member], declared: Declared, findings: Findings) -> Iterator[Item]:
    for member in found:
        name = ticker_of_name(member.name)
        try:
            table, rows_of = _opened(member, declared, findings)
        except SourceError as error:
            is_sheet = member.kind == "workbook" and len(found) > 1  # of notes, beside others
            is_text = is_sheet or member.name.lower().endswith((".txt", ".dat", ".data", ".asc"))
            if is_text and any(words in str(error) for words in ("no row with a date", "has no bars")):
                findings.passed_over.append(PassedOver(member.where, str(error).removeprefix(f"{member.where}: ")))
            else:
                yield RejectedBar(_label(member.name, member.folder), "", str(error))
            continue
        for item in _by_ticker(member.where, table, rows_of, declared, findings):
            foreign = name is not None and item.ticker not in (name, "") and table.ticker is not None and len(rows_of) == 1
            if foreign and is_deliberate(member.name) and isinstance(item, RawBars):
                reason = f"{member.where}: {len(item.day)} bars of another ticker ({item.ticker}) than the file's name says"
                yield RejectedBar(item.ticker, "", reason)
            else:
                yield item


def _members(path: Path, findings: Findings, root: Path | None = None) -> Iterator[Member]:
    for member in members(path, root):
        if isinstance(member, PassedOver):
            findings.passed_over.append(member)
        else:
            yield member


def _opened(member: Member, declared: Declared, findings: Findings) -> tuple[BarTable, dict[str | None, Rows]]:
    """The table and the rows of each ticker, None for a name that cannot be one."""
    table = read_table(member, declared)
    names = _names(table, member, declared)
    findings.add_form(member.where, table.form)
    for kind in dict.fromkeys(remark.kind for remark in table.remarks):
        texts = [remark.text.strip(" \t,;|") for remark in table.remarks if remark.kind == kind]
        example = f", as {texts[0][:60]!r}" if texts[0] else ""
        place = "" if kind == TOTAL_ABOVE else " among the bars or behind them"
        findings.passed_over.append(PassedOver(member.where, f"{kind}{place}: {len(texts):,}{example}"))
    return table, _rows_by_name(table, names)


def _named(name: str, folder: str, declared: Declared) -> str | None:
    """The ticker of a file's name, or of its folder's if the file's name holds none."""
    choice = declared.columns.get("ticker")
    of_file = None if choice == "folder" else ticker_of_name(name)
    if of_file is not None or choice == "file" or not (choice == "folder" or names_nothing(name)):
        return of_file
    return ticker_of_name(folder)


def _label(name: str, folder: str) -> str:
    """What stands for the ticker of a file that cannot be read."""
    return ticker_of_name(name) or ticker_of_name(folder) or ""


def _names(table: BarTable, member: Member, declared: Declared) -> list[str | None]:
    """The canonical ticker of each of the table's names, None for what cannot be one; the file's own where it has no column."""
    if table.ticker is not None:
        return [name if is_ticker(name) else None for name in (canonical_ticker(symbol_text(text)) for text in table.names)]
    name = table.titled or _named(member.name, member.folder, declared) or table.keyed
    if name is None:
        raise SourceError(
            f"{member.where}: has no column ticker, symbol or name, and its own name is not a ticker; rename it, as AAPL.csv, "
            f"or name the column: --read-as ticker=NAME"
        )
    return [name]


def _by_ticker(
    where: str, table: BarTable, rows_of: dict[str | None, Rows], declared: Declared, findings: Findings
) -> Iterator[Item]:
    for line in table.malformed:
        yield RejectedBar("", line[:40], "a line with another number of fields than the header has")
    for row in rows_of.get(None, np.empty(0, np.intp)).tolist():
        yield RejectedBar(table.ticker_text(row)[:40], table.day_text(row)[:40], "not a ticker")
    of_history = set(table.form.columns.values()) | set(table.form.ignored) >= _HISTORY
    for name in sorted(name for name in rows_of if name is not None):
        rows = rows_of[name]
        day = table.day[rows]
        undated = {int(row): table.day_text(int(rows[row])) for row in np.flatnonzero(day == NOT_A_DAY)}
        raw = RawBars(name, day, {key: column[rows] for key, column in table.values.items()}, undated, table.written, where)
        clock = None if table.clock is None else table.clock.part(rows)
        if is_isin(name):
            findings.add_note(name, f"an ISIN says neither its exchange nor its currency; {likely_symbol(name)} says both")
        try:
            texts = table.currencies(rows)
            raw = replace(raw, currency=currency_of_column(name, texts, where, findings, said=table.currency_from))
            bars, held_out = daily_bars(raw, clock, declared, findings, where=where, of_history=of_history)
        except SourceError as error:
            yield RejectedBar(name, "", str(error))
            continue
        yield from held_out
        yield bars


def _rows_by_name(table: BarTable, names: list[str | None]) -> dict[str | None, Rows]:
    """The rows of each ticker, in their order; a slice where they stand together."""
    if table.ticker is None:
        return {names[0]: np.arange(len(table))}
    distinct = list(dict.fromkeys(names))  # "aapl" and "AAPL" are one
    code = np.array([distinct.index(name) for name in names])[table.ticker]
    order = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[order], np.arange(len(distinct)))
    return dict(zip(distinct, np.split(order, starts[1:]), strict=True))


def _check_wanted(where: str, tickers: frozenset[str] | None, there: Iterable[str]) -> None:
    known = set(there) - {""}
    missing = sorted((tickers or frozenset()) - known)
    if missing:
        near = [likely for name in missing[:3] for likely in difflib.get_close_matches(name, known, n=1, cutoff=0.75)]
        hint = f"; did you mean {_listing(near)}?" if near else ""
        raise SourceError(
            f"{where}: has no bars of {_listing(missing)}; it has {_listing(known) or 'none of any ticker'}{hint}"
        )


def _listing(names: Iterable[str]) -> str:
    return shortened(sorted(set(names)), 10)
