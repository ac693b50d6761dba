"""Which sign is the decimal one, decided once from all values of a file.

`1,234` may be a thousand or one and a bit. A value decides if it can be read one way only: `15,50512` and `1.234,5` have a
decimal comma, `1,234,567` and `1,234.5` a decimal point. If all prices can be read both ways, the volumes decide, and then
whether the prices go on from day to day under one reading alone. Else the column is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from errors import SourceError
from producers.forms.number_texts import NumberTexts
from producers.forms.numbers import EITHER, Sign, number

_EITHER: Final = re.compile(EITHER)
#: Between two bars a price hardly moves by more.
_LARGEST_MOVE: Final = float(np.log(20))
#: Enough values to see whether a reading goes on from one bar to the next.
_ENOUGH: Final = 10


def decided(columns: Sequence[NumberTexts]) -> Sign | str | None:
    """The sign that the values show; a text with two values that contradict each other; None if none decides."""
    shown: dict[Sign, str] = {}
    for column in columns:
        shown = {**column.shown(), **shown}
    if len(shown) == len(Sign):
        return f"{shown[Sign.POINT]!r} has a decimal point and {shown[Sign.COMMA]!r} a decimal comma"
    return next(iter(shown), None)


def decimal_sign(prices: Sequence[NumberTexts], volumes: NumberTexts | None, *, where: str) -> tuple[Sign, Sign]:
    """The decimal signs of prices and volumes. SourceError names both readings if none is sure."""
    of_prices = decided(prices)
    of_volumes = None if volumes is None else decided([volumes])
    if not prices:
        return _sign_of_volumes(volumes, of_volumes, where)
    if isinstance(of_prices, Sign):
        return of_prices, of_volumes if isinstance(of_volumes, Sign) else of_prices
    if of_prices is None and isinstance(of_volumes, Sign):
        return of_volumes, of_volumes
    if of_prices is None and volumes is not None and not any(column.holds(mark) for column in prices for mark in ".,"):
        return _sign_beside_whole(prices, volumes, where)
    readings = [sign for sign in Sign if of_prices is None and _goes_on(prices, sign)]
    example = next((text for column in prices if (text := column.holds(",")) is not None), None)
    pointed = next((text for column in prices if (text := column.holds(".")) is not None), None)
    if of_prices is None and example is None and readings != [Sign.COMMA] and not (volumes and volumes.are_thousands()):
        is_told = volumes is not None and volumes.has_plain_thousands()
        if pointed is None or is_told or len(readings) != len(Sign) or not _are_all_pointed(prices):
            return Sign.POINT, Sign.POINT
    example = example or pointed
    if len(readings) == 1:
        return readings[0], readings[0]
    why = of_prices or f"{example!r} may be {number(example or '', Sign.POINT):g} or {number(example or '', Sign.COMMA):g}"
    raise _two_readings(why, where)


def _sign_beside_whole(prices: Sequence[NumberTexts], volumes: NumberTexts, where: str) -> tuple[Sign, Sign]:
    """The signs where no price has a point or comma, and no volume shows which it is.

    Beside prices as 1234, which have no sign between thousands, volumes that all have a point have decimals.
    """
    if volumes.has_whole() or not any(column.has_plain_thousands() for column in prices):
        return _sign_of_volumes(volumes, None, where)
    return Sign.POINT, Sign.POINT


def _sign_of_volumes(volumes: NumberTexts | None, shown: Sign | str | None, where: str) -> tuple[Sign, Sign]:
    """The signs where all prices are numbers already, or whole."""
    text = volumes.holds(".") if volumes is not None and volumes.are_thousands() else None
    if isinstance(shown, str) and not isinstance(shown, Sign):
        raise _two_readings(shown, where)
    if shown is None and text is not None:
        raise _two_readings(f"{text!r} may be {number(text, Sign.POINT):g} or {number(text, Sign.COMMA):g}", where)
    return Sign.POINT, shown or Sign.POINT


def _two_readings(why: str, where: str) -> SourceError:
    return SourceError(f"{where}: {why}; say which: --read-as decimal=point or --read-as decimal=comma")


def may_be_grouped(texts: Sequence[str]) -> bool:
    """Whether plain numbers may be thousands with points: all that have a point have three digits behind it."""
    pointed = [text for text in texts if "." in text]
    return all(_EITHER.fullmatch(text) for text in pointed)


def _are_all_pointed(prices: Sequence[NumberTexts]) -> bool:
    """Whether every price has a point: numbers of three decimals have no whole numbers among them."""
    return all(column.are_thousands() for column in prices)


def _goes_on(prices: Sequence[NumberTexts], sign: Sign) -> bool:
    """Whether prices stay near each other under a decimal sign: from day to day, and within each day."""
    columns = [column.floats(sign) for column in prices]
    for column in columns:
        values = column[np.isfinite(column) & (column > 0)]
        if len(values) < _ENOUGH or np.abs(np.diff(np.log(values))).max() > _LARGEST_MOVE:
            return False
    table = np.stack(columns)
    table = table[:, (np.isfinite(table) & (table > 0)).all(axis=0)]
    return not table.size or bool(np.ptp(np.log(table), axis=0).max() <= _LARGEST_MOVE)
