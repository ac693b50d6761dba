"""A text as a table: its form is recognised from the first lines, then all rows are read by it."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

import pyarrow as pa
import pyarrow.csv

from errors import SourceError
from producers.forms.dates import looks_like_a_date
from producers.forms.declared import Declared
from producers.forms.encoding import decoded
from producers.forms.footers import TEXT, TOTAL_ABOVE, Remark, another_table, kind_of_line
from producers.forms.headless import headless
from producers.forms.layout import Layout, find_layout
from producers.forms.numbers import Sign, cleaned, number
from producers.forms.sheet import SIGNS, Sheet, find_sheet, split
from producers.forms.signs import may_be_grouped
from producers.forms.titles import PARTS, is_title

_PACKED: Final = re.compile(r"(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])")
_EPOCH: Final = re.compile(r"1\d{9}(?:000)?")
_QUARTER: Final = 900
#: Columns of numbers, and a number that the CSV reader reads as `producers.forms.numbers` does.
_NUMBERS: Final = frozenset({"open", "high", "low", "close", "adjusted_close", "volume"})
_PLAIN: Final = re.compile(r"\d{1,15}(\.\d{1,17})?")
#: The usual texts in place of a missing number. Columns of texts keep them as they are.
_MISSING: Final = ["", "null", "NULL", "NaN", "nan", "NA", "N/A", "n/a", "None", "-", "."]
_CLOCK: Final = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")


@dataclass(frozen=True, slots=True, eq=False)
class TextTable:
    """`columns`: cells by index, texts or numbers. `malformed`: rows with too many or too few cells. `remarks`: other lines."""

    columns: pa.Table
    layout: Layout
    sheet: Sheet
    encoding: str
    malformed: list[str]
    remarks: list[Remark]

    def header_words(self) -> str:
        """The title lines and header rows, for people."""
        rows, titles = len(self.sheet.header), len(self.sheet.titles)
        parts = next((title[0] for title in self.sheet.titles if title[0].endswith(PARTS)), None)
        shown = {0: "no header row, columns by their order", 1: "one header row"}.get(rows, f"{rows} header rows")
        return parts or (f"{titles} title line{'s' * (titles > 1)} and {shown}" if titles else shown)


def read_text(content: bytes, declared: Declared, *, where: str) -> TextTable:
    """The table in these bytes. SourceError says what is not known of the form, and how to declare it."""
    text, encoding = decoded(content, declared=declared.encoding, where=where)
    lines = text.lstrip("\ufeff").split("\n", 400)
    lines, directive = _without_blank_lines(lines)
    sheet = find_sheet(lines[:-1] if len(lines) > 400 else lines, declared=declared.delimiter or directive, where=where)
    layout = layout_of(sheet, declared, where=where)
    body = "\n".join(lines[sheet.first :])
    if sheet.sign == " ":
        body = "\n".join("\t".join(split(line, " ")) for line in body.split("\n"))
    malformed: list[str] = []
    table = _cells(body, "\t" if sheet.sign == " " else sheet.sign, sheet.width, malformed, where, _plain(sheet, layout))
    kinds = [kind_of_line(split(line, sheet.sign), layout.columns["date"]) for line in malformed]
    remarks = [Remark(kind, line) for line, kind in zip(malformed, kinds, strict=True) if kind is not None]
    remarks += totals_above(sheet)
    bars = [line for line, kind in zip(malformed, kinds, strict=True) if kind is None]
    _check_one_table(body, lines[sheet.first - 1] if sheet.header else "", remarks, where)
    return TextTable(table, layout, sheet, encoding, bars, remarks)


def totals_above(sheet: Sheet) -> list[Remark]:
    """The rows above the bars that sum them up, as remarks."""
    return [Remark(TOTAL_ABOVE, ",".join(cells).rstrip(",")) for cells in sheet.totals]


def layout_of(sheet: Sheet, declared: Declared, *, where: str) -> Layout:
    """What the columns of a sheet are, by its header rows or without any. SourceError if they are not known."""
    columns = declared.of_columns
    if sheet.header:
        _check_width(sheet, where)
        return find_layout(sheet.header, columns, where=where, dated=_dated(sheet))
    return headless(sheet.rows[:40], _kinds(sheet.rows), columns, where=where)


def _check_width(sheet: Sheet, where: str) -> None:
    """SourceError if two or more columns at the end have values and no name: cells were cut within their numbers."""
    unnamed = [at for at in range(sheet.width) if not any(row[at].strip() for row in sheet.header)]
    counts = {at: sum(len(row) > at and bool(row[at].strip()) for row in sheet.rows) for at in unnamed}
    filled = [at for at, count in counts.items() if 2 * count > len(sheet.rows)]
    behind = [at for at in filled if at >= sheet.width - len(filled)]
    if len(behind) > 1:
        raise SourceError(
            f"{where}: the rows have {sheet.width} cells and the header {sheet.width - len(unnamed)} names: numbers with a "
            f"{SIGNS[sheet.sign]} in them, as 1,234.5, need quotation marks, or another sign between the columns"
        )


def _check_one_table(body: str, header: str, remarks: Sequence[Remark], where: str) -> None:
    """SourceError if a line among the bars begins another table: it names a ticker, or the header stands below it again."""
    texts = {remark.text for remark in remarks if remark.kind == TEXT}
    lines = [line for line in body.split("\n") if line.strip(" \t,;|")] if texts else []
    while lines and lines[-1] in texts:
        lines.pop()
    for line, below in itertools.pairwise(lines):
        if line in texts and (below.strip() == header.strip() or is_title(line)):
            raise another_table(line.strip(" ,;|"), where)


def _without_blank_lines(lines: Sequence[str]) -> tuple[list[str], str | None]:
    """The lines (the last holds the rest of the text) without blank lines before it, and the sign that `sep=;` declares."""
    head = [line for line in lines[:400] if line.strip(" \t,;|")]
    rest = list(lines[400:])
    if head and (match := re.fullmatch(r"(?i)\"?sep=(.)\"?", head[0].strip())) is not None:
        return [*head[1:], *rest], SIGNS.get(match[1])
    return [*head, *rest], None


def _plain(sheet: Sheet, layout: Layout) -> list[int]:
    """Columns that the CSV reader can read as numbers: plain in all of the first rows, with points that are decimal."""
    close = layout.columns.get("close")
    rows = [row for row in sheet.rows if len(row) == sheet.width]
    if close is None or may_be_grouped([row[close] for row in rows]):
        return []
    used = [at for name, at in layout.columns.items() if name in _NUMBERS]
    # All of them or none: the signs of the prices say how the volumes are to be read.
    return used if all(map(_PLAIN.fullmatch, itertools.chain.from_iterable(map(itemgetter(*used), rows)))) else []


def _cells(body: str, sign: str, width: int, malformed: list[str], where: str, numbers: Sequence[int] = ()) -> pa.Table:
    """All cells by column; `numbers` are read as numbers if all of their cells are, else all columns are texts."""

    def skip(row: pa.csv.InvalidRow) -> str:
        malformed.append(row.text)
        return "skip"

    names = [str(at) for at in range(width)]
    types = {name: pa.float64() if int(name) in numbers else pa.string() for name in names}
    try:
        # All as text: one "n/a" in a million numbers must cost its own bar and not the file, and a ticker may be called NA.
        return pa.csv.read_csv(
            pa.BufferReader(body.encode()),
            read_options=pa.csv.ReadOptions(use_threads=False, column_names=names),
            parse_options=pa.csv.ParseOptions(delimiter=sign, invalid_row_handler=skip),
            convert_options=pa.csv.ConvertOptions(column_types=types, strings_can_be_null=False, null_values=_MISSING),
        )
    except pa.ArrowException as error:
        if numbers:
            malformed.clear()
            return _cells(body, sign, width, malformed, where)
        raise SourceError(f"{where}: cannot be read as CSV: {' '.join(str(error).split()):.200}") from error


def _dated(sheet: Sheet) -> list[int]:
    """The columns in which every cell of the first rows is a date; the first of several that are equal.

    A date is written, or a full quarter of an hour in seconds or milliseconds since 1970.
    """
    columns: dict[tuple[str, ...], int] = {}
    rows = [row for row in sheet.rows[:40] if len(row) == sheet.width]
    for at, cells in enumerate(zip(*rows, strict=True)):
        if all((looks_like_a_date(cell) and not cell.replace(".", "").isdigit()) or _PACKED.fullmatch(cell) for cell in cells):
            columns.setdefault(cells, at)
        elif all(_EPOCH.fullmatch(cell) and int(cell[:10]) % _QUARTER == 0 for cell in cells):
            columns.setdefault(cells, at)  # no volumes are all divisible so
    return list(columns.values())


def _kinds(rows: Sequence[Sequence[str]]) -> str:
    """A letter for each column of a file without a header: date, time, number or text, by most of its cells."""
    wide = Counter(map(len, rows)).most_common(1)[0][0]
    chosen = [row for row in rows if len(row) == wide]
    kinds = "".join(Counter(map(_kind, column)).most_common(1)[0][0] for column in zip(*chosen, strict=True))
    first = kinds.find("d") + 1
    return kinds[:first] + kinds[first:].replace("d", "n")  # a large volume looks like a count of seconds


def _kind(cell: str) -> str:
    if _CLOCK.fullmatch(cell.strip()):
        return "t"
    if looks_like_a_date(cell):
        return "d"
    text = cleaned(cell)
    is_number = number(text, Sign.POINT) == number(text, Sign.POINT) or number(text, Sign.COMMA) == number(text, Sign.COMMA)
    return "n" if is_number else "s"
