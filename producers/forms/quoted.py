"""The currency of prices that stands above a table: in its title lines, in the names of its columns, or in a row of units."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from errors import SourceError
from producers.forms.layout import Layout
from producers.forms.marks import CURRENCY, currency_mark
from producers.forms.numbers import PLACEHOLDERS
from producers.forms.units import UNITS, are_units, says_units
from producers.forms.vocabulary import WORDS, plain
from records import PRICE_COLUMNS, currency_code, named_currency

#: Header rows among which may be units.
_ONE_AND_UNITS: Final = 2
_LABELS: Final = frozenset(WORDS["currency"])
_COLON: Final = re.compile(r"[:：=;]")
#: `Currency in USD`, `(in GBp)`, `Prices of SAP in EUR.`
_IN: Final = re.compile(rf"(?P<before>.*?)(?:^|[\s(（\[])(?:in|en|em|w|v|в)\s+{CURRENCY}(?=$|[)）\].,;])", re.IGNORECASE)
_PRICES: Final = re.compile(
    r"\b(?:currency|währung|devise|moneda|valuta|waluta|prices?|quotes?|quoted|denominated|values|data|kurse?|angaben|notiert|"
    r"cours|precios?|prezzi|ceny)\b",
    re.IGNORECASE,
)
_NO_PRICES: Final = re.compile(
    r"vol|turnover|umsatz|cap\b|million|mio|revenue|amount|chiffre|kapital|dividend|obrót|obroty|omsat|omsæt", re.IGNORECASE
)


def currency_above(
    header: Sequence[Sequence[str]], titles: Sequence[Sequence[str]], layout: Layout, of_column: Sequence[str], where: str
) -> tuple[list[str | None], str] | None:
    """The currency of each ticker side by side, or of the one column a field, and where it stands; None if none is named.

    `of_column`: what a column of currencies says. SourceError where it says another.
    """
    if not titles and len(header) < _ONE_AND_UNITS and not _have_marks(layout.names):
        return None  # most files
    named, titled = currencies_of_names(header, layout, where), currency_of_titles(titles, where)
    if not named and titled is None:
        return None
    texts: list[str | None] = [named.get(ticker, titled) for ticker in layout.wide or ("",)]
    others = {text for text in (*of_column, titled) if text is not None and text.lower() not in PLACEHOLDERS}
    distinct = _distinct(text for text in (*others, *texts) if text is not None)
    if len(distinct) > 1 and (others or not layout.wide):
        raise SourceError(
            f"{where}: prices are in several currencies ({', '.join(distinct)}), by a column, the header or a title line; "
            f"keep one"
        )
    return texts, "the header" if named else "a title line"


@lru_cache(maxsize=1 << 8)  # the files of a folder have the same names
def _have_marks(names: tuple[str, ...]) -> bool:
    return any(currency_mark(name) is not None for name in names)


def currency_of_titles(titles: Sequence[Sequence[str]], where: str) -> str | None:
    """What the title lines name as the currency of the prices; None if they name none. SourceError for several."""
    cells = [[cell.strip() for cell in row if cell.strip()] for row in titles]
    texts = [text for row in cells for text in (*row, " ".join(row))]
    named = [code for code in (*map(_labelled, cells), *map(_phrase, texts)) if code is not None]
    return _only(named, "the title lines name", where)


def currencies_of_names(header: Sequence[Sequence[str]], layout: Layout, where: str) -> dict[str, str]:
    """Ticker ('' for one column a field) → the currency in the names of its prices, or in a row of units below or above them.

    SourceError if the prices of a ticker are in several.
    """
    found: dict[str, str] = {}
    for ticker, columns in (layout.wide or {"": layout.columns}).items():
        at = [columns[name] for name in PRICE_COLUMNS if name in columns]
        marks = [currency_mark(layout.names[i]) for i in at]
        named = [mark[1] for mark in marks if mark is not None and not layout.wide]
        for row in header:
            if row != layout.names and at and (layout.wide or are_units(row, at, layout.columns.get("volume"), where)):
                named += filter(None, map(currency_code, _units_of(row, at, is_wide=bool(ticker))))
        code = _only(named, "the names of the prices have", where)
        if code is not None:
            found[ticker] = code
    return found


def _units_of(row: Sequence[str], at: Sequence[int], *, is_wide: bool) -> list[str]:
    """The cells of the prices in a row of units; of tickers side by side only a row that says so, or has a common unit."""
    cells = [row[i] for i in at]
    is_known = not is_wide or says_units(row, at) or all(cell.strip().casefold() in UNITS for cell in cells)
    return cells if is_known and says_units(row, at) is not False else []


def _labelled(filled: Sequence[str]) -> str | None:
    """The currency of `Currency,EUR` or `Währung: EUR`."""
    if len(filled) == 1 and _COLON.search(filled[0]):
        filled = [part.strip() for part in _COLON.split(filled[0], maxsplit=1)]
    if len(filled) < 2 or plain(filled[0]) not in _LABELS or filled[1].lower() in PLACEHOLDERS:
        return None
    return filled[1] if len({*filled[1:]}) == 1 else None


def _phrase(text: str) -> str | None:
    match = _IN.match(text)
    if match is None or currency_code(match["code"]) is None or _NO_PRICES.search(text):
        return None
    before = match["before"].strip(" (（[")
    is_alone = not before or text[match.end() :].strip(" .") in (")", "）", "]")
    return match["code"] if is_alone or _PRICES.search(before) else None


def _only(named: Iterable[str], what: str, where: str) -> str | None:
    distinct = _distinct(named)
    if len(distinct) > 1:
        raise SourceError(f"{where}: {what} several currencies ({', '.join(distinct)}); keep one of them")
    return distinct[0] if distinct else None


def _distinct(named: Iterable[str]) -> list[str]:
    """The codes that texts name; without any the texts, since `US Dollar` contradicts no code."""
    texts = {*named}
    codes = {code for text in texts if (code := named_currency(text)) is not None}
    return sorted(codes or texts)
