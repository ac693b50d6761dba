"""What each column of a sheet is: one column a field, or, side by side, the fields of several tickers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from errors import SourceError
from producers.forms.units import UNITS, are_units
from producers.forms.vocabulary import DOUBTFUL_TICKER, NAME_WORDS, NAMELESS, field_of, is_plainly, plain, rank
from records import PRICE_COLUMNS, canonical_ticker, is_ticker

REQUIRED: Final = ("date", *PRICE_COLUMNS)
_NEEDED: Final = ", ".join(REQUIRED)
_FIELDS: Final = frozenset({"open", "high", "low", "close", "adjusted_close", "volume", "dividend", "split"})
_SEPARATOR: Final = re.compile(r"[_ .|:/-]")
#: Marks of the other coin or currency of a pair: that volume is money.
_MONEY: Final = re.compile(r"(usdt|usdc|busd|usd|eur|gbp|jpy|cny)$")
_SUBJECT: Final = re.compile(r"(in)?(usdt|usdc|busd|usd|eur|gbp|gbx|jpy|cny|chf|btc|eth)$")
#: Names of the moment at which a bar ends: midnight would be the next day's.
_ENDS: Final = re.compile("close|end|last|until")
#: Tehran's exchange writes the day's first price and, as the open, the price of yesterday.
_BOTH_OPEN: Final = ("first", "open")
#: What is done to a price, in its column's name. In capitals these may be tickers.
_OF_VALUES: Final = frozenset(
    {"log", "ln", "scaled", "norm", "normalized", "normalised", "lag", "diff", "pct", "mean", "std", "ret", "return", "returns",
     "pred", "predicted", "forecast", "actual", "ha", "sma", "ema", "Log", "Scaled", "Norm", "Lag", "Pred", "Predicted"}
)  # fmt: skip
_OF_ROWS: Final = ("date", "ticker")
_NUMBERED_AGAIN: Final = re.compile(r"(.+)\.\d{1,3}")
#: What pandas puts behind the names of two tables that it merges.
_OF_MERGED: Final = (("X", "Y"), ("LEFT", "RIGHT"))
_ENDS_OF_MERGED: Final = ("_x", "_y", "_left", "_right")
#: Shorter numbers in names of columns count tables.
_SHORTEST_CODE: Final = 3


@dataclass(frozen=True, slots=True)
class Layout:
    """`columns`: our name → index. `wide`: ticker → our name → index, empty for one column a field. `names` as they stand."""

    names: tuple[str, ...]
    columns: Mapping[str, int]
    wide: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def ignored(self) -> tuple[str, ...]:
        """Names of columns that are not used."""
        used = set(self.columns.values()) | {at for columns in self.wide.values() for at in columns.values()}
        return tuple(name for at, name in enumerate(self.names) if at not in used and name)


def find_layout(
    header: Sequence[Sequence[str]], declared: Mapping[str, str], *, where: str, dated: Sequence[int] = ()
) -> Layout:
    """The layout that header rows name. SourceError says which columns are missing, and which names were found.

    `dated` are the columns that hold written dates.
    """
    rows = [_numbered_again(row) for row in header]
    main = max(range(len(rows)), key=lambda at: (_known(rows[at]), -at))
    one_a_field = {field_of(name) for name in rows[main]} >= {*PRICE_COLUMNS}  # beside others, as HA_Open or Unadjusted Open
    layout = _in_rows(rows, main, where) or (None if one_a_field else _in_names(rows[main], where))
    if layout is not None and not declared:
        return layout
    names = tuple(header[main])
    return Layout(names, find_columns(names, declared, where=where, dated=dated))


def _numbered_again(row: Sequence[str]) -> tuple[str, ...]:
    """The cells without the numbers that pandas puts behind names that stand again, as `Close.1` beside `Close`."""
    if not any("." in cell for cell in row):
        return tuple(row)
    found = (_NUMBERED_AGAIN.fullmatch(cell) for cell in row)
    return tuple(match[1] if match is not None and match[1] in row else cell for cell, match in zip(row, found, strict=True))


def find_columns(names: Sequence[str], declared: Mapping[str, str], *, where: str, dated: Sequence[int] = ()) -> dict[str, int]:
    """Our name → index in `names`. Several names for one column: the surest is taken; SourceError for two that are equal."""
    chosen = {ours: _index(names, ours, theirs, where) for ours, theirs in declared.items() if theirs not in ("file", "folder")}
    candidates: dict[str, list[int]] = {}
    has_both = {"T", "t"} <= set(names)  # Polygon: `T` the ticker, `t` the time
    again = _numbered_again(names)
    for at, name in enumerate(names):
        ours = "ticker" if has_both and name == "T" else field_of(name) or (field_of(again[at]) if again[at] != name else None)
        if ours is not None and at not in chosen.values():
            candidates.setdefault(ours, []).append(at)
    for ours, found in candidates.items():
        if ours in declared:
            continue
        ranked = sorted(found, key=lambda at: _rank(ours, again[at], at))
        chosen[ours] = ranked[0]
        equal = [names[at] for at in found if plain(again[at]) == plain(again[ranked[0]])]
        equal = equal if len(equal) > 1 else [names[at] for at in found if plain(names[at]) in _BOTH_OPEN]
        if len(equal) > 1 and ours in (*REQUIRED, "volume", "adjusted_close"):
            raise SourceError(
                f"{where}: columns {', '.join(map(repr, equal))} mean the same; keep one of them, or say --read-as {ours}=NAME"
            )
        _check_subjects(ours, [names[at] for at in found], names[ranked[0]], where)
    _settle_close(names, chosen)
    _settle_date(names, chosen, dated)
    missing = [name for name in REQUIRED if name not in chosen]
    if missing:
        shown = ", ".join(map(repr, names)) or "none"
        raise SourceError(
            f"{where}: no column for {', '.join(missing)}; needed are {_NEEDED}; found are {shown:.400}; "
            f"name a column with --read-as {missing[0]}=NAME"
        )
    return chosen


def _check_subjects(ours: str, found: Sequence[str], taken: str, where: str) -> None:
    """SourceError if several names of one price differ in a coin or currency alone, and none of them is without one."""
    subject = _SUBJECT.search(plain(taken, units=True)) if len(found) > 1 and ours in PRICE_COLUMNS else None
    if subject is None:
        return
    base = plain(taken, units=True)[: subject.start()]
    equal = [name for name in found if _SUBJECT.sub("", plain(name, units=True)) == base]
    if len(equal) > 1:
        raise SourceError(
            f"{where}: columns {', '.join(map(repr, equal))} may be one price in several currencies, or prices of several "
            f"coins or currencies; keep one of them, or say --read-as {ours}=NAME"
        )


def _settle_close(names: Sequence[str], chosen: dict[str, int]) -> None:
    """The adjusted close as the close where all four prices are adjusted: none is left to adjust."""
    if "close" in chosen or "adjusted_close" not in chosen or not {"open", "high", "low"} <= chosen.keys():
        return
    if all(plain(names[chosen[name]]).startswith("adj") for name in ("open", "high", "low")):
        chosen["close"] = chosen.pop("adjusted_close")


def _settle_date(names: Sequence[str], chosen: dict[str, int], dated: Sequence[int]) -> None:
    """A date's column that no name gives: one without a name, of times, or the only one that holds dates (`dated`)."""
    if "date" in chosen:
        return
    found = [at for at, name in enumerate(names) if plain(name) in NAMELESS and chosen.get("ticker") != at]
    found += [at for at in [chosen.get("ticker")] if at is not None and plain(names[at]) in NAMELESS]
    free = [at for at in dated if at not in chosen.values() and not _ENDS.search(plain(names[at]))]
    found = [at for at in found if at in dated] or (free if len(free) == 1 else []) or found
    found += [at for at in [chosen.get("time")] if at is not None]
    if found:
        chosen["date"] = found[0]
        if chosen.get("ticker") == found[0]:
            del chosen["ticker"]


def _index(names: Sequence[str], ours: str, theirs: str, where: str) -> int:
    found = [at for at, name in enumerate(names) if name.strip() == theirs] or [
        at for at, name in enumerate(names) if plain(name) == plain(theirs) and name
    ]
    if not found:
        raise SourceError(f"{where}: --read-as {ours}={theirs}: no such column; found are {', '.join(map(repr, names))}")
    return found[0]


def _rank(ours: str, name: str, at: int) -> tuple[int, bool, int]:
    doubtful = ours == "ticker" and plain(name) in DOUBTFUL_TICKER
    return rank(ours, name) + 100 * doubtful, bool(_MONEY.search(plain(name))), at


def _known(row: Sequence[str]) -> int:
    return len({f for cell in row if (f := field_of(cell)) in _FIELDS or f == "date"})


def _in_rows(rows: Sequence[tuple[str, ...]], main: int, where: str) -> Layout | None:
    """Tickers in the row above or below that of the fields."""
    merged = _spread(rows, main)
    rows = [*rows[:main], merged, *rows[main + 1 :]]
    # pandas' names of the levels stand above and beside the dates: `Price`, which is a close elsewhere, `Ticker`, `Date`.
    # DAY is a ticker as well, and stands there for each of its fields.
    beside = {
        at for row in rows for at, cell in enumerate(row) if field_of(cell) in _OF_ROWS and row.count(cell) < len(PRICE_COLUMNS)
    }
    fields = {at: f for at, cell in enumerate(merged) if (f := field_of(cell)) in _FIELDS and at > 0 and at not in beside}
    for at in (main + 1, main - 1):
        if not 0 <= at < len(rows) or len(fields) < 4:
            continue
        prices = [column for column, ours in fields.items() if ours in PRICE_COLUMNS]
        volume = next((column for column, ours in fields.items() if ours == "volume"), None)
        if are_units(rows[at], prices, volume, where):
            continue
        cells = _filled(rows[at], fields, spread=at < main)
        if cells is not None:
            wide: dict[str, dict[str, int]] = {}
            for column, ours in fields.items():
                if ours in wide.setdefault(cells[column], {}):
                    raise SourceError(f"{where}: two columns {rows[main][column]!r} of {cells[column]}; keep one of them")
                wide[cells[column]][ours] = column
            missing = [name for name in PRICE_COLUMNS if not any(name in columns for columns in wide.values())]
            if missing:
                raise SourceError(
                    f"{where}: the header has no column for {', '.join(missing)} of any ticker; needed are {_NEEDED}"
                )
            names = tuple(f"{cell} {cells[i]}" if i in cells else cell for i, cell in enumerate(rows[main]))
            return Layout(names, {"date": _date_column(rows, fields)}, wide)
    return None


def _spread(rows: Sequence[tuple[str, ...]], main: int) -> tuple[str, ...]:
    """The row of fields; a field in a merged cell stands at the first of its columns, each with a ticker below."""
    spread: list[str] = []
    below = rows[main + 1] if main + 1 < len(rows) else ()
    for at, cell in enumerate(rows[main]):
        is_merged = not cell.strip() and at > 1 and at < len(below) and bool(below[at].strip())
        spread.append(spread[-1] if is_merged and field_of(spread[-1]) in _FIELDS else cell)
    return tuple(spread)


def _filled(row: Sequence[str], fields: Mapping[int, str], *, spread: bool) -> dict[int, str] | None:
    """The ticker of each field's column; merged cells stand at the first of theirs. None if the row holds no tickers."""
    texts: dict[int, str] = {}
    last = ""
    for at in fields:
        last = row[at].strip() or (last if spread else "")
        texts[at] = last
    for text in {*texts.values()}:
        ours = {fields[at] for at, other in texts.items() if other == text}
        is_word = field_of(text) is not None and not (
            text.isupper() and ours >= {*PRICE_COLUMNS}
        )  # V and LOW are tickers as well
        if is_word or not is_ticker(canonical_ticker(text)) or text.casefold() in UNITS:
            return None
    return {at: canonical_ticker(text) for at, text in texts.items()}


def _date_column(rows: Sequence[Sequence[str]], fields: Mapping[int, str]) -> int:
    free = [at for at in range(len(rows[0])) if at not in fields]
    named = [at for at in free if any(field_of(row[at]) == "date" for row in rows)]
    return (named or free)[0]


def _in_names(names: Sequence[str], where: str) -> Layout | None:
    """Field and ticker in one name, as `Close_AAPL`, `AAPL.Close` or `('Close', 'AAPL')`.

    SourceError for `Close_x` beside `Close_y`: these name no tickers.
    """
    wide = _whole_tickers(names, range(len(names)), are_words=False)
    if not wide:
        return None
    wide = {**_whole_tickers(names, range(len(names)), are_words=True), **wide}
    is_merged = tuple(sorted(wide)) in _OF_MERGED and all(
        names[at].endswith(_ENDS_OF_MERGED) for columns in wide.values() for at in columns.values()
    )
    if is_merged or any(ticker.isdigit() and len(ticker) < _SHORTEST_CODE for ticker in wide):
        shown = " and ".join(repr(names[columns["close"]]) for columns in wide.values())
        raise SourceError(
            f"{where}: {shown}: of a table that was merged, and without a ticker; name such columns as Close_AAPL"
        )
    used = {at for columns in wide.values() for at in columns.values()}
    free = [at for at in range(len(names)) if at not in used]
    dates = [at for at in free if field_of(names[at].strip("()',\" ")) == "date"] or [
        at for at in free if plain(names[at]) in NAMELESS
    ]
    return Layout(tuple(names), {"date": dates[0]}, wide) if dates else None


def _whole_tickers(names: Sequence[str], among: Iterable[int], *, are_words: bool) -> dict[str, dict[str, int]]:
    """Ticker → field → column, of tickers with all prices."""
    wide: dict[str, dict[str, int]] = {}
    for at in among:
        is_field = not names[at].startswith("(") and field_of(names[at]) is not None
        parts = None if is_field else field_and_ticker(names[at], is_word=are_words)
        if parts is not None:
            wide.setdefault(parts[1], {}).setdefault(parts[0], at)
    return {ticker: columns for ticker, columns in wide.items() if columns.keys() >= {*PRICE_COLUMNS}}


def field_and_ticker(name: str, *, is_word: bool = False) -> tuple[str, str] | None:
    """Our name of the field, and the ticker, of a name that holds both; None for another name.

    `is_word`: only tickers in capitals that are words for columns as well, as V and LOW.
    """
    pairs: list[tuple[str, str]] = []
    if name.startswith("("):
        try:
            value = ast.literal_eval(name)
        except (ValueError, SyntaxError):
            value = None
        if isinstance(value, tuple) and len(value) == 2:
            pairs.append((str(value[0]), str(value[1])))
    pairs += [(name[: mark.start()], name[mark.end() :]) for mark in _SEPARATOR.finditer(name)]
    found: list[tuple[bool, int, str, str]] = []
    for left, right in pairs:
        for text, other in ((left, right), (right, left)):
            ours, ticker = field_of(text), canonical_ticker(other)
            if ours is None or ours not in _FIELDS or not is_ticker(ticker):
                continue
            is_named = other.strip().lower() not in NAME_WORDS and other.strip() not in _OF_VALUES
            if is_named and (field_of(other) is not None) == is_word and (not is_word or other.strip().isupper()):
                found.append((is_plainly(ours, text), len(text), ours, ticker))
    if not found:
        return None
    # `Adj_Close_AAPL` is an adjusted close of AAPL: of several names the longest that needs no marks taken off.
    best = max(found, key=lambda each: each[:2])
    return best[2:]
