"""Validated daily bars of one ticker, as columns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.int32]
Floats = NDArray[np.float64]

_EPOCH_ORDINAL: Final = dt.date(1970, 1, 1).toordinal()
#: The prices of a bar.
PRICE_COLUMNS: Final = ("open", "high", "low", "close")
#: What a source must give of a bar.
MARKET_COLUMNS: Final = (*PRICE_COLUMNS, "volume")
#: Amounts of currency per share: a split divides them.
PER_SHARE_COLUMNS: Final = (*PRICE_COLUMNS, "dividend")
#: The value columns of a bar, in their order in every encoding.
VALUE_COLUMNS: Final = (*MARKET_COLUMNS, "dividend", "split")
_COLUMNS: Final = ("day", *VALUE_COLUMNS)
_DAY: Final = np.dtype(np.int32)
_FLOAT: Final = np.dtype(np.float64)


def day_number(date: dt.date) -> int:
    """Days since 1970-01-01; arrays keep dates in this form."""
    return date.toordinal() - _EPOCH_ORDINAL


def date_of(day: int | np.integer) -> dt.date:
    """The date of a day number."""
    return dt.date.fromordinal(int(day) + _EPOCH_ORDINAL)


def parse_date(text: str) -> dt.date:
    """The date written as YYYY-MM-DD. Raises ValueError for other forms, of which `fromisoformat` accepts several."""
    if len(text) != 10 or text[4] != "-" or text[7] != "-":
        raise ValueError(text)
    return dt.date.fromisoformat(text)


def day_numbers(dates: Iterable[dt.date]) -> Days:
    """`day_number` of each date, as an int32 array."""
    return np.fromiter((d.toordinal() - _EPOCH_ORDINAL for d in dates), dtype=np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Validated daily bars of one ticker: dates strictly rising, prices positive, low ≤ open, close ≤ high.

    All columns have the same length n and are read-only. Prices are in the currency of the exchange, `volume` in shares.
    `dividend` is in currency per share, 0 without a dividend. `split` is in new shares per old share, 1 without a split. Both
    take effect on the date of their bar.
    """

    day: Days
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    dividend: Floats
    split: Floats

    def __post_init__(self) -> None:
        shape = (len(self.day),)
        for name in _COLUMNS:
            column = getattr(self, name)
            dtype = _DAY if name == "day" else _FLOAT
            if column.dtype != dtype or column.shape != shape:
                message = f"column {name}: {column.dtype}{column.shape} where {dtype}{shape} is needed"
                raise ValueError(message)
            column.setflags(write=False)

    @classmethod
    def empty(cls) -> Self:
        """No bars."""
        return cls(np.empty(0, np.int32), *(np.empty(0) for _ in VALUE_COLUMNS))

    @classmethod
    def of(cls, day: Days, **columns: Floats) -> Self:
        """Bars from columns; `dividend` and `split` are optional."""
        n = len(day)
        dividend = columns.pop("dividend", None)
        split = columns.pop("split", None)
        return cls(
            day=day,
            dividend=np.zeros(n) if dividend is None else dividend,
            split=np.ones(n) if split is None else split,
            **columns,
        )

    @classmethod
    def concatenate(cls, parts: Iterable[Self]) -> Self:
        """The bars of all parts, one after the other; the caller ensures that dates rise."""
        chosen = list(parts)
        if not chosen:
            return cls.empty()
        return cls(*(np.concatenate([getattr(part, name) for part in chosen]) for name in _COLUMNS))

    def __len__(self) -> int:
        return len(self.day)

    def __getitem__(self, rows: slice | NDArray[np.bool_] | NDArray[np.intp]) -> Bars:
        """A part of the bars: views for a slice, copies for a mask or an index array."""
        columns = [getattr(self, name)[rows] for name in _COLUMNS]
        if not isinstance(rows, slice):
            return Bars(*columns)
        # Views of checked columns need no check, which takes most of the time.
        part = object.__new__(Bars)
        for name, column in zip(_COLUMNS, columns, strict=True):
            object.__setattr__(part, name, column)
        return part

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Bars):
            return NotImplemented
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in _COLUMNS)

    __hash__ = None  # type: ignore[assignment]  # compared by value, so not usable as a key

    @property
    def first_date(self) -> dt.date:
        """Date of the first bar; IndexError when empty."""
        return date_of(self.day[0])

    @property
    def last_date(self) -> dt.date:
        """Date of the last bar; IndexError when empty."""
        return date_of(self.day[-1])
