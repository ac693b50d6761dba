"""JSON and workbooks as rows of values, a header first where they have one."""

from __future__ import annotations

import io
from collections.abc import Iterator

import msgspec

from errors import SourceError
from producers.forms.json_table import Row, table_of
from producers.forms.titles import KEY


def json_rows(content: bytes, *, where: str) -> list[Row]:
    """Rows of the table in a JSON text, or of one record a line; a title line first where its ticker stands beside it.

    SourceError if it holds no table, or more than one.
    """
    try:
        value = msgspec.json.decode(content)
    except msgspec.DecodeError:
        try:
            value = msgspec.json.Decoder().decode_lines(content)
        except msgspec.DecodeError as error:
            raise SourceError(f"{where}: is JSON that cannot be read: {error}") from error
    table = table_of(value, where)
    if table is None:
        raise SourceError(
            f"{where}: is JSON and no table: {' '.join(content[:120].decode(errors='replace').split())}; records are needed, "
            f'as [{{"date": "2024-01-31", "open": 1, "high": 1, "low": 1, "close": 1, "volume": 1}}]'
        )
    titles: list[Row] = [[f"Symbol: {table.symbol}"]] if table.symbol else [[f"{KEY}: {table.key}"]] if table.key else []
    return [*titles, *([table.names] if table.names else []), *table.rows]


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
