"""Where a text's columns and rows are: the sign between columns, title lines, header rows, the first row of bars.

The first row of bars is found by its content, a date and at least three numbers; what stands above it is titles and header
rows. A wrong sign between columns gives no such row.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from errors import SourceError
from producers.forms.date_texts import may_be_digits
from producers.forms.dates import SMALL_NUMBER, looks_like_a_date
from producers.forms.footers import is_label
from producers.forms.numbers import Sign, cleaned, number
from producers.forms.vocabulary import field_of, plain

#: Sign → its name. `blank` stands for one or more blanks or tabs.
SIGNS: Final = {"\t": "tab", ";": "semicolon", "|": "pipe", ",": "comma", " ": "blank"}
#: Lines in which the first row of bars must lie.
HEAD_LINES: Final = 60
#: Rows of bars from which the kinds of the columns are taken; all values are read by them, or refused.
_SAMPLE: Final = 40
_MOST_HEADER_ROWS: Final = 4
_FEWEST_FIELDS: Final = 3
#: A bar's date is among so many first cells.
_DATED_CELLS: Final = 8
#: Of a table's rows, in a summary of it.
_COUNTS: Final = frozenset({"count", "counts", "anzahl", "obs", "nobs", "nombre", "numero"})
_DAYS: Final = re.compile(r"\d{4,6}(\.\d+)?")
#: Counts of days since 1899 to 1970, and since the year 0 or 1, in the years of bars.
_COUNTS_OF_DAYS: Final = ((3_650, 80_000), (690_000, 800_000))
_PLAIN: Final = re.compile(r"[0-9]+(\.[0-9]+)?")
_BLANKS: Final = re.compile(r"[ \t\u00a0]+")


@dataclass(frozen=True, slots=True)
class Sheet:
    """`titles`: texts above. `header`: rows of `width` cells, none without a header. `first`: line of the first bar.

    `totals`: rows above the bars that sum them up, as `Latest,…`.
    """

    sign: str
    titles: tuple[tuple[str, ...], ...]
    header: tuple[tuple[str, ...], ...]
    first: int
    width: int
    rows: tuple[tuple[str, ...], ...]
    totals: tuple[tuple[str, ...], ...] = ()


def find_sheet(lines: Sequence[str], *, declared: str | None, where: str) -> Sheet:
    """The layout of the lines. SourceError if there is no row with a date and prices under any sign, with what was found."""
    head = list(lines[:HEAD_LINES])
    signs = [sign for sign, name in SIGNS.items() if declared in (None, name)]
    found: list[Sheet] = []
    for sign in signs:  # blanks last, as texts of other forms have them within their cells
        if (sign != " " or not any(_known(sheet) > _FEWEST_FIELDS for sheet in found)) and (sheet := _under(head, sign)):
            found.append(sheet)
    if not found:
        raise SourceError(f"{where}: {_why_none(head)}")
    return max(found, key=lambda sheet: (_known(sheet), sheet.sign != " ", sheet.width))


def split(line: str, sign: str) -> list[str]:
    """The cells of a line."""
    if sign == " ":
        return _BLANKS.split(line.strip())
    return next(csv.reader([line], delimiter=sign), [])


def _under(head: Sequence[str], sign: str) -> Sheet | None:
    if not any(sign in line for line in head) and sign != " ":
        return None
    rows = [split(line, sign) for line in head]
    found = (next((at for at, cells in enumerate(rows) if _is_bar(cells)), None), _below_a_header(rows))
    first = min((at for at in found if at is not None), default=None)
    if first is None:
        return None
    below = rows[first : first + _SAMPLE]
    bars = [tuple(cells) for cells in below if _is_bar(cells)] or [tuple(cells) for cells in below]
    width = Counter(map(len, bars)).most_common(1)[0][0]
    lines = [at for at, cells in enumerate(rows[:first]) if any(cell.strip() for cell in cells)]
    above = [rows[at] for at in lines]
    main = max(range(len(above)), key=lambda at: (_fields(above[at]), at), default=None)
    if main is None or _fields(above[main]) < _FEWEST_FIELDS:
        # No known names: the line above the bars is the header if it is as wide as they are.
        main = len(above) - 1 if above and _is_header(above[-1], width) else None
    if main is None:
        return Sheet(sign, tuple(map(tuple, above)), (), first, width, tuple(bars))
    summed: tuple[tuple[str, ...], ...] = ()
    if len(above) > 1:
        undated = next((at for at in range(main + 1, len(above)) if _is_without_a_date(above[at])), None)
        if undated is not None:  # the first bar lacks its date
            first, above = lines[undated], above[:undated]
        totals = [at for at, cells in enumerate(above) if at != main and _is_total(cells)]
        summed = tuple(tuple(above[at]) for at in totals)
        above = [cells for at, cells in enumerate(above) if at not in totals]
        main -= sum(at < main for at in totals)
    if any(_is_undated_bar(cells, above[main]) for cells in above[main + 1 :]):
        return None  # bars above the first date that is known: they must not be lost
    begin = main - 1 if main and (_is_header(above[main - 1], width) or _is_merged(above[main - 1], above[main])) else main
    header = above[begin:][:_MOST_HEADER_ROWS]
    titles = tuple(map(tuple, above[:begin]))
    first_width = len(above[main])
    if first_width == width - 1 and any(len(cells) == width and cells[-1].strip() for cells in bars) and above[main][-1] != "":
        header = [["", *cells] for cells in header]  # row names without a name, as R writes them
    return Sheet(sign, titles, tuple(_padded(cells, width) for cells in header), first, width, tuple(bars), summed)


def _is_total(cells: Sequence[str]) -> bool:
    """Whether a row above the bars is a word and numbers, as `Latest,…`. Tickers stand above four prices each."""
    label, *others = [cell.strip() for cell in cells if cell.strip()]
    digits = [cell for cell in others if any(map(str.isdigit, cell))]
    if not digits or not all(map(_is_number, others)) or not is_label(label) or field_of(label) in ("date", "ticker"):
        return False
    return _has_a_fraction(digits) or 2 * len({*digits}) > len(digits) or plain(label) in _COUNTS


def _is_without_a_date(cells: Sequence[str]) -> bool:
    """Whether a row has prices behind an empty first cell: it is a bar, and no names."""
    filled = [cell for cell in cells if cleaned(cell)]
    is_wide = len(filled) > _FEWEST_FIELDS and not cleaned(cells[0])
    return is_wide and all(map(_is_number, filled)) and _has_a_fraction(filled)


def _has_a_fraction(cells: Sequence[str]) -> bool:
    return any(re.search(r"\d[.,]\d", cell) for cell in cells)


def _is_undated_bar(cells: Sequence[str], header: Sequence[str]) -> bool:
    """Whether a row below the header has digits in its date's column, and prices."""
    column = next((at for at, cell in enumerate(header) if field_of(cell) == "date"), None)
    if column is None or column >= len(cells) or not any(map(str.isdigit, cells[column])):
        return False
    return sum(bool(cell.strip()) and _is_number(cell) for cell in cells) > _FEWEST_FIELDS


def _below_a_header(rows: Sequence[Sequence[str]]) -> int | None:
    """The first row of numbers below a header of known names: its dates may be counts of days, as spreadsheets keep them."""
    main = max(range(len(rows)), key=lambda at: (_fields(rows[at]), -at), default=None)
    if main is None or _fields(rows[main]) < _FEWEST_FIELDS + 2:
        return None
    column = next((at for at, cell in enumerate(rows[main]) if field_of(cell) == "date"), None)
    below = (at for at in range(main + 1, len(rows)) if sum(map(_is_number, rows[at])) >= _FEWEST_FIELDS + 1)
    dated = ((at, rows[at][column].strip()) for at in below if column is not None and column < len(rows[at]))
    return next((at for at, cell in dated if _counts_days(cell) or may_be_digits(cell) or looks_like_a_date(cell)), None)


def _counts_days(cell: str) -> bool:
    """Whether a cell may be a spreadsheet's or a statistics program's date, a count of days."""
    return bool(_DAYS.fullmatch(cell.strip())) and any(least <= float(cell) < most for least, most in _COUNTS_OF_DAYS)


def _padded(cells: Sequence[str], width: int) -> tuple[str, ...]:
    """The cells, as many as the rows have: empty cells at the end may be missing or too many."""
    kept = [cell.strip().strip("\ufeff") for cell in cells]
    while len(kept) > width and not kept[-1]:
        kept.pop()
    return tuple(kept + [""] * (width - len(kept)))


def _is_bar(cells: Sequence[str]) -> bool:
    if len(cells) <= _FEWEST_FIELDS:
        return False
    others = [at for at, small in enumerate(map(SMALL_NUMBER.fullmatch, cells)) if small is None]
    dated = [at for at in others if looks_like_a_date(cells[at])]
    if not dated or dated[0] >= _DATED_CELLS:
        return False
    numbers = len(cells) - len(others) + sum(bool(cells[at].strip()) and _is_number(cells[at]) for at in others)
    return numbers >= _FEWEST_FIELDS + any(_is_number(cells[at]) for at in dated)


def _is_number(cell: str) -> bool:
    return _PLAIN.fullmatch(cell) is not None or _can_be_a_number(cell)


@lru_cache(maxsize=1 << 12)  # dates, as the files of a folder have in common
def _can_be_a_number(cell: str) -> bool:
    text = cleaned(cell)
    return (
        not text or number(text, Sign.POINT) == number(text, Sign.POINT) or number(text, Sign.COMMA) == number(text, Sign.COMMA)
    )


def _is_header(cells: Sequence[str], width: int) -> bool:
    """Whether a line above the bars is one of their header rows by its width and texts."""
    filled = [cell for cell in cells if cell.strip()]
    return (
        abs(len(cells) - width) <= 1
        and len(filled) >= max(_FEWEST_FIELDS, len(cells) // 6)
        and not any(map(looks_like_a_date, filled))
    )


def _is_merged(cells: Sequence[str], below: Sequence[str]) -> bool:
    """Whether a line holds a ticker above the first of its columns each, as merged cells are saved: the fields repeat below."""
    filled = [at for at, cell in enumerate(cells) if cell.strip()]
    opens = [at for at, cell in enumerate(below) if field_of(cell) == "open"]
    return len(filled) == len(opens) > 1 and len(cells) <= len(below)


def _fields(cells: Sequence[str]) -> int:
    text = "".join(cells)
    if text.isascii() and text.upper() == text.lower():  # no letter
        return 0
    return len({field for cell in cells if (field := field_of(cell)) is not None and cell.strip()})


def _known(sheet: Sheet) -> int:
    return max((_fields(row) for row in sheet.header), default=0)


def _why_none(head: Sequence[str]) -> str:
    text = "\n".join(head).lstrip()
    if text[:1] == "<" and not text.lower().startswith(("<ticker", "<date", "<per")):
        return "is a web page or XML and no table: save the table itself as CSV"
    if text[:1] in "{[":
        return f"is JSON and no table: {' '.join(text.split())[:160]}"
    lines = [line for line in head if line.strip()]
    if len(lines) < 2:
        return "has no bars; a header and at least one row are needed"
    return (
        f"has no row with a date and prices; it begins with {lines[0][:80]!r} and {lines[1][:80]!r}; needed are a header, as "
        f"date,open,high,low,close,volume, and dates as 2024-01-31"
    )
