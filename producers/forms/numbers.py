"""Numbers as texts: which sign is the decimal one, decided once from all values, and then each value read by it.

`1,234` may be a thousand or one and a bit. A value decides if it can be read one way only: `15,50512` and `1.234,5` have a
decimal comma, `1,234,567` and `1,234.5` a decimal point. If all prices can be read both ways, the volumes decide, and then
whether the prices go on from day to day under one reading alone. Else the column is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

import numpy as np

from errors import SourceError
from records import Floats

#: Texts in place of a missing number, in plain lower case.
PLACEHOLDERS: Final = frozenset(
    {"", "null", "none", "nan", "na", "n/a", "n.a.", "#n/a", "#n/a n/a", "#na", "#value!", "#div/0!", "#ref!", "nil", "-",
     "--", "---", "–", "—", "?", "*", ".", "..", "...", "…", "x", "k.a.", "n.d.", "nd", "b.d.", "<na>", "nat", "missing",
     "inf", "-inf", "n/d", "s/d"}
)  # fmt: skip
#: Letters behind a number → its factor.
SUFFIXES: Final = {
    "k": 1e3, "tsd": 1e3, "тыс": 1e3, "m": 1e6, "mn": 1e6, "mm": 1e6, "mio": 1e6, "mln": 1e6, "млн": 1e6, "mill": 1e6,
    "b": 1e9, "bn": 1e9, "mrd": 1e9, "mlrd": 1e9, "md": 1e9, "bil": 1e9, "млрд": 1e9, "t": 1e12, "trn": 1e12,
    "千": 1e3, "万": 1e4, "萬": 1e4, "만": 1e4, "亿": 1e8, "億": 1e8, "억": 1e8, "兆": 1e12,
}  # fmt: skip
_SPACES: Final = re.compile(r"(?<=\d)[\s'’´`_](?=\d{3}(?!\d))")
#: Currency signs and codes, around a number.
_CODES: Final = (
    "USD|EUR|GBP|GBX|GBp|CHF|JPY|CNY|CNH|RMB|HKD|KRW|INR|AUD|CAD|NZD|SEK|NOK|DKK|"
    "PLN|CZK|HUF|TRY|BRL|MXN|ZAR|ZAc|ILS|ILA|SGD|TWD|THB|RUB|USDT|USDC|BTC|ETH"
)
_CURRENCY: Final = re.compile(
    rf"^(?:US\$|HK\$|NT\$|A\$|C\$|R\$|[$€£¥₩₹₽₺₪฿₫元円원]|Rs\.?|kr\.?|Kč|zł|Fr\.?|(?:{_CODES})\b)\s*"
    rf"|\s*(?:[$€£¥₩₹₽₺₪฿₫元円원]|kr\.?|Kč|zł|Ft|Fr\.?|TL|руб\.?|(?<![A-Za-z])p|(?<![A-Za-z])(?:{_CODES}))$"
)
_NUMBER: Final = re.compile(r"([+-]?)([\d.,]*\d[\d.,]*)(e[+-]?\d+)?\s*([^\W\d_]+\.?)?", re.IGNORECASE)
_EITHER: Final = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
#: Between two bars a price hardly moves by more.
_LARGEST_MOVE: Final = float(np.log(20))
#: Enough values to see whether a reading goes on from one bar to the next.
_ENOUGH: Final = 10


class Sign(StrEnum):
    """The decimal sign."""

    POINT = "point"
    COMMA = "comma"


def cleaned(text: str | None) -> str:
    """A value without currency, blanks and full-width forms, '' for a placeholder; its points and commas stay."""
    if text is None:
        return ""
    text = unicodedata.normalize("NFKC", text).strip().strip("\"'=").strip().replace("−", "-")
    if text.lower() in PLACEHOLDERS:
        return ""
    text = _CURRENCY.sub("", text).strip()
    if text.startswith("(") and text.endswith(")"):
        text = f"-{text[1:-1]}"
    while (joined := _SPACES.sub("", text)) != text:
        text = joined
    return "" if text.lower() in PLACEHOLDERS else text


def decided(texts: Iterable[str]) -> Sign | str | None:
    """The sign that cleaned values show; a text with two values that contradict each other; None if none decides."""
    shown: dict[Sign, str] = {}
    for text in texts:
        sign = _shown_by(text)
        if sign is not None and shown.setdefault(sign, text) and len(shown) == 2:
            return f"{shown[Sign.POINT]!r} has a decimal point and {shown[Sign.COMMA]!r} a decimal comma"
    return next(iter(shown), None)


def _shown_by(text: str) -> Sign | None:
    points, commas = text.count("."), text.count(",")
    if not points and not commas:
        return None
    if points and commas:
        sign = Sign.POINT if text.rfind(".") > text.rfind(",") else Sign.COMMA
        return sign if (points if sign is Sign.POINT else commas) == 1 else None
    if points > 1 or commas > 1:
        return Sign.COMMA if points else Sign.POINT
    match = _NUMBER.fullmatch(text)
    digits = match[2] if match else text
    if match is None or _EITHER.fullmatch(digits):
        return None
    return Sign.POINT if points else Sign.COMMA


def decimal_sign(prices: Sequence[Sequence[str]], volumes: Sequence[str], *, where: str) -> tuple[Sign, Sign]:
    """The decimal signs of prices and volumes, columns of cleaned values. SourceError names both readings if none is sure."""
    of_prices = decided(text for column in prices for text in column)
    of_volumes = decided(volumes)
    if isinstance(of_prices, Sign):
        return of_prices, of_volumes if isinstance(of_volumes, Sign) else of_prices
    example = next((t for column in prices for t in column if "," in t), None)
    if of_prices is None and isinstance(of_volumes, Sign):
        return of_volumes, of_volumes
    readings = [sign for sign in Sign if of_prices is None and _goes_on(prices, sign)]
    if of_prices is None and example is None and readings != [Sign.COMMA] and not _are_grouped(volumes):
        return Sign.POINT, Sign.POINT  # `15.505` alone is an ordinary number
    example = example or next((t for column in prices for t in column if "." in t), None)
    if len(readings) == 1:
        return readings[0], readings[0]
    why = of_prices or f"{example!r} may be {number(example or '', Sign.POINT):g} or {number(example or '', Sign.COMMA):g}"
    raise SourceError(f"{where}: {why}; say which: --read-as decimal=point or --read-as decimal=comma")


def _are_grouped(volumes: Sequence[str]) -> bool:
    """Whether volumes look like thousands with points: `451.998`, and none from 1000 on without one."""
    return any("." in text for text in volumes) and all(
        _EITHER.fullmatch(text) is not None if "." in text else len(text) <= 3 for text in volumes
    )


def may_be_grouped(texts: Sequence[str]) -> bool:
    """Whether plain numbers may be thousands with points: all that have a point have three digits behind it."""
    pointed = [text for text in texts if "." in text]
    return all(_EITHER.fullmatch(text) for text in pointed)


def _goes_on(prices: Sequence[Sequence[str]], sign: Sign) -> bool:
    for column in prices:
        values = np.array([number(text, sign) for text in column])
        values = values[np.isfinite(values) & (values > 0)]
        if len(values) < _ENOUGH or np.abs(np.diff(np.log(values))).max() > _LARGEST_MOVE:
            return False
    return True


def number(text: str, sign: Sign) -> float:
    """A cleaned value as a number; NaN if it is none under this decimal sign.

    >>> [number(text, Sign.COMMA) for text in ("1.234,5", "58,41M", "15,505", "3,0e-7", "1,5 Mrd", "1.2.3,4")]
    [1234.5, 58410000.0, 15.505, 3e-07, 1500000000.0, nan]
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return float("nan")
    minus, digits, power, letters = match.groups()
    group, mark = (",", ".") if sign is Sign.POINT else (".", ",")
    whole, has_part, part = digits.partition(mark)
    factor = 1.0 if letters is None else SUFFIXES.get(letters.rstrip(".").lower(), float("nan"))
    if group in whole and not re.fullmatch(rf"\d{{1,3}}(\{group}\d{{3}})+|\d{{1,2}}(\{group}\d{{2}})*\{group}\d{{3}}", whole):
        return float("nan")
    if mark in part or group in part:
        return float("nan")
    plain = f"{minus}{whole.replace(group, '') or '0'}{'.' + part if has_part and part else ''}{power or ''}"
    return float(plain) * factor


def floats(texts: Sequence[str], sign: Sign) -> Floats:
    """Cleaned values as numbers, shape (n,)."""
    known: dict[str, float] = {}
    return np.array([known[t] if t in known else known.setdefault(t, number(t, sign)) for t in texts], dtype=np.float64)
