"""Files without a header row: what their columns are by kind, order and size. What is not plain is refused."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from errors import SourceError
from producers.forms.counts import NOT_A_DAY
from producers.forms.dates import read_dates
from producers.forms.layout import Layout, find_columns
from producers.forms.numbers import Sign, cleaned, number
from records import PRICE_COLUMNS, Floats

#: Signature of a file without a header row → its columns. `d` a date or count, `t` a time, `s` a text, `n` a number.
#: '' is not used. Columns behind the last that is named are not used either.
_HEADLESS: Final[Mapping[str, tuple[str, ...]]] = {
    "dnnnnnnn": ("date", "open", "high", "low", "close", "", "volume"),  # Kraken's answer: the mean price before the volume
    "dnnnnnnnnnn": ("date", "open", "high", "low", "close", "volume"),  # Eastmoney: money and changes behind
    "dnnnnnnnn": ("date", "open", "high", "low", "close", "volume"),  # OKX: money twice behind, and whether the bar is finished
    "ssdnnnnn": ("ticker", "", "date", "open", "high", "low", "close", "volume"),  # MetaStock: the period behind the ticker
    "ssdnnnnnnn": ("ticker", "", "date", "", "open", "high", "low", "close", "volume"),  # MetaStock with times
    "dnnnnnnnnnnn": ("date", "open", "high", "low", "close", "volume"),  # Binance
    "dtnnnnn": ("date", "time", "open", "high", "low", "close", "volume"),  # MetaTrader 4
    "sdnnnnn": ("ticker", "date", "open", "high", "low", "close", "volume"),  # end-of-day texts of Australian vendors
    "dnnnnnn": ("date", "open", "high", "low", "close", "volume"),  # Kraken: the count of trades behind
    "dnnnnn": ("date", "open", "high", "low", "close", "volume"),
    "dnnnn": ("date", "open", "high", "low", "close"),
}  # fmt: skip
#: Other orders of the four prices that services write. The prices themselves must leave no other.
_ORDERS: Final = (
    ("open", "close", "high", "low"),  # Bitfinex, KuCoin, Eastmoney, Tencent
    ("low", "high", "open", "close"),  # Coinbase
)
#: What MetaStock calls bars of a day.
_DAILY: Final = frozenset({"D", "1D", "DAILY", "1440"})
#: LEAN writes prices in ten-thousandths of a dollar, behind dates with times.
_OF_LEAN: Final = re.compile(r"\d{8} \d{2}:\d{2}")
_LEAN_UNIT: Final = 1e4
#: Of an adjusted close or a mean price the ratio to the close hardly moves from bar to bar; volumes move by more.
_STEADY: Final = 0.02
_FEWEST_BARS: Final = 10
_FEWEST_TRADED: Final = 3
_ADJUSTED: Final = float(np.log10(2.0))
_NEEDED: Final = (
    "add a header row, as date,open,high,low,close,volume, or name the columns: "
    "--read-as 'date=column 1' --read-as 'open=column 2' …"
)


def headless(rows: Sequence[Sequence[str]], kinds: str, declared: Mapping[str, str], *, where: str) -> Layout:
    """The layout of a file without a header row, by the kinds of its columns (`dnnnnn`) and its first rows.

    SourceError if these leave more than one reading.
    """
    names = tuple(f"column {at + 1}" for at in range(len(kinds)))
    if declared:
        return Layout(names, find_columns(names, declared, where=where))
    first = int(kinds not in _HEADLESS and _counts_rows([row[0] for row in rows]))
    fields = _HEADLESS.get(kinds[first:])
    if fields is None:
        raise SourceError(f"{where}: has no header row; {_NEEDED}")
    layout = {ours: first + at for at, ours in enumerate(fields) if ours}
    if fields[1] == "" and not {row[first + 1].strip().upper() for row in rows} <= _DAILY:
        raise SourceError(f"{where}: has no header row, and its second column names no bars of a day, as D; {_NEEDED}")
    where_numbers = [at for at, k in enumerate(kinds) if at >= first and k == "n"]
    columns = _columns(rows, where_numbers, where)
    dates = [row[layout["date"]] for row in rows]
    rises = _rises(dates)
    layout |= _other_order(layout, columns, rises=rises)
    values = {ours: columns[at] for ours, at in layout.items() if at in columns}
    behind = [columns[at] for at in where_numbers if at > max(layout.values())]
    fault = _order_fault(values, rises=rises) or _mean_fault(columns, layout, fields) or _volume_fault(values, behind)
    if fault is None and all(map(_OF_LEAN.fullmatch, dates)) and _are_whole(values):
        fault = "whole prices behind such dates may be in ten-thousandths of a dollar, as LEAN writes them"
    if fault is not None:
        raise SourceError(f"{where}: has no header row, and {fault}; {_NEEDED}")
    if "volume" in values and _is_price(values["volume"], values["close"]):
        layout["adjusted_close"] = layout.pop("volume")
        if behind:
            layout["volume"] = layout["adjusted_close"] + 1
    return Layout(names, layout)


def _columns(rows: Sequence[Sequence[str]], where_numbers: Sequence[int], where: str) -> dict[int, Floats]:
    """The columns of numbers, by index. SourceError if the first rows lack some."""
    texts = [[cleaned(row[at]) for at in where_numbers] for row in rows]
    for sign in Sign:
        found = np.array([[number(text, sign) for text in row] for row in texts]).T
        if np.isfinite(found).all():
            return dict(zip(where_numbers, found, strict=True))
    raise SourceError(f"{where}: has no header row, and the first rows lack numbers; {_NEEDED}")


def _other_order(layout: Mapping[str, int], columns: Mapping[int, Floats], *, rises: bool | None) -> dict[str, int]:
    """The prices in another order that services write, if they are in no other; empty for open, high, low, close."""
    places = [layout[name] for name in PRICE_COLUMNS]
    readings = (PRICE_COLUMNS, *_ORDERS)
    read = {order: {name: columns[at] for name, at in zip(order, places, strict=True)} for order in readings}
    possible = [order for order, values in read.items() if _order_fault(values, rises=rises) is None]
    is_enough = rises is not None and len(columns[places[0]]) >= _FEWEST_BARS
    if not is_enough or len(possible) != 1 or possible[0] == PRICE_COLUMNS:
        return {}
    return dict(zip(possible[0], places, strict=True))


def _mean_fault(columns: Mapping[int, Floats], layout: Mapping[str, int], fields: Sequence[str]) -> str | None:
    """Why the column between close and volume is no mean price, where the form has one."""
    at = layout["close"] + 1
    if "" not in fields[3:] or at not in columns or layout.get("volume", 0) != at + 1:
        return None
    mean, high, low = columns[at], columns[layout["high"]], columns[layout["low"]]
    is_mean = ((mean >= low - 1e-9) & (mean <= high + 1e-9)) | ((mean == 0) & (columns[at + 1] == 0))
    return None if is_mean.all() else "the column behind the close is no mean price, and may be the volume"


def _are_whole(values: Mapping[str, Floats]) -> bool:
    """Whether all prices are whole numbers that are large enough to be in ten-thousandths."""
    prices = np.stack([values[name] for name in PRICE_COLUMNS])
    return bool((prices % 1.0 == 0.0).all() and prices.min() >= _LEAN_UNIT)


def _counts_rows(cells: Sequence[str]) -> bool:
    """Whether the first column numbers the rows, as pandas writes them."""
    return all(cell.strip().isdigit() for cell in cells) and all(
        int(after) - int(before) == 1 for before, after in itertools.pairwise(cells)
    )


def _order_fault(values: Mapping[str, Floats], *, rises: bool | None) -> str | None:
    opened, high, low, close = (values[name] for name in PRICE_COLUMNS)
    if (high < np.maximum(opened, close) - 1e-9).any() or (low > np.minimum(opened, close) + 1e-9).any():
        return "its columns of prices are not open, high, low, close"
    if len(close) < _FEWEST_BARS or not (low > 0).all():
        return None
    if rises is None:
        return "its dates do not say which bar is first, and open and close may be exchanged"
    before, after = (slice(None, -1), slice(1, None)) if rises else (slice(1, None), slice(None, -1))
    overnight = np.median(np.abs(np.log(opened[after] / close[before])))
    exchanged = np.median(np.abs(np.log(close[after] / opened[before])))
    return "open and close seem to be exchanged" if overnight > 2.0 * exchanged else None


def _rises(dates: Sequence[str]) -> bool | None:
    """Whether the dates rise, None where that cannot be seen."""
    try:
        day = read_dates(dates, declared=None, where="").day
    except SourceError:  # day and month may be exchanged: the dates of all rows are read, and refused, later
        return None
    first, last = int(day[0]), int(day[-1])
    return None if first == last or NOT_A_DAY in (first, last) else first < last


def _volume_fault(values: Mapping[str, Floats], behind: Sequence[Floats]) -> str | None:
    volume = values.get("volume")
    if volume is None:
        return None
    if _is_price(volume, values["close"]):
        is_between = bool(((volume >= values["low"]) & (volume <= values["high"])).all())
        if is_between and not np.array_equal(volume, values["close"]):
            return "the column behind the close may be an adjusted close or a mean price"
        return None
    return None if not behind else _money_fault(volume, behind[0], values)


def _money_fault(volume: Floats, behind: Floats, values: Mapping[str, Floats]) -> str | None:
    """Why the column behind the close may be money, and the next column the volume: it is the price times that, in any unit."""
    price = np.sqrt(values["high"] * values["low"])
    money_first, volume_first = _as_money(volume, behind, price), _as_money(behind, volume, price)
    if money_first is None or (volume_first is not None and 2.0 * volume_first[0] < money_first[0]):
        return None  # the price moves, and the next column moves with it
    unit = 10.0 ** round(money_first[1])
    return (
        f"the column behind the close may be the volume, or money and the next the volume: it is the next times the price"
        f"{'' if unit == 1.0 else f' times {unit:g}'}"
    )


def _as_money(money: Floats, volume: Floats, price: Floats) -> tuple[float, float] | None:
    """How far, in logarithms, a column is from the price times another in one unit, and the power of ten of that unit.

    None if it is something else. In the unit 1 prices may be adjusted, up to twice the price that was paid.
    """
    traded = (money > 0) & (volume > 0) & (price > 0)
    if 2 * int(traded.sum()) < max(1, len(price)):
        return None
    unit = np.log10(money[traded] / (volume[traded] * price[traded]))
    centre = float(np.median(unit))
    spread = float(np.median(np.abs(unit - centre)))
    is_unit = len(unit) >= _FEWEST_TRADED and abs(centre - round(centre)) <= _STEADY
    return (spread, centre) if spread <= _STEADY and (is_unit or abs(centre) <= _ADJUSTED) else None


def _is_price(column: Floats, close: Floats) -> bool:
    """Whether a column moves as the closes do."""
    if len(close) < 2 or not ((column > 0) & (close > 0)).all():
        return False
    return bool(np.median(np.abs(np.diff(np.log(column / close)))) < _STEADY)
