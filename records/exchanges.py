"""What a symbol says of its exchange: calendar, sessions a year, time zone and currency. One table, by Yahoo's suffixes; pure, no calendar is loaded."""

from __future__ import annotations

import functools
import re
from typing import Final

import msgspec

from records.bars import Days
from records.symbols import FIAT, METALS, STABLE


class Exchange(msgspec.Struct, frozen=True):
    """`calendar`: name in the library exchange_calendars. `sessions_per_year`: the mean of 2010-2024, rounded.

    `currency`: ISO 4217, or GBp, ZAc and ILA, hundredths in which London, Johannesburg and Tel Aviv quote; None if the symbol
    does not say.
    """

    calendar: str
    sessions_per_year: int
    zone: str
    currency: str | None


#: Calendar → sessions a year and time zone.
_CALENDARS: Final[dict[str, tuple[int, str]]] = {
    "XNYS": (252, "America/New_York"), "XAMS": (256, "Europe/Amsterdam"), "XASX": (253, "Australia/Sydney"), "XBUE": (246, "America/Argentina/Buenos_Aires"),
    "XBUD": (249, "Europe/Budapest"), "XBKK": (243, "Asia/Bangkok"), "XBOM": (246, "Asia/Kolkata"), "XBRU": (256, "Europe/Brussels"),
    "XCSE": (250, "Europe/Copenhagen"), "XETR": (254, "Europe/Berlin"), "XFRA": (254, "Europe/Berlin"), "XHEL": (251, "Europe/Helsinki"),
    "XHKG": (246, "Asia/Hong_Kong"), "XDUB": (254, "Europe/Dublin"), "XIST": (251, "Europe/Istanbul"), "XIDX": (243, "Asia/Jakarta"),
    "XJSE": (250, "Africa/Johannesburg"), "XKLS": (246, "Asia/Kuala_Lumpur"), "XKRX": (246, "Asia/Seoul"), "XLON": (253, "Europe/London"),
    "XLIS": (256, "Europe/Lisbon"), "XMAD": (256, "Europe/Madrid"), "XMIL": (254, "Europe/Rome"), "XMEX": (252, "America/Mexico_City"),
    "XNZE": (251, "Pacific/Auckland"), "XOSL": (251, "Europe/Oslo"), "XPAR": (256, "Europe/Paris"), "XPRA": (251, "Europe/Prague"),
    "BVMF": (248, "America/Sao_Paulo"), "XSES": (251, "Asia/Singapore"), "XSGO": (249, "America/Santiago"), "XSAU": (250, "Asia/Riyadh"),
    "XSHG": (243, "Asia/Shanghai"), "XSTO": (251, "Europe/Stockholm"), "XSWX": (251, "Europe/Zurich"), "XTKS": (245, "Asia/Tokyo"),
    "XTAE": (246, "Asia/Jerusalem"), "XTSE": (251, "America/Toronto"), "XTAI": (246, "Asia/Taipei"), "XWBO": (249, "Europe/Vienna"),
    "XWAR": (249, "Europe/Warsaw"), "24/7": (365, "UTC"), "24/5": (260, "UTC"),
}  # fmt: skip
#: Yahoo's suffix, or Stooq's or a Chinese program's for the same exchange → calendar and currency.
_SUFFIXES: Final[dict[str, tuple[str, str]]] = {
    "US": ("XNYS", "USD"), "AS": ("XAMS", "EUR"), "AX": ("XASX", "AUD"), "BA": ("XBUE", "ARS"), "BD": ("XBUD", "HUF"), "BK": ("XBKK", "THB"),
    "BO": ("XBOM", "INR"), "BR": ("XBRU", "EUR"), "CO": ("XCSE", "DKK"), "DE": ("XETR", "EUR"), "F": ("XFRA", "EUR"), "HE": ("XHEL", "EUR"),
    "HK": ("XHKG", "HKD"), "IR": ("XDUB", "EUR"), "IS": ("XIST", "TRY"), "JK": ("XIDX", "IDR"), "JO": ("XJSE", "ZAc"), "KL": ("XKLS", "MYR"),
    "KQ": ("XKRX", "KRW"), "KS": ("XKRX", "KRW"), "L": ("XLON", "GBp"), "UK": ("XLON", "GBp"), "LS": ("XLIS", "EUR"), "MC": ("XMAD", "EUR"), "MI": ("XMIL", "EUR"),
    "MX": ("XMEX", "MXN"), "NS": ("XBOM", "INR"), "NZ": ("XNZE", "NZD"), "OL": ("XOSL", "NOK"), "PA": ("XPAR", "EUR"), "PR": ("XPRA", "CZK"),
    "SA": ("BVMF", "BRL"), "SI": ("XSES", "SGD"), "SN": ("XSGO", "CLP"), "SR": ("XSAU", "SAR"), "SS": ("XSHG", "CNY"), "SH": ("XSHG", "CNY"),
    "ST": ("XSTO", "SEK"), "SW": ("XSWX", "CHF"), "SZ": ("XSHG", "CNY"), "BJ": ("XSHG", "CNY"), "T": ("XTKS", "JPY"), "JP": ("XTKS", "JPY"), "TA": ("XTAE", "ILA"),
    "TO": ("XTSE", "CAD"), "TW": ("XTAI", "TWD"), "TWO": ("XTAI", "TWD"), "V": ("XTSE", "CAD"), "VI": ("XWBO", "EUR"), "WA": ("XWAR", "PLN"), "PL": ("XWAR", "PLN"),
}  # fmt: skip
#: Sessions a year where the symbol does not say: the convention for shares.
TRADING_DAYS: Final = 252
#: Bars a week from which all of its days have one; an exchange's stray Saturday sessions stay far below.
_SEVEN_DAYS: Final = 6.2
_TWO_WEEKS: Final = 14
#: A share of the United States has no suffix; a class or a preferred share stands behind a dash.
_UNITED_STATES: Final = re.compile(r"[A-Z]{1,5}(-[A-Z]{1,3})?")
_QUOTE: Final = "|".join((*STABLE, *FIAT, "BTC", "ETH", "BNB"))
_COIN: Final = re.compile(rf"[A-Z0-9]{{2,10}}-({_QUOTE})")
#: `BTCUSDT`: only against coins that stand for dollars, since `EURUSD` is a pair of currencies.
_COIN_JOINED: Final = re.compile(rf"[A-Z0-9]{{2,10}}({'|'.join(STABLE)})")
#: `EURUSD=X`, `EURUSD`, `EUR-USD`, `XAUUSD`, and Yahoo's `JPY=X`, which is yen for a dollar.
_CURRENCIES: Final = re.compile(rf"({'|'.join((*METALS, *FIAT))})-?({'|'.join(FIAT)})(=X)?|({'|'.join(FIAT)})=X")


@functools.lru_cache(maxsize=4096)
def exchange_of(ticker: str) -> Exchange | None:
    """What the symbol says of its exchange; None for an unknown suffix, an index, a future, and a code that names no exchange.

    >>> [e and (e.calendar, e.currency) for e in map(exchange_of, ("AAPL", "BRK-B", "HSBA.L", "EURUSD=X"))]
    [('XNYS', 'USD'), ('XNYS', 'USD'), ('XLON', 'GBp'), ('24/5', 'USD')]
    >>> [e and (e.calendar, e.currency) for e in map(exchange_of, ("BTC-USD", "600519", "^FTSE"))]
    [('24/7', 'USD'), None, None]
    """
    if ticker.startswith("^"):
        return None
    pair = _CURRENCIES.fullmatch(ticker)
    if pair is not None or ticker.endswith("=X"):
        return _exchange("24/5", (pair[2] or pair[4]) if pair else None)
    coin = _COIN.fullmatch(ticker) or _COIN_JOINED.fullmatch(ticker)
    if coin is not None:
        return _exchange("24/7", "USD" if coin[1] in STABLE else coin[1])
    if _UNITED_STATES.fullmatch(ticker):
        return _exchange("XNYS", "USD")
    _, dot, suffix = ticker.rpartition(".")
    found = _SUFFIXES.get(suffix) if dot else None
    return None if found is None else _exchange(*found)


def periods_per_year(ticker: str, day: Days) -> int:
    """Bars a year of daily bars on these days (rising): the sessions of the ticker's exchange, 365 for seven bars a week.

    252 for a symbol that names no exchange, and for a coin's bars that leave weekends out.
    """
    exchange = exchange_of(ticker)
    if len(day) >= _TWO_WEEKS:
        if 7 * (len(day) - 1) > _SEVEN_DAYS * int(day[-1] - day[0]):
            return 365
        return exchange.sessions_per_year if exchange is not None and exchange.calendar != "24/7" else TRADING_DAYS
    return exchange.sessions_per_year if exchange is not None else TRADING_DAYS


def _exchange(calendar: str, currency: str | None) -> Exchange:
    sessions, zone = _CALENDARS[calendar]
    return Exchange(calendar, sessions, zone, currency)
