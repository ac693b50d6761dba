"""The currency in a column's name: `Close (EUR)`, `Kurs in EUR`, `close_usd`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from records import currency_code

#: Currencies in which exchanges quote. Others are symbols or words as well: ALL, COP, MAD, PEN, TOP. 元 is of the mainland, of
#: Taiwan and of Hong Kong. A coin in a name may be the prices' unit or their subject.
_QUOTING: Final = (
    "USD|EUR|GBP|GBX|JPY|CNY|CNH|HKD|KRW|INR|AUD|CAD|NZD|CHF|SEK|NOK|DKK|ISK|PLN|CZK|HUF|RON|BGN|TRY|RUB|BRL|MXN|CLP|ARS|ZAR|"
    "ZAC|ILS|ILA|SGD|TWD|THB|IDR|MYR|PHP|VND|SAR|AED|QAR|KWD|US\\$|HK\\$|A\\$|C\\$|€|£|₩|₹|円|원|euro|pence"
)
CURRENCY: Final = rf"(?P<code>{_QUOTING})"
_PATTERNS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?P<base>.*?\S)\s*[(（\[【]\s*(?:in\s+)?{CURRENCY}\s*[)）\]】]",
        rf"(?P<base>.*?[^\W_])(?:[\s,_]+(?:in|en|em|i|w|v|в)[\s_]+|\s*,\s*){CURRENCY}",
        r"(?P<base>.*?[^\W_])[\s_.\-]*(?P<code>USD|EUR|GBP|JPY|CNY)",
    )
)


@lru_cache(maxsize=1 << 12)
def currency_mark(name: str) -> tuple[str, str] | None:
    """A name without its currency, and the currency's code; None for a name without one.

    >>> [currency_mark(name) for name in ("Close (EUR)", "Kurs in EUR", "close_usd", "Low (GBp)", "收盘价(元)", "Close")]
    [('Close', 'EUR'), ('Kurs', 'EUR'), ('close', 'USD'), ('Low', 'GBp'), None, None]
    """
    for pattern in _PATTERNS:
        match = pattern.fullmatch(name.strip())
        code = None if match is None else currency_code(match["code"])
        if match is not None and code is not None:
            return match["base"], code
    return None
