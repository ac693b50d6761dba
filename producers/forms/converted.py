"""JSON and workbooks as rows of values, a header first where they have one."""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from errors import SourceError
from producers.forms.json_table import Row, table_of
from producers.forms.titles import KEY, PARTS

_CALL: Final = re.compile(rb"[\w.$]+\((.*)\);?", re.DOTALL)


def json_rows(content: bytes, *, where: str) -> list[Row]:
    """Rows of the table in a JSON text, or of one record a line; a title line first where its ticker stands beside it.

    SourceError if it holds no table, or more than one.
    """
    value = _value(content, where)
    table = table_of(value, where)
    if table is None:
        raise SourceError(
            f"{where}: is JSON and no table: {' '.join(content[:120].decode(errors='replace').split())}; records are needed, "
            f'as [{{"date": "2024-01-31", "open": 1, "high": 1, "low": 1, "close": 1, "volume": 1}}]'
        )
    titles: list[Row] = [[f"Symbol: {table.symbol}"]] if table.symbol else [[f"{KEY}: {table.key}"]] if table.key else []
    if table.currency is not None:
        titles.append([f"Currency: {table.currency}"])
    if table.parts:
        titles.append([f"{len(table.parts)} {PARTS}"])
    return [*titles, *([table.names] if table.names else []), *table.rows]


def _value(content: bytes, where: str) -> Any:
    """The JSON value, or the list of values of one a line; also of UTF-16, within a call (JSONP), and with NaN."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        content = content.decode("utf-16", errors="replace").encode()
    content = content.removeprefix(codecs.BOM_UTF8).strip()
    if (call := _CALL.fullmatch(content)) is not None:
        content = call[1]
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        pass
    try:
        return msgspec.json.Decoder().decode_lines(content)
    except msgspec.DecodeError as error:
        fault = error
    try:
        return json.loads(content)  # knows NaN, which JSON does not
    except ValueError:
        raise SourceError(f"{where}: is JSON that cannot be read: {fault}") from fault


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
