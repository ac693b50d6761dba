"""JSON and workbooks as rows of values, a header first where they have one."""

from __future__ import annotations

import io
import itertools
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from errors import SourceError
from producers.forms.vocabulary import field_of, plain
from records import canonical_ticker, is_ticker

Row = Sequence[Any]
#: So many known names make columns of keys.
_FEWEST_FIELDS: Final = 4
_DEEPEST: Final = 4


def json_rows(content: bytes, *, where: str) -> list[Row]:
    """Rows of a JSON text: records, columns, lists, pandas' forms, one record a line, or these within an answer of a service.

    SourceError if it holds no such rows.
    """
    try:
        value = msgspec.json.decode(content)
    except msgspec.DecodeError:
        try:
            value = msgspec.json.Decoder().decode_lines(content)
        except msgspec.DecodeError as error:
            raise SourceError(f"{where}: is JSON that cannot be read: {error}") from error
    rows = _rows(value)
    if rows is None:
        raise SourceError(
            f"{where}: is JSON and no table: {' '.join(content[:120].decode(errors='replace').split())}; records are needed, "
            f'as [{{"date": "2024-01-31", "open": 1, "high": 1, "low": 1, "close": 1, "volume": 1}}]'
        )
    return rows


def sheet_rows(content: bytes, *, where: str) -> Iterator[tuple[str, list[Row]]]:
    """Name and rows of each sheet of an Excel or OpenDocument workbook that holds any. SourceError if it cannot be read."""
    import python_calamine  # noqa: PLC0415 - few files are workbooks

    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        found = [(name, book.get_sheet_by_name(name).to_python()) for name in book.sheet_names]
    except python_calamine.CalamineError as error:
        raise SourceError(f"{where}: a workbook that cannot be read ({error}); save its sheet as CSV") from error
    for name, rows in found:
        if len(rows) > 1:
            yield name, list(rows)


def _rows(value: Any, depth: int = 0) -> list[Row] | None:
    """Header and rows of a value; None for any other value."""
    if isinstance(value, list):
        return _of_list(value)
    if not isinstance(value, dict) or depth > _DEEPEST:
        return None
    found = _of_pandas(value) or _of_columns(value) or _of_records(value)
    if found is not None:
        return found
    inside = [(key, rows) for key, each in value.items() if (rows := _rows(each, depth + 1)) is not None]
    if len(inside) > 1 and all(is_ticker(canonical_ticker(key)) for key, _ in inside):
        return [["ticker", *inside[0][1][0]], *([key, *row] for key, rows in inside for row in rows[1:])]
    if len(inside) != 1:
        return None
    symbol = _symbol(value)
    return inside[0][1] if symbol is None else [[f"Symbol: {symbol}"], *inside[0][1]]


def _symbol(value: Mapping[str, Any]) -> str | None:
    """The symbol beside the rows of an answer."""
    texts = {**value, **next((each for each in value.values() if isinstance(each, dict)), {})}
    return next((v for k, v in texts.items() if isinstance(v, str) and plain(k) in ("symbol", "ticker")), None)


def _of_list(values: list[Any]) -> list[Row] | None:
    if values and set(map(type, values)) == {dict}:
        if len(values) == 1 and _fields(values[0]) < _FEWEST_FIELDS:
            return _rows(values[0], _DEEPEST)
        names = list(dict.fromkeys(itertools.chain.from_iterable(values)))
        return [names, *_values(values, names)] if _fields(names) >= _FEWEST_FIELDS else None
    if values and all(isinstance(each, list) and len(each) >= _FEWEST_FIELDS for each in values):
        return values
    return None


def _values(records: list[dict[str, Any]], names: list[str]) -> Iterable[Row]:
    """The records' values in the order of these names, None for what a record lacks."""
    if set(map(len, records)) == {len(names)} and len(names) > 1:
        return map(operator.itemgetter(*names), records)
    return ([each.get(name) for name in names] for each in records)


def _of_pandas(value: Mapping[str, Any]) -> list[Row] | None:
    """`to_json(orient="split")`."""
    names, data = value.get("columns"), value.get("data")
    if not isinstance(names, list) or not isinstance(data, list):
        return None
    index = value.get("index")
    if not isinstance(index, list) or len(index) != len(data) or index == list(range(len(data))):
        return [names, *data]
    return [["", *names], *([key, *row] for key, row in zip(index, data, strict=True))]


def _of_columns(value: Mapping[str, Any]) -> list[Row] | None:
    """Columns under their names, as lists or by row."""
    lists = {name: each for name, each in value.items() if isinstance(each, list)}
    if _fields(lists) >= _FEWEST_FIELDS and len({len(each) for each in lists.values()}) == 1:
        return [list(lists), *zip(*lists.values(), strict=True)]
    if _fields(value) < _FEWEST_FIELDS or not all(isinstance(each, dict) for each in value.values()):
        return None
    keys = list(next(iter(value.values())))
    rows = [[key, *(each.get(key) for each in value.values())] for key in keys]
    names = ["", *value]
    return [names, *rows] if keys != [str(at) for at in range(len(keys))] else [names[1:], *(row[1:] for row in rows)]


def _of_records(value: Mapping[str, Any]) -> list[Row] | None:
    """Records by their dates."""
    if not value or not all(isinstance(each, dict) and _fields(each) >= _FEWEST_FIELDS for each in value.values()):
        return None
    names = list(dict.fromkeys(name for each in value.values() for name in each))
    return [["", *names], *([key, *(each.get(name) for name in names)] for key, each in value.items())]


def _fields(names: Iterable[str]) -> int:
    return len({field for name in names if (field := field_of(str(name))) is not None})
