"""The ticker that a file's name or its folder gives."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from producers.forms.containers import stem
from producers.forms.vocabulary import NAME_WORDS, plain
from records import canonical_ticker, is_ticker

_TOKENS: Final = re.compile(r"[\s_,]+|(?<=\w)\s*-\s+|\((?:\d+)\)")
#: Years, dates and long numbers: parts and times of downloads.
_NUMBERS: Final = re.compile(r"(19|20)\d{2}([-.]?\d{2}){0,2}|\d{7,}|\d{1,2}([-.]\d{1,2}[-.](19|20)\d{2}.*)|(?i:part-\d+.*)")
_PART_OF_DATE: Final = re.compile(r"\d{1,2}|(19|20)\d{2}")
#: Data sets before a ticker: `WIKI-AAPL`.
_BEFORE: Final = re.compile(r"(?i)^(wiki|eod|yahoo|nasdaq|nyse|ohlcv?|prices?|daily|stock)-")
#: Letters alone that are more than these are a word and no symbol.
_LONGEST_WORD: Final = 13
#: MetaTrader 4 puts the minutes of a bar behind the symbol: `EURUSD1440`.
_DAILY_MINUTES: Final = re.compile(r"(?<=[A-Za-z]{3})1440$")
#: What a browser puts behind the name of a file that is there already.
_AGAIN: Final = re.compile(r"\s*\(\d{1,2}\)$")
#: `Book1`, `data2`: the word of a file that has no name yet, with its number.
_COUNTED: Final = re.compile(r"([^\W\d_]{4,})\d{1,2}")
#: Pages that put market and kind around the symbol: `STOCK_US_XNAS_AAPL`, `Quote-Equity-INFY-EQ`.
_OF_PAGES: Final = re.compile(
    r"^.*(?:STOCK|FUND|INDEX)_[A-Z]{2}_X[A-Z]{3}_(.+)$|^Quote-Equity-(.+)-[A-Z]{2}(?:-.*)?$|^Quote-IndexHistory-(.+?)(?:-\d.*)?$"
)
#: A chart's export: market, symbol, bars of a day, and what the program adds, `KRX_005930, 1D_3f2a1`.
_OF_CHARTS: Final = re.compile(r"([A-Z]{2,12})(?:_DLY)?_([^,\s]+), ?1?D(?:[_ ].*)?")
#: Suffixes of exchanges whose codes are digits.
_OF_DIGITS: Final = (".KS", ".KQ", ".T", ".HK", ".SS", ".SZ", ".BJ", ".TW", ".TWO", ".KL")
#: Columns of codes of six digits, in Shanghai, Shenzhen and Seoul. A spreadsheet takes them for numbers.
_OF_SIX_DIGITS: Final = frozenset(map(plain, ("股票代码", "证券代码", "stkcd", "종목코드", "단축코드")))
_DIGITS: Final = 6
#: Words of file names that are symbols as well, in capitals.
_WORDS_TOO: Final = frozenset({"ALL", "D", "TXT", "DAY", "COIN"})
#: What follows a ticker behind a dash: `BTCUSDT-1d-2024-01`, `AAPL-daily`, `AAPL.D1`.
_TAIL: Final = re.compile(
    r"(?i)[-.](1d|d1|daily|1440|day|eod|hist|historical|history|prices|adjusted|last|\d{1,2}y|nasdaq|nyse)([-.].*)?$|-(19|20)\d{2}(-\d{2}){0,2}$"
)
_MARKETS: Final = frozenset(["us", "uk", "de", "jp", "hk", "hu", "pl", "f", "c", "b", "m", "i"])


@lru_cache(maxsize=1 << 12)  # a file's name is asked for several times
def ticker_of_name(name: str) -> str | None:
    """The ticker in a file's or folder's name; None if it holds none, or more than one word that could be it.

    >>> [ticker_of_name(n) for n in ("aapl.us.txt", "aapl_us_d.csv", "AAPL Historical Data.csv", "M&M.NS.csv")]
    ['AAPL.US', 'AAPL.US', 'AAPL', 'M&M.NS']
    >>> [ticker_of_name(n) for n in ("daily_IBM.csv", "BTCUSDT-1d-2024-01.zip", "HistoricalData_17041536.csv", "my bars.csv")]
    ['IBM', 'BTCUSDT', None, None]
    >>> [ticker_of_name(n) for n in ("EURUSD1440.csv", "BINANCE_BTCUSDT, 1D.csv", "BTC_USDT-1d.json", "part-0.parquet")]
    ['EURUSD', 'BTCUSDT', 'BTC-USDT', None]
    >>> [ticker_of_name(n) for n in ("KRX_005930.csv", "NASDAQ_AAPL, 1D_3f2a1.csv", "fx_daily_EUR_USD.csv")]
    ['005930.KS', 'AAPL', 'EURUSD=X']
    """
    text = _AGAIN.sub("", urllib.parse.unquote(stem(name)).strip())
    if text in _WORDS_TOO:
        return text
    if (chart := _OF_CHARTS.fullmatch(text)) is not None:
        listed = canonical_ticker(f"{chart[1]}:{chart[2]}")
        text = listed if is_ticker(listed) else chart[2]
    text = _OF_PAGES.sub(r"\1\2\3", text)
    stooq = re.fullmatch(r"(?i)(.+)_([a-z]{1,2})_[dwm]", text)
    if stooq is not None and stooq[2].lower() in _MARKETS:
        text = f"{stooq[1]}.{stooq[2]}"
    pair = canonical_ticker(_TAIL.sub("", text))
    if "_" in text and "_" not in pair and is_ticker(pair):
        return pair  # `BTC_USDT-1d`
    words = [word for word in _TOKENS.split(text) if any(map(str.isalnum, word))]
    left = [word for word in words if not _is_noise(word)]
    if len(left) == 2 and left[1].isdigit() and (listed := canonical_ticker(":".join(left))).endswith(_OF_DIGITS):
        left = [listed]
    left = [
        word for word in left if not re.fullmatch(r"\d{1,2}[YyMmWwDd]?|\d{6}|\d{4}-\d{1,2}", word)
    ] or left  # of dates, beside a symbol
    if len(left) > 1 and len({canonical_ticker(word) for word in left}) == 1:
        left = left[:1]
    if len(left) == 2 and (joined := _of_two(*left)) is not None:
        return joined
    if len(left) != 1:
        return None
    ticker = canonical_ticker(_DAILY_MINUTES.sub("", _TAIL.sub("", _BEFORE.sub("", left[0]))))
    if ticker.isalpha() and len(ticker) > _LONGEST_WORD:
        return None
    return ticker if is_ticker(ticker) and ticker.lower() not in NAME_WORDS else None


def _of_two(first: str, second: str) -> str | None:
    """The ticker of a pair, as `EUR`, `USD`, and of a symbol behind its exchange, as `ASX`, `BHP`."""
    pair, listed = canonical_ticker(f"{first}_{second}"), canonical_ticker(f"{first}:{second}")
    return next((ticker for ticker in (pair, listed) if is_ticker(ticker) and "_" not in ticker), None)


def symbol_text(text: str) -> str:
    """A cell of a ticker column without a spreadsheet's marks: `'600519`, `="000001"`, `600519.0`."""
    text = text.strip("'\"= ")
    return text[:-2] if text.endswith(".0") and text[:-2].isdigit() else text


def codes_with_zeros(column: str, texts: Sequence[str]) -> list[str] | None:
    """Codes of six digits with the zeros in front that they lost; None if they are no such codes, or have them."""
    codes = [symbol_text(text) for text in texts]
    lengths = set(map(len, codes))
    is_lost = max(lengths, default=0) == _DIGITS != min(lengths) and all(code.isdigit() and code[0] != "0" for code in codes)
    return [code.zfill(_DIGITS) for code in codes] if is_lost and plain(column) in _OF_SIX_DIGITS else None


def names_nothing(name: str) -> bool:
    """Whether a file's name names no ticker, as `daily.csv` and `2024-01.csv` do: its folder may then name it."""
    words = [word for word in _TOKENS.split(stem(name).strip()) if word]
    return all(map(_is_noise, words))


def _is_noise(word: str) -> bool:
    """Whether a word names no ticker: of downloads, a date, or these joined, as `price-history-03-14-2025`."""
    if word.lower() in NAME_WORDS or _NUMBERS.fullmatch(word):
        return True
    if (counted := _COUNTED.fullmatch(word)) is not None and counted[1].lower() in NAME_WORDS:
        return True
    parts = re.split(r"[-.]", word)
    return len(parts) > 1 and all(part.lower() in NAME_WORDS or _PART_OF_DATE.fullmatch(part) for part in parts)


def is_deliberate(name: str) -> bool:
    """Whether a file's name is written as a symbol, in capitals: it then contradicts a column that says another."""
    text = stem(name)
    return text == text.upper() and any(map(str.isalpha, text))
