"""What can be a ticker: symbols as Yahoo and exchanges write them, `BRK-B`, `005930.KS`, `^GSPC`, `EURUSD=X`, `M&M.NS`."""

from __future__ import annotations

import re
from typing import Final

from records.symbols import (
    A_SHARE_MARKETS,
    BLOOMBERG_INDICES,
    BLOOMBERG_MARKETS,
    COUNTRIES,
    FIAT,
    PREFIX_MARKETS,
    STABLE,
    SUFFIXES,
)

#: Upper-case letters and digits. `.` stands before an exchange suffix, `-` before a share class, `^` for an index. `=` is for a
#: currency pair or a future, `&` in names (`M&M.NS`), `_`, `+`, `$`, `!`, `#`, `@` and `'` as exchanges and charting programs
#: write them. No blank, slash, colon, backslash, `*`, `?`, `%` or quotation mark: the symbol is also a file's name and part of
#: an address. At most 24 characters: the longest real symbols (options apart) have 15, an ISIN with its exchange 20.
TICKER_PATTERN: Final = r"^[\^$#@]?[A-Z0-9][A-Z0-9.\-=&^_+$!#@']{0,23}$"
_TICKER: Final = re.compile(TICKER_PATTERN)

#: Words in the place of a ticker: headers of ticker files, and how tables print missing values.
NOT_TICKERS: Final = frozenset({"SYMBOL", "SYMBOLS", "TICKER", "TICKERS", "NAME", "NAN", "NONE", "NULL", "N/A"})

#: A class share as its exchange spells it, `BRK.B` or `BRK/B`. Few letters only: Yahoo knows exchanges by one letter as well,
#: `VOD.L`.
_CLASS_SHARE: Final = re.compile(r"([A-Z]{1,5}(?:\.|\s?/\s?)|[A-Z]{2,5}\s)([A-D])")
#: A pair of coins or currencies, `BTC/USDT`; with `_` only if it plainly is one.
_PAIR: Final = re.compile(rf"([A-Z0-9]{{2,10}})(?:\s?/\s?([A-Z]{{3,5}})|_({'|'.join((*STABLE, *FIAT))}))")
#: Bloomberg's currency pair, `EURUSD Curncy`, and index.
_OF_BLOOMBERG: Final = re.compile(r"([A-Z0-9]{2,8}) (CURNCY|INDEX)")
_SUFFIXED: Final = re.compile(rf"([A-Z0-9&-]{{1,15}})\.({'|'.join(SUFFIXES)})")
_OF_COUNTRY: Final = re.compile(rf"([A-Z0-9.]{{1,12}})-({'|'.join(COUNTRIES)})")
#: `700.HK`, `00700.HK`, and as brokers of Hong Kong write it, `HK.00700`, `hk00700`.
_HONG_KONG: Final = re.compile(r"(?:HK[.#]?(?=\d{5}$)|(?=\d+\.HK$))0*([1-9]\d{0,3})(?:\.HK)?")
#: A broker's `US.AAPL`; shorter words may be exchanges, and the first the symbol.
_UNITED_STATES: Final = re.compile(r"US\.([A-Z]{3,5}(?:\.[A-D])?)")
#: Bloomberg's `VOD LN Equity` → Yahoo's suffix.
_BLOOMBERG: Final = re.compile(r"([A-Z0-9/]{1,12}) ([A-Z]{2})(?: EQUITY)?")
#: Charting programs put the exchange in front, `LON:VOD` → Yahoo's suffix.
_BEFORE: Final = re.compile(r"([A-Z]{1,9}):([A-Z0-9.\-&^]{1,15})")
#: An A-share as Chinese programs spell it, `sh.600519`, `SZ000001`, `600519.SH`.
_A_SHARE: Final = re.compile(rf"({'|'.join(A_SHARE_MARKETS)})[.#]?(\d{{6}})|(\d{{6}})\.({'|'.join(A_SHARE_MARKETS)})")
_ISIN: Final = re.compile(r"[A-Z]{2}[A-Z0-9]{9}\d")


def canonical_ticker(text: str) -> str:
    """`text` as Yahoo spells it: no blanks around it, upper case, class shares with a dash, other programs' spellings resolved.

    Whether the result can be a ticker is for `is_ticker` to say.

    >>> [canonical_ticker(t) for t in (" brk.b ", "BRK/B", "005930.ks", "VOD.L", "aapl", "BTC/USDT")]
    ['BRK-B', 'BRK-B', '005930.KS', 'VOD.L', 'AAPL', 'BTC-USDT']
    >>> [canonical_ticker(t) for t in ("VOD LN Equity", "AAPL US Equity", "LON:VOD", "sh.600519", "$AAPL")]
    ['VOD.L', 'AAPL', 'VOD.L', '600519.SS', '$AAPL']
    >>> [canonical_ticker(t) for t in ("AAPL.OQ", "600519.XSHG", "EUR/USD", "700 HK Equity", "SPX Index", "BTC_USDT")]
    ['AAPL', '600519.SS', 'EURUSD=X', '0700.HK', '^GSPC', 'BTC-USDT']
    >>> [canonical_ticker(t) for t in ("600519.SH", "SHSE.600519", "00700.XHKG", "hk00700", "US.AAPL")]
    ['600519.SS', '600519.SS', '0700.HK', '0700.HK', 'AAPL']
    """
    symbol = text.strip().upper()
    if symbol.isascii() and symbol.isalpha():
        return symbol
    for pattern, markets in ((_BEFORE, PREFIX_MARKETS), (_BLOOMBERG, BLOOMBERG_MARKETS)):
        if (match := pattern.fullmatch(symbol)) is not None:
            market, name = (match[1], match[2]) if pattern is _BEFORE else (match[2], match[1])
            if market in markets:
                name = name.rstrip("/").replace("/", "-")
                return canonical_ticker(
                    f"{name}{markets[market]}" if markets[market] not in ("", name[-len(markets[market]) :]) else name
                )
    if (share := _A_SHARE.fullmatch(symbol)) is not None:
        return f"{share[2] or share[3]}{A_SHARE_MARKETS[share[1] or share[4]]}"
    if (share := _CLASS_SHARE.fullmatch(symbol)) is not None:
        return f"{share[1].rstrip(' ./')}-{share[2]}"
    if (pair := _PAIR.fullmatch(symbol)) is not None:
        other = pair[2] or pair[3]
        return f"{pair[1]}{other}=X" if {pair[1], other} <= {*FIAT} else f"{pair[1]}-{other}"
    return _other_vendor_s(symbol)


def _other_vendor_s(symbol: str) -> str:
    """A suffix or a word behind the symbol as other vendors write it."""
    if (listed := _SUFFIXED.fullmatch(symbol)) is not None:
        ours = SUFFIXES[listed[2]]
        if ours or (listed[1].isalpha() and len(listed[1]) <= 5):
            symbol = f"{listed[1]}{ours}"
    if (of_country := _OF_COUNTRY.fullmatch(symbol)) is not None:
        symbol = f"{of_country[1].replace('.', '-')}{COUNTRIES[of_country[2]]}"
    if (share := _HONG_KONG.fullmatch(symbol)) is not None:
        return f"{share[1]:0>4}.HK"
    if (share := _UNITED_STATES.fullmatch(symbol)) is not None and share[1] != "TWO":
        return share[1].replace(".", "-")
    if (named := _OF_BLOOMBERG.fullmatch(symbol)) is not None:
        return f"{named[1]}=X" if named[2] == "CURNCY" else BLOOMBERG_INDICES.get(named[1], symbol)
    return symbol


def is_ticker(text: object) -> bool:
    """Whether `text` is a ticker in its canonical (upper-case) form.

    >>> [is_ticker(t) for t in ("AAPL", "BRK-B", "005930.KS", "M&M.NS", "aapl", "", "A B", "NAN", None)]
    [True, True, True, True, False, False, False, False, False]
    """
    return isinstance(text, str) and _TICKER.fullmatch(text) is not None and text not in NOT_TICKERS


def is_isin(text: str) -> bool:
    """Whether a text is an ISIN by its form and its check digit.

    >>> [is_isin(t) for t in ("US0378331005", "US0378331006", "AAPL")]
    [True, False, False]
    """
    if _ISIN.fullmatch(text) is None:
        return False
    digits = "".join(str(int(letter, 36)) for letter in text)
    doubled = [int(digit) * (2 if at % 2 else 1) for at, digit in enumerate(reversed(digits))]
    return sum(number // 10 + number % 10 for number in doubled) % 10 == 0
