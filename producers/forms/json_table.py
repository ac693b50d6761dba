"""The table in a JSON text: records, columns, lists, pandas' forms, and the answers of services that hold one of these.

An answer may hold a table for each symbol. Several tables that no symbols tell apart are refused.
"""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from errors import SourceError
from producers.forms.chart import chart_columns
from producers.forms.json_parts import are_parts, is_part
from producers.forms.layout import field_and_ticker
from producers.forms.long_table import has_values, of_values
from producers.forms.vocabulary import NAME_WORDS, field_of, plain
from records import canonical_ticker, is_ticker

Row = Sequence[Any]
#: So many known names make columns of keys.
_FEWEST_FIELDS: Final = 4
_DEEPEST: Final = 5
#: Keys of answers: names of columns beside rows of cells.
_NAMES: Final = ("columns", "column_names", "fields", "headers", "header")
_CELLS: Final = ("data", "rows", "values", "records")
#: Codes of Shanghai, Shenzhen and Hong Kong.
_LISTED: Final = re.compile(r"\d{5,6}")
_PARTS: Final = re.compile(r"\W+")
_SYMBOLS: Final = ("symbol", "ticker", "instrument", "pair")


@dataclass(frozen=True, slots=True)
class JsonTable:
    """`names` of the columns, empty for lists without names. `symbol`: the ticker beside them. `key`: it is their key.

    `currency`: what stands beside them as such. `parts`: the keys of the tables that were put together.
    """

    names: tuple[str, ...]
    rows: list[Row]
    symbol: str | None = None
    key: str | None = None
    currency: str | None = None
    parts: tuple[str, ...] = ()

    @property
    def fields(self) -> int:
        """How many of our columns the names name."""
        return _fields(self.names)


def table_of(value: Any, where: str, depth: int = 0) -> JsonTable | None:
    """The table in a JSON value, None for no table. SourceError for several tables without symbols."""
    if isinstance(value, list):
        return _of_list(value, where, depth)
    if not isinstance(value, dict) or depth > _DEEPEST:
        return None
    table = _of_chart(value) or _of_named(value) or _of_columns(value) or _of_records(value)
    if table is not None:
        return table
    return _inside(value, where, depth)


def _inside(value: Mapping[str, Any], where: str, depth: int) -> JsonTable | None:
    """The tables within an answer as one."""
    inside = {str(key): found for key, each in value.items() if (found := table_of(each, where, depth + 1)) is not None}
    known = {key: found for key, found in inside.items() if found.fields >= _FEWEST_FIELDS}
    inside = known or inside
    if not inside:
        return None
    inside = {key: found if found.currency else replace(found, currency=_currency(value)) for key, found in inside.items()}
    keyed = [found if found.symbol else replace(found, symbol=key) for key, found in inside.items()]
    if len(inside) == 1:
        key, found = next(iter(inside.items()))
        symbol = _may_be_symbol(key) and not is_part(key, found.names, found.rows)
        is_word = NAME_WORDS.issuperset(_PARTS.split(key.lower()))  # `prices/daily`
        listed = key if symbol and not is_word and canonical_ticker(key) not in (key, key.upper()) else None  # `sh600519`
        return replace(found, symbol=found.symbol or _symbol(value) or listed, key=found.key or (key if symbol else None))
    if all(found.symbol is None for found in inside.values()) and are_parts(
        {key: (found.names, found.rows) for key, found in inside.items()}, where
    ):
        whole = _together(list(inside.values()), where, of_symbols=False)
        return replace(whole, symbol=_symbol(value), parts=tuple(inside), currency=_currency(value))
    if all(_may_be_symbol(found.symbol or "") for found in keyed):
        return _together(keyed, where)
    raise SourceError(f"{where}: is JSON with {len(inside)} tables ({', '.join(map(repr, inside))}); save each as a file")


def _may_be_symbol(text: str) -> bool:
    return text.lower() not in NAME_WORDS and field_of(text) is None and is_ticker(canonical_ticker(text))


def _symbol(value: Mapping[str, Any]) -> str | None:
    """The symbol beside the rows of an answer, or the two currencies of a pair."""
    texts = {**value, **next((each for each in value.values() if isinstance(each, dict)), {})}
    found = {plain(key): text for key, text in texts.items() if isinstance(text, str)}
    symbol = next((found[name] for name in _SYMBOLS if found.get(name)), None)
    if symbol is None and "name" in found and _LISTED.fullmatch(found.get("code", "")):
        symbol = found["code"]  # other codes, or one without a name beside it, say how the answer went
    pair = f"{found.get('fromsymbol')}/{found.get('tosymbol')}" if "fromsymbol" in found else None
    return symbol or pair


def _currency(value: Mapping[str, Any]) -> str | None:
    """The currency beside the rows of an answer."""
    texts = {**next((each for each in value.values() if isinstance(each, dict)), {}), **value}
    found = {plain(key): text for key, text in texts.items() if isinstance(text, str | int)}
    return None if "currency" not in found else str(found["currency"])


def _together(tables: Sequence[JsonTable], where: str, *, of_symbols: bool = True) -> JsonTable:
    """Several tables as one, with a column of their symbols, if they have some. SourceError if their columns differ."""
    if any(table.currency for table in tables) and all(
        "currency" not in map(plain, table.names) and table.names for table in tables
    ):
        tables = [_with_currency(table) for table in tables]
    names = list(dict.fromkeys(name for table in tables for name in table.names))
    if any(bool(table.names) != bool(names) for table in tables):
        raise SourceError(f"{where}: is JSON with tables of different columns; save each as a file")
    rows: list[Row] = []
    for table in tables:
        at = [table.names.index(name) if name in table.names else None for name in names]
        symbol = [table.symbol] if of_symbols else []
        rows += [[*symbol, *([None if i is None else row[i] for i in at] if names else row)] for row in table.rows]
    return JsonTable(("ticker", *names) if names and of_symbols else tuple(names), rows)


def _with_currency(table: JsonTable) -> JsonTable:
    """The table with its currency as a column."""
    return replace(table, names=(*table.names, "currency"), rows=[[*row, table.currency] for row in table.rows])


def _of_list(values: list[Any], where: str, depth: int) -> JsonTable | None:
    if not values:
        return None
    if all(isinstance(each, list) and each and isinstance(each[0], dict) for each in values):  # pages of an answer
        values = list(itertools.chain.from_iterable(values))
    if all(isinstance(each, dict) for each in values):
        return _of_dicts(values, where, depth)
    if all(isinstance(each, str) and each.count(",") >= _FEWEST_FIELDS for each in values):
        values = [each.split(",") for each in values]
    if all(isinstance(each, list) and len(each) >= _FEWEST_FIELDS for each in values):
        is_header = all(isinstance(cell, str) for cell in values[0]) and _fields(values[0]) >= _FEWEST_FIELDS
        return JsonTable(tuple(values[0]), values[1:]) if is_header else JsonTable((), values)
    return None


def _of_dicts(values: list[dict[str, Any]], where: str, depth: int) -> JsonTable | None:
    """A record each, or an answer each of one symbol, or one answer in several parts."""
    if len(values) <= 1 or any(isinstance(each, list | dict) for each in values[0].values()):
        found = [table for each in values if (table := table_of(each, where, depth + 1)) is not None]
        if len(found) == 1:
            return found[0]
        if found and all(table.symbol for table in found):
            return _together(found, where)
    records = [_flat(each) for each in values] if dict in set(map(type, values[0].values())) else values
    names = tuple(dict.fromkeys(itertools.chain.from_iterable(records)))
    if _fields(names) >= _FEWEST_FIELDS:
        return JsonTable(names, list(_values(records, names)))
    rows = list(_values(records, names)) if has_values(names) else []
    return JsonTable(names, rows) if rows and of_values([names, *rows], where) is not None else None


def _values(records: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Iterable[Row]:
    """The records' values in the order of these names, None for what a record lacks."""
    if set(map(len, records)) == {len(names)} and len(names) > 1:
        return map(operator.itemgetter(*names), records)
    return ([each.get(name) for name in names] for each in records)


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record with the values of its inner records; `bid.open` where a name stands in several of them."""
    inner = {key: _flat(each) for key, each in record.items() if isinstance(each, dict)}
    all_names = [name for name in record if name not in inner] + [name for each in inner.values() for name in each]
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if key not in inner:
            flat[key] = value
        elif len(inner[key]) == 1 and next(iter(inner[key])).startswith("$"):  # a database's kinds, as {"$date": …}
            flat[key] = next(iter(inner[key].values()))
        else:
            flat |= {name if all_names.count(name) == 1 else f"{key}.{name}": each for name, each in inner[key].items()}
    return flat


def _of_chart(value: Mapping[str, Any]) -> JsonTable | None:
    found = chart_columns(value)
    if found is None:
        return None
    symbol, columns = found
    rows: list[Row] = list(map(list, zip(*columns.values(), strict=True)))
    return JsonTable(tuple(columns), rows, symbol, currency=_currency(value))


def _of_named(value: Mapping[str, Any]) -> JsonTable | None:
    """Names of columns beside rows of cells: pandas' `split`, Nasdaq Data Link, Moscow's and Taipei's exchanges."""
    names = next((value[key] for key in _NAMES if isinstance(value.get(key), list)), None)
    rows = next((value[key] for key in _CELLS if isinstance(value.get(key), list)), None)
    if names is None or rows is None or not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        return None
    texts = tuple(_name(name) for name in names)
    index = value.get("index")
    if not isinstance(index, list) or len(index) != len(rows) or index == list(range(len(rows))):
        return JsonTable(texts, rows)
    return JsonTable(("", *texts), [[key, *row] for key, row in zip(index, rows, strict=True)])


def _name(name: Any) -> str:
    """A column's name, of a description (`{"name": "open", "type": "double"}`) or of two levels."""
    if isinstance(name, dict):
        name = name.get("name", "")
    return str(tuple(name)) if isinstance(name, list) else str(name)


def _of_columns(value: Mapping[str, Any]) -> JsonTable | None:
    """Columns under their names, as lists or by row."""
    lists = {name: each for name, each in value.items() if isinstance(each, list)}
    if _fields(lists) >= _FEWEST_FIELDS and len({len(each) for each in lists.values()}) == 1:
        return JsonTable(tuple(lists), list(map(list, zip(*lists.values(), strict=True))))
    if _fields(value) < _FEWEST_FIELDS or not all(isinstance(each, dict) for each in value.values()):
        return None
    keys = list(next(iter(value.values())))
    rows: list[Row] = [[each.get(key) for each in value.values()] for key in keys]
    if keys == [str(at) for at in range(len(keys))]:
        return JsonTable(tuple(value), rows)
    return JsonTable(("", *value), [[key, *row] for key, row in zip(keys, rows, strict=True)])


def _of_records(value: Mapping[str, Any]) -> JsonTable | None:
    """Records by their dates."""
    if not value or not all(isinstance(each, dict) and _fields(each) >= _FEWEST_FIELDS for each in value.values()):
        return None
    if any(isinstance(inner, list | dict) for each in value.values() for inner in each.values()):
        return None
    names = list(dict.fromkeys(name for each in value.values() for name in each))
    return JsonTable(("", *names), [[key, *(each.get(name) for name in names)] for key, each in value.items()])


def _fields(names: Iterable[Any]) -> int:
    """How many of our columns are named; of a ticker each where the names hold tickers."""
    return len({field for name in names if (field := _field(str(name))) is not None})


def _field(name: str) -> str | None:
    known = field_of(name)
    if known is not None or not name.startswith("("):
        return known
    parts = field_and_ticker(name)
    return None if parts is None else parts[0]
