"""Datastream's request tables: a row of codes with their datatypes, `@AAPL(PO)`, above columns of values: as rows of bars."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from producers.forms.dates import looks_like_a_date
from producers.forms.sheet import HEAD_LINES
from producers.forms.vocabulary import field_of, plain

Row = Sequence[Any]
_CODE: Final = re.compile(r"(?P<code>[^()\s]+)\((?P<type>P|PO|PH|PL|VO)\)")
#: Datatype → the column. Volumes are in thousands.
_TYPES: Final = {"PO": "open", "PH": "high", "PL": "low", "P": "close", "VO": "Volume (thousands)"}
_PRICES: Final = frozenset({"PO", "PH", "PL", "P"})
#: Start, end and frequency stand in two cells each.
_TITLE: Final = 2
_CURRENCIES: Final = {"U$": "USD"}
#: Before a symbol of Nasdaq and of New York.
_MARKETS: Final = re.compile(r"^(@|U:)")


def of_codes(rows: Sequence[Row], _where: str) -> tuple[list[Row], str] | None:
    """The rows as a row for each date and ticker; None without a row of codes that has all prices of some ticker."""
    for at, row in enumerate(rows[:HEAD_LINES]):
        codes = {i: match for i, cell in enumerate(row) if (match := _CODE.fullmatch(str(cell).strip())) is not None}
        columns: dict[str, dict[str, int]] = {}
        for i, match in codes.items():
            columns.setdefault(_MARKETS.sub("", match["code"]), {})[match["type"]] = i
        whole = {ticker: each for ticker, each in columns.items() if each.keys() >= _PRICES}
        if not whole or plain(str(row[0])) != "code":
            continue
        is_bar = [bool(each) and looks_like_a_date(str(each[0]).strip()) for each in rows]
        first = next((i for i, dated in enumerate(is_bar) if dated and i > at), len(rows))
        dated = [each for each, bar in zip(rows[first:], is_bar[first:], strict=True) if bar]
        behind = [each for each, bar in zip(rows[first:], is_bar[first:], strict=True) if not bar]
        types = [name for name in _TYPES if any(name in each for each in whole.values())]
        bars = [
            [ticker, line[0], *(line[each[name]] if name in each and each[name] < len(line) else None for name in types)]
            for ticker, each in whole.items()
            for line in dated
        ]
        titles = [line for line in rows[:at] if sum(cell not in (None, "") for cell in line) <= _TITLE]
        units = {
            str(line[i]).strip()
            for line in rows[at + 1 : first]
            if field_of(str(line[0])) == "currency"
            for i in codes
            if i < len(line) and line[i] not in (None, "")
        }
        if len(units) == 1:
            (unit,) = units
            titles.append([f"Currency: {_CURRENCIES.get(unit, unit)}"])
        header = ["ticker", "date", *(_TYPES[name] for name in types)]
        return [*titles, header, *bars, *behind], "fields from Datastream's codes"
    return None
