"""A file as columns of bars: its form is recognised (`producers.forms`), days are numbers, prices floats, NaN if missing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
from numpy.typing import NDArray

from errors import SourceError
from producers.forms.clock import Clock
from producers.forms.columns import PRICES, cast, encoded, is_text, numbers
from producers.forms.containers import ARROW, ARROW_STREAM, PARQUET, Member
from producers.forms.declared import Declared, Form
from producers.forms.footers import Remark, footers
from producers.forms.layout import Layout, find_layout
from producers.forms.moments import days_of_dates
from producers.forms.names import codes_with_zeros, symbol_text
from producers.forms.quoted import currency_above
from producers.forms.reshaped import reshaped
from producers.forms.series import naming_column, repeats
from producers.forms.sheet import SIGNS
from producers.forms.text_table import TextTable, read_text
from producers.forms.titles import ticker_of_key, ticker_of_titles
from producers.forms.value_table import read_values
from producers.forms.vocabulary import DOUBTFUL_TICKER, plain, volume_unit
from records import Days, Floats, canonical_ticker, is_ticker

_TICKS: Final = ("tickvol", "tickvolume", "tickqty", "ticks")
_VALUES: Final = (*PRICES, "volume", "dividend", "split")


@dataclass(frozen=True, slots=True, eq=False)
class BarTable:
    """Bars of one or many tickers, as they stand in a file, columns of one length n.

    `ticker` holds row → index into `names`; None when the file has no such column. `values` has float64 columns under
    our names. `malformed` are the lines of a CSV that have too many or too few fields. `written` is when the file was last
    written, UTC. `clock` has the times of day, None if no date has one. `titled` is the ticker that a title line gives,
    `keyed` what a JSON answer's key may be, if the file's name is no ticker. `currency` has the distinct texts that name a
    currency, and each row's; `currency_from` says where they stand.
    """

    day: Days
    day_source: pa.ChunkedArray
    names: list[str]
    ticker: NDArray[np.int32] | None
    values: dict[str, Floats]
    written: dt.datetime
    form: Form
    clock: Clock | None = None
    malformed: list[str] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    titled: str | None = None
    keyed: str | None = None
    currency: tuple[list[str | None], NDArray[np.int32]] | None = None
    currency_from: str = "the column"

    def __len__(self) -> int:
        return len(self.day)

    def day_text(self, row: int) -> str:
        """What stood in the date column."""
        return str(self.day_source[row].as_py())

    def currencies(self, rows: NDArray[np.intp]) -> list[str]:
        """What stands in the currency column of these rows, by name; empty without the column."""
        if self.currency is None:
            return []
        names, code = self.currency
        return sorted({(names[at] or "").strip() for at in np.unique(code[rows]).tolist()} - {""})

    def ticker_text(self, row: int) -> str:
        """What stood in the ticker column."""
        return "" if self.ticker is None else self.names[self.ticker[row]]


def read_table(member: Member, declared: Declared) -> BarTable:
    """The bars in a file. SourceError when its form is not known, it is empty, or lacks a column."""
    try:
        return _read(member, declared)
    except SourceError:
        other = reshaped(member.content if member.rows is None else member.rows, declared, where=member.where)
        if other is None:
            raise
        kind = "Parquet" if member.content.startswith(PARQUET) else member.kind
        return _of_text(other.table, replace(member, kind=kind), declared, said=other.said)


def _read(member: Member, declared: Declared) -> BarTable:
    if member.content.startswith(PARQUET):
        return _of_parquet(member, declared)
    if member.content.startswith((ARROW, ARROW_STREAM)):
        return _of_arrow(member, declared)
    if member.rows is None and not member.content.strip():
        raise SourceError(f"{member.where}: has no bars; a header and at least one row are needed")
    if member.rows is None:
        text = read_text(member.content, declared, where=member.where)
    else:
        text = read_values(member.rows, declared, where=member.where)
    if not len(text.columns):
        raise SourceError(f"{member.where}: has no bars; a header and at least one row are needed")
    return _of_text(text, member, declared)


def _of_text(text: TextTable, member: Member, declared: Declared, *, said: str | None = None) -> BarTable:
    form = Form(
        container=member.kind if text.sheet.sign != " " or member.kind != "CSV" else "text",
        encoding=text.encoding,
        delimiter=SIGNS[text.sheet.sign] if member.kind == "CSV" else None,
        header=text.header_words() if said is None else said,
        columns={ours: text.layout.names[at] for ours, at in text.layout.columns.items()},
        ignored=text.layout.ignored,
    )
    table = _table(text.columns, text.layout, form, member, declared)
    table = _with_currency(table, text.layout, text.sheet.header, text.sheet.titles, member.where)
    titled = None if table.ticker is not None else ticker_of_titles(text.sheet.titles)
    form = table.form if titled is None else replace(table.form, ticker="from a title line")
    remarks = [*text.remarks, *table.remarks]
    keyed = ticker_of_key(text.sheet.titles)
    return replace(table, form=form, malformed=text.malformed, remarks=remarks, titled=titled, keyed=keyed)


def _of_parquet(member: Member, declared: Declared) -> BarTable:
    try:
        with pa.parquet.ParquetFile(pa.BufferReader(member.content)) as file:
            names = tuple(file.schema_arrow.names)
            layout = find_layout((names,), declared.of_columns, where=member.where, dated=_dated(file.schema_arrow))
            used = sorted({*layout.columns.values(), *(at for each in layout.wide.values() for at in each.values())})
            if "ticker" not in layout.columns and not layout.wide:
                used = list(range(len(names)))
            chosen = file.read(columns=[names[at] for at in used])
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{member.where}: cannot be read as Parquet: {' '.join(str(error).split()):.200}") from error
    return _of_columns(chosen, names, layout, used, "Parquet", member, declared)


def _of_arrow(member: Member, declared: Declared) -> BarTable:
    """A file of Arrow, which pandas calls Feather, or a stream of Arrow."""
    opened = pa.ipc.open_file if member.content.startswith(ARROW) else pa.ipc.open_stream
    try:
        with opened(pa.BufferReader(member.content)) as file:
            chosen = file.read_all()
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{member.where}: cannot be read as Arrow: {' '.join(str(error).split()):.200}") from error
    names = tuple(chosen.column_names)
    layout = find_layout((names,), declared.of_columns, where=member.where, dated=_dated(chosen.schema))
    return _of_columns(chosen, names, layout, list(range(len(names))), "Arrow", member, declared)


def _dated(schema: pa.Schema) -> list[int]:
    """The columns of dates or times."""
    return [at for at, kind in enumerate(schema.types) if pa.types.is_timestamp(kind) or pa.types.is_date(kind)]


def _of_columns(
    chosen: pa.Table,
    names: tuple[str, ...],
    layout: Layout,
    used: list[int],
    container: str,
    member: Member,
    declared: Declared,
) -> BarTable:
    if len(chosen) == 0:
        raise SourceError(f"{member.where}: has no bars; a header and at least one row are needed")
    form = Form(container, columns={ours: names[at] for ours, at in layout.columns.items()}, ignored=layout.ignored)
    columns = pa.table({str(at): chosen[names[at]] for at in used})
    return _with_currency(_table(columns, layout, form, member, declared), layout, (names,), (), member.where)


def _table(cells: pa.Table, layout: Layout, form: Form, member: Member, declared: Declared) -> BarTable:
    dates = cells[str(layout.columns["date"])]
    times = cells[str(layout.columns["time"])] if "time" in layout.columns else None
    place = f"{member.where}: column {layout.names[layout.columns['date']]!r}"
    day, clock, dates_form = days_of_dates(dates, times, declared, place)
    form = replace(form, dates=dates_form)
    no_bars = footers(cells, layout, day, member.where)
    if no_bars:
        is_bar = np.ones(len(day), np.bool_)
        is_bar[list(no_bars)] = False
        cells, dates, day = cells.filter(pa.array(is_bar)), dates.filter(pa.array(is_bar)), day[is_bar]
        clock = None if clock is None else clock.part(np.flatnonzero(is_bar))
    remarks = list(no_bars.values())
    if layout.wide:
        return replace(_side_by_side(cells, layout, form, member, declared, day, clock, dates), remarks=remarks)
    parts = {ours: cells[str(at)] for ours, at in layout.columns.items() if ours in _VALUES}
    values, decimal = numbers(parts, declared, member.where)
    if "volume" in values:
        values["volume"] = values["volume"] * volume_unit(form.columns["volume"])
        if not np.nan_to_num(values["volume"]).any():
            form = _with_ticks(cells, layout, form, values)
    form = replace(form, decimal=decimal)
    names, ticker, said = _tickers(cells, layout, day, values["close"], clock)
    if said is not None:
        form = replace(form, ticker=said, ignored=tuple(name for name in form.ignored if repr(name) not in said))
    currency = encoded(cells[str(layout.columns["currency"])]) if "currency" in layout.columns else None
    return BarTable(day, dates, names, ticker, values, member.written, form, clock, remarks=remarks, currency=currency)


def _with_currency(
    table: BarTable, layout: Layout, header: Sequence[Sequence[str]], titles: Sequence[Sequence[str]], where: str
) -> BarTable:
    """With the currency that stands above the bars. SourceError where it contradicts another, or a column of currencies."""
    of_column = () if table.currency is None else table.currencies(np.arange(len(table)))
    above = currency_above(header, titles, layout, of_column, where)
    if above is None or table.currency is not None:
        return table
    texts, place = above
    code = np.zeros(len(table), np.int32) if table.ticker is None or not layout.wide else table.ticker
    return replace(table, currency=(texts, code), currency_from=place)


def _with_ticks(cells: pa.Table, layout: Layout, form: Form, values: dict[str, Floats]) -> Form:
    """The count of ticks in place of a volume that is always 0, as MetaTrader writes the two side by side."""
    for name in form.ignored:
        ticks = cast(cells[str(layout.names.index(name))]) if plain(name) in _TICKS else None
        if ticks is not None:
            values["volume"] = ticks
            unused = tuple(other for other in form.ignored if other != name)
            return replace(form, columns={**form.columns, "volume": name}, ignored=(*unused, form.columns["volume"]))
    return form


def _side_by_side(
    cells: pa.Table,
    layout: Layout,
    form: Form,
    member: Member,
    declared: Declared,
    day: Days,
    clock: Clock | None,
    dates: pa.ChunkedArray,
) -> BarTable:
    """Several tickers' columns as one below the other; days on which only others traded are not a ticker's own."""
    fields = [name for name in _VALUES if any(name in columns for columns in layout.wide.values())]
    found: list[dict[str, Floats]] = []
    decimal: str | None = None
    for columns in layout.wide.values():
        parts = {ours: cells[str(at)] for ours, at in columns.items()}
        values, decimal = numbers(parts, declared, member.where)
        found.append({name: values.get(name, np.full(len(day), np.nan)) for name in fields})
    traded = [np.flatnonzero(np.isfinite(np.stack([v[n] for n in PRICES[:4]])).any(axis=0)) for v in found]
    rows = np.concatenate(traded) if traded else np.empty(0, np.intp)
    together = {name: np.concatenate([v[name][at] for v, at in zip(found, traded, strict=True)]) for name in fields}
    if "volume" in together and not any("volume" in columns for columns in layout.wide.values()):
        del together["volume"]
    code = np.repeat(np.arange(len(found), dtype=np.int32), [len(at) for at in traded])
    form = replace(form, columns={}, decimal=decimal, ticker=f"from the header, {len(found)} side by side")
    return BarTable(
        day[rows], dates.take(pa.array(rows)), list(layout.wide), code, together, member.written, form,
        None if clock is None else clock.part(rows),
    )  # fmt: skip


def _tickers(
    cells: pa.Table, layout: Layout, day: Days, close: Floats, clock: Clock | None
) -> tuple[list[str], NDArray[np.int32] | None, str | None]:
    """Distinct names, each row's, and where they come from: the ticker column, or one that tells several series apart."""
    at = layout.columns.get("ticker")
    if at is not None:
        names, index = encoded(cells[str(at)])
        texts = [name or "" for name in names]
        if plain(layout.names[at]) not in DOUBTFUL_TICKER or _are_tickers(
            texts, len(day), of_codes="name" not in plain(layout.names[at])
        ):
            said = f"from column {layout.names[at]!r}"
            codes = codes_with_zeros(layout.names[at], texts)
            if codes is not None:
                return codes, index, f"{said}, with the zeros that codes had lost"
            return texts, index, said
    used = set(layout.columns.values())
    if clock is None and len(day) > 1:
        free = {
            layout.names[i]: cells[str(i)] for i in range(len(layout.names))
            if (i not in used or i == at) and str(i) in cells.column_names and is_text(cells[str(i)])
        }  # fmt: skip
        name = naming_column({n: [t or "" for t in c.to_pylist()] for n, c in free.items()}, day, close) if free else None
        if name is not None:
            names, index = encoded(free[name])
            why = "dates repeat" if repeats(day) else "the level jumps where it changes"
            return [text or "" for text in names], index, f"from column {name!r}, since {why}"
    return [], None, None


def _are_tickers(texts: list[str], rows: int, *, of_codes: bool) -> bool:
    """Whether the values of a column that may be anything are tickers: not the rows' numbers, not names of companies."""
    texts = [symbol_text(text) for text in texts]
    if all(text.isdigit() for text in texts) and (len(texts) > max(1, rows // 2) or not of_codes):
        return False
    return 2 * sum(is_ticker(canonical_ticker(text)) for text in texts) > len(texts)
