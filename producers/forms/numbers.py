"""Numbers as texts: one value cleaned of currencies and placeholders, read under a decimal sign, and the sign that it shows."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Final

#: Texts in place of a missing number, in plain lower case.
PLACEHOLDERS: Final = frozenset(
    {"", "null", "none", "nan", "na", "n/a", "n.a.", "#n/a", "#n/a n/a", "#na", "#value!", "#div/0!", "#ref!", "nil", "-",
     "--", "---", "–", "—", "?", "*", ".", "..", "...", "…", "x", "k.a.", "n.d.", "nd", "b.d.", "<na>", "nat", "missing",
     "inf", "-inf", "n/d", "s/d"}
)  # fmt: skip
#: Letters behind a number → its factor; words for pieces have none.
SUFFIXES: Final = {
    "stück": 1.0, "stuck": 1.0, "stk": 1.0, "st": 1.0, "shares": 1.0, "share": 1.0, "pcs": 1.0, "szt": 1.0, "шт": 1.0,
    "acciones": 1.0, "titres": 1.0, "株": 1.0, "주": 1.0, "股": 1.0, "手": 100.0,
    "k": 1e3, "tsd": 1e3, "тыс": 1e3, "m": 1e6, "mn": 1e6, "mm": 1e6, "mio": 1e6, "mln": 1e6, "млн": 1e6, "mill": 1e6,
    "b": 1e9, "bn": 1e9, "mrd": 1e9, "mlrd": 1e9, "md": 1e9, "bil": 1e9, "млрд": 1e9, "t": 1e12, "trn": 1e12,
    "千": 1e3, "万": 1e4, "萬": 1e4, "만": 1e4, "亿": 1e8, "億": 1e8, "억": 1e8, "兆": 1e12,
}  # fmt: skip
_SPACES: Final = re.compile(r"(?<=\d)[\s'’´`_](?=\d{3}(?!\d))")
#: Minus, and the decimal sign and the sign between thousands of Arabic and Persian.
_SIGNS: Final = str.maketrans({"−": "-", "٫": ".", "٬": ","})
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
#: A number that may be a thousand with its sign, or have three decimals.
EITHER: Final = r"[1-9][0-9]{0,2}[.,][0-9]{3}"
_EITHER: Final = re.compile(EITHER)


class Sign(StrEnum):
    """The decimal sign."""

    POINT = "point"
    COMMA = "comma"


def cleaned(text: str | None) -> str:
    """A value without currency, blanks and full-width forms, '' for a placeholder; its points and commas stay."""
    if text is None:
        return ""
    text = unicodedata.normalize("NFKC", text).translate(_SIGNS).strip().strip("\"'=").strip()
    if text.lower() in PLACEHOLDERS:
        return ""
    text = _CURRENCY.sub("", text).strip()
    if text.startswith("(") and text.endswith(")"):
        text = f"-{text[1:-1]}"
    while (joined := _SPACES.sub("", text)) != text:
        text = joined
    return "" if text.lower() in PLACEHOLDERS else text


def may_be_thousands(text: str) -> bool:
    """Whether a text can be read both ways, as `1.234`."""
    return _EITHER.fullmatch(text) is not None


def shown_by(text: str) -> Sign | None:
    """The decimal sign that a cleaned value shows; None if it can be read both ways."""
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
