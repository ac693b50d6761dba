"""Long tables, with a row for each value and its field's name, as `pandas.melt` writes them: as rows of bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from errors import SourceError
from producers.forms.dates import looks_like_a_date
from producers.forms.layout import field_and_ticker
from producers.forms.numbers import Sign, cleaned, number
from producers.forms.sheet import HEAD_LINES
from producers.forms.vocabulary import field_of, plain
from records import PRICE_COLUMNS, canonical_ticker, is_ticker

Row = Sequence[Any]
_WORDS: Final = """
    value val values fieldvalue obsvalue Wert Valeur Valor Valore Waarde Värde Værdi Verdi Wartość Значение 值 数值 値 값
    Değer"""
_VALUES: Final = frozenset(map(plain, _WORDS.split()))
#: Columns of the first rows by which a long table is known, and the most names of fields.
_SAMPLE: Final = 40
_MOST_FIELDS: Final = 2_000


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where a long table has its dates, names of fields, values and tickers; `others` stay beside the bars."""

    date: int
    field: int
    values: list[int]
    ticker: int | None
    others: list[int]


def of_values(rows: Sequence[Row], where: str) -> tuple[list[Row], str] | None:
    """The rows as a row for each date and ticker; None if they are no long table. SourceError for a field with two values."""
    head = next((at for at in range(min(HEAD_LINES, len(rows) - 1)) if _is_header(rows[at], rows[at + 1])), None)
    if head is None:
        return None
    names = [_text(cell) for cell in rows[head]]
    body = [row for row in rows[head + 1 :] if len(row) == len(names)]
    behind = [row for row in rows[head + 1 :] if len(row) != len(names)]
    texts = [list(map(_text, column)) for column in zip(*body, strict=True)]
    columns = _columns(names, texts)
    if columns is None:
        return None
    table, fields = _pivoted(names, body, texts, columns, where)
    others = {(_symbol(row, columns), texts[columns.date][at]): [row[i] for i in columns.others] for at, row in enumerate(body)}
    has_tickers = any(symbol for symbol, _ in table)
    header = ["date", *fields, *(names[at] for at in columns.others)]
    bars = [
        [day, *(bar.get(field) for field in fields), *others.get((symbol, day), others.get(("", day), []))]
        for (symbol, day), bar in table.items()
    ]
    if has_tickers:
        header, bars = ["ticker", *header], [[symbol, *bar] for (symbol, _), bar in zip(table, bars, strict=True)]
    shown = ", ".join(repr(names[at]) for at in columns.values[:3])
    said = f"a long table, fields from column {names[columns.field]!r}, values from {shown}"
    return [*rows[:head], header, *bars, *behind], said


def _pivoted(
    names: Sequence[str], body: Sequence[Row], texts: Sequence[Sequence[str]], columns: _Columns, where: str
) -> tuple[dict[tuple[str, str], dict[str, Any]], list[str]]:
    """Ticker and date → field → value, and the fields, in the order of the rows."""
    table: dict[tuple[str, str], dict[str, Any]] = {}
    in_order: dict[str, None] = {}
    for at in columns.values:
        of_column = names[at] if len(columns.values) > 1 else ""
        for row, day, name, value in zip(body, texts[columns.date], texts[columns.field], texts[at], strict=True):
            symbol = _symbol(row, columns) or of_column
            pair = None if symbol or field_of(name) is not None else field_and_ticker(name)
            field, symbol = (name, symbol) if pair is None else pair
            in_order[field] = None
            bar = table.setdefault((symbol, day), {})
            if not cleaned(value):
                continue
            if bar.setdefault(field, row[at]) != row[at]:
                raise SourceError(
                    f"{where}: a long table with two values of {field!r} on {day}, {bar[field]} and {value}"
                    f"{f', of {symbol}' if symbol else ''}: several series; name the column of their tickers 'ticker'"
                )
    return table, list(in_order)


def _symbol(row: Row, columns: _Columns) -> str:
    return "" if columns.ticker is None else _text(row[columns.ticker])


def _columns(names: Sequence[str], texts: Sequence[Sequence[str]]) -> _Columns | None:
    """The columns by their content and names; None if they are not those of a long table."""
    date = _date_column(names, texts)
    fields = [at for at in range(len(names)) if at != date and _are_fields(texts[at])]
    if date is None or len(fields) != 1:
        return None
    free = [at for at in range(len(names)) if at not in (date, fields[0])]
    tickers = [at for at in free if field_of(names[at]) == "ticker"]
    values = _value_columns(names, texts, [at for at in free if at not in tickers])
    if not values or len(tickers) > 1:
        return None
    others = [at for at in free if at not in (*tickers, *values)]
    return _Columns(date, fields[0], values, tickers[0] if tickers else None, others)


def has_values(names: Sequence[str]) -> bool:
    """Whether a column is named as that of a long table's values."""
    return any(plain(name) in _VALUES for name in names)


def _is_header(row: Row, below: Row) -> bool:
    """Whether a row names three columns or more, of which none holds a date or number, and the row below has a date."""
    cells = [_text(cell) for cell in row]
    if not 3 <= len(cells) == len(below) or any(map(looks_like_a_date, cells)):
        return False
    are_numbers = any(any(map(str.isdigit, cell)) and _is_number(cell) for cell in cells)
    return not are_numbers and any(looks_like_a_date(_text(cell)) for cell in below)


def _date_column(names: Sequence[str], columns: Sequence[Sequence[str]]) -> int | None:
    dated = [at for at, column in enumerate(columns) if all(map(looks_like_a_date, column[:_SAMPLE]))]
    named = [at for at in dated if field_of(names[at]) == "date"]
    return named[0] if named else dated[0] if len(dated) == 1 else None


def _are_fields(column: Sequence[str]) -> bool:
    """Whether a column's texts name open, high, low and close."""
    distinct = {*column}
    if len(distinct) > _MOST_FIELDS:
        return False
    pairs = [field_and_ticker(text) for text in distinct if field_of(text) is None]
    return {*map(field_of, distinct), *(pair[0] for pair in pairs if pair is not None)} >= {*PRICE_COLUMNS}


def _value_columns(names: Sequence[str], columns: Sequence[Sequence[str]], free: Sequence[int]) -> list[int]:
    """The column of the values, by its name or as the only numbers; one a ticker where their names are tickers."""
    named = [at for at in free if plain(names[at]) in _VALUES]
    if named:
        return named if len(named) == 1 else []
    numeric = [at for at in free if any(columns[at]) and all(map(_is_number, columns[at]))]
    if len(numeric) <= 1:
        return numeric
    are_tickers = all(field_of(names[at]) is None and is_ticker(canonical_ticker(names[at])) for at in numeric)
    return numeric if are_tickers and len(numeric) == len(free) else []


def _is_number(text: str) -> bool:
    text = cleaned(text)
    return not text or any(number(text, sign) == number(text, sign) for sign in Sign)


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()
