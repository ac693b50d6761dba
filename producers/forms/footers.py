"""Rows of a table that are no bars: empty rows, the header again, and behind the bars sources, legends and totals.

Behind the last date, a row without prices or with a word in place of its date is no bar. Any other row without a date stays: it
may be a bar whose date is damaged.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from errors import SourceError
from producers.forms.counts import NOT_A_DAY
from producers.forms.dates import looks_like_a_date
from producers.forms.layout import Layout
from producers.forms.months import is_month
from producers.forms.numbers import PLACEHOLDERS, Sign, cleaned, number
from producers.forms.titles import is_title
from producers.forms.vocabulary import plain
from records import PRICE_COLUMNS, Days

EMPTY: Final = "empty rows"
HEADER: Final = "header rows again"
TEXT: Final = "lines of text"
TOTAL: Final = "rows of totals"
TOTAL_ABOVE: Final = "rows of totals above the bars"
_FEWEST_NUMBERS: Final = 3
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
#: Alone no month, though August is `avgust` in Slovene.
_MEAN: Final = "avg"
_DIGITS: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Remark:
    """A row that is no bar: of which kind, and its text."""

    kind: str
    text: str


def footers(cells: pa.Table, layout: Layout, day: Days, where: str) -> dict[int, Remark]:
    """Row → what it is, of the rows without a date that are no bars. `day` (n,) has NOT_A_DAY for them.

    SourceError if such a row among the bars begins another table.
    """
    undated = np.flatnonzero(day == NOT_A_DAY)
    if not len(undated) or len(undated) == len(day):
        return {}
    last = int(np.flatnonzero(day != NOT_A_DAY)[-1])
    columns = {
        int(name): [_text(value) for value in cells[name].take(pa.array(undated)).to_pylist()] for name in cells.column_names
    }
    prices = [at for each in (layout.columns, *layout.wide.values()) for ours, at in each.items() if ours in PRICE_COLUMNS]
    tickers = _tickers(cells, layout, undated)
    found: dict[int, Remark] = {}
    title: str | None = None
    for at, row in enumerate(undated.tolist()):
        texts = {column: values[at] for column, values in columns.items()}
        kind = _kind(texts, layout, prices, tickers, is_behind=row > last)
        above = title if row and day[row - 1] == NOT_A_DAY else None
        title = above if kind == EMPTY else _label(texts, layout)
        if row < last and above is not None and kind == HEADER:
            raise another_table(above, where)
        if row < last and title is not None and is_title(title):
            raise another_table(title, where)
        if kind is not None:
            found[row] = Remark(kind, ",".join(texts.values()).rstrip(","))
    return found


def another_table(title: str, where: str) -> SourceError:
    """The error of a file in which this line among the bars begins another table."""
    return SourceError(
        f"{where}: another table begins at {title!r}, among the bars; save each as a file of its own, "
        f"or add a column of tickers"
    )


def _label(texts: dict[int, str], layout: Layout) -> str | None:
    """The word that stands alone in a row's first cells, where no column has the tickers; None for other rows."""
    filled = {at: text for at, text in texts.items() if text}
    first = {0, layout.columns["date"]}
    if layout.wide or "ticker" in layout.columns or len(filled) != 1 or not filled.keys() <= first:
        return None
    label = next(iter(filled.values()))
    is_date = len(_DIGITS.findall(label)) > 1 or label.lower() in PLACEHOLDERS
    return None if is_date or not any(map(str.isalpha, label)) else label


def kind_of_line(cells: Sequence[str], date_column: int) -> str | None:
    """What a line with another number of cells than the bars have is; None for a bar that was cut or is too long.

    A bar has its date in the column of the dates, or three numbers; a text has a word.
    """
    texts = [cell.strip() for cell in cells]
    if not any(texts):
        return EMPTY
    if not any(map(str.isalnum, "".join(texts))):
        return TEXT  # a line drawn below the table
    has_date = date_column < len(texts) and looks_like_a_date(texts[date_column]) and not texts[date_column][0].isalpha()
    numbers = sum(bool(text) and _is_number(text) for text in texts)
    return TEXT if not has_date and numbers < _FEWEST_NUMBERS and any(map(_WORD.search, texts)) else None


def _kind(
    texts: dict[int, str], layout: Layout, prices: Sequence[int], tickers: Collection[str], *, is_behind: bool
) -> str | None:
    """What a row without a date is; None for a bar, whose date may be damaged."""
    if not any(texts.values()):
        return EMPTY
    if all(plain(text) == plain(layout.names[column]) for column, text in texts.items()):
        return HEADER
    if not is_behind:
        return None
    if not any(map(_is_number, (texts[at] for at in prices))):
        return TEXT
    values = {at for ours, at in layout.columns.items() if ours not in ("date", "ticker")}
    label = texts[layout.columns["date"]] or next(
        (t for at, t in texts.items() if t and at not in values and t not in tickers), ""
    )
    return TOTAL if is_label(label) else None


def is_label(text: str) -> bool:
    """Whether a text in place of a date is a word, and no date that is damaged.

    >>> [is_label(text) for text in ("Latest", "52w high", "Total 2025", "Avg.", "2O25-01-02", "14 Jam 2025", "n/a", "Mar")]
    [True, True, True, True, False, False, False, False]
    """
    words = _WORD.findall(text)
    if plain(text) == _MEAN:
        return True
    return bool(words) and len(_DIGITS.findall(text)) <= 1 and not any(map(is_month, words)) and bool(cleaned(text))


def _tickers(cells: pa.Table, layout: Layout, undated: NDArray[np.intp]) -> Collection[str]:
    """What stands in the ticker column of the other rows."""
    at = layout.columns.get("ticker")
    if at is None:
        return frozenset()
    dated = np.ones(len(cells), np.bool_)
    dated[undated] = False
    return {_text(value) for value in cells[str(at)].filter(pa.array(dated)).unique().to_pylist()}


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _is_number(text: str) -> bool:
    text = cleaned(text)
    return any(number(text, sign) == number(text, sign) for sign in Sign)
