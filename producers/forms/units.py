"""Header rows of units: the currency of the prices in place of tickers. Some currencies are symbols as well: ALL, COP, NOK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from errors import SourceError
from producers.forms.vocabulary import WORDS, field_of, plain
from records import currency_code

#: What rows of units and of types below a header hold in place of tickers.
UNITS: Final = frozenset(
    {"usd", "eur", "gbp", "gbx", "chf", "jpy", "cny", "hkd", "krw", "inr", "float", "float64", "double", "int", "int64",
     "integer",      "number", "numeric", "str", "string", "object", "datetime64[ns]"}
)  # fmt: skip
_UNIT_WORDS: Final = "unit units einheit unité unités unidad unità eenheid enhet jednostka единица 单位 單位 単位 단위"
_LABELS: Final = frozenset({*WORDS["currency"], *map(plain, _UNIT_WORDS.split())})


def are_units(row: Sequence[str], prices: Sequence[int], volume: int | None, where: str) -> bool:
    """Whether a header row has one currency in the columns of the prices, and no tickers.

    The word in its first cell says so, or a currency that is no symbol, or another unit of the volumes. SourceError if it may
    be either.
    """
    cells = {row[at].strip() for at in prices}
    if len(cells) != 1 or currency_code(next(iter(cells))) is None:
        return False
    code = next(iter(cells))
    said = says_units(row, prices)
    if said is not None or code.casefold() in UNITS or (volume is not None and row[volume].strip() != code):
        return said is not False
    raise SourceError(
        f"{where}: the header's row with {code!r} may be of tickers or of the prices' currency; write Ticker or Currency in "
        f"its first cell"
    )


def says_units(row: Sequence[str], prices: Sequence[int]) -> bool | None:
    """Whether the word before the prices says that a row is of units, or (False) of tickers; None without such a word."""
    label = next((cell for cell in row[: min(prices)] if cell.strip()), "")
    if plain(label) in _LABELS:
        return True
    return False if field_of(label) == "ticker" else None
