"""Currencies of prices: the code behind what vendors write, and which bars of a ticker are in which currency. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from records.bars import date_of
from records.exchanges import exchange_of
from records.symbols import STABLE

#: ISO 4217; then the codes that the euro replaced, US cents of futures, and coins in which others are quoted.
_CODES: Final = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLF
    CLP CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG
    HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD
    MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF
    SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES
    VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
    ATS BEF CYP DEM EEK ESP FIM FRF GRD HRK IEP ITL LTL LVL MTL NLG PTE SIT SKK USX BTC ETH BNB
"""
_KNOWN: Final = frozenset(_CODES.split())
#: Other spellings, in upper case; of hundredths Yahoo's: GBp, ZAc, ILA. A lone $ or ¥ may be one of several currencies.
_SPELLINGS: Final = {
    **dict.fromkeys(STABLE, "USD"),
    **dict.fromkeys(("GBX", "GBPX", "GBPENCE", "PENCE", "PENNY"), "GBp"), "ZAC": "ZAc", "ILA": "ILA", "AGOROT": "ILA",
    "€": "EUR", "EURO": "EUR", "£": "GBP", "US$": "USD", "HK$": "HKD", "A$": "AUD", "C$": "CAD", "S$": "SGD", "NT$": "TWD",
    "R$": "BRL", "₩": "KRW", "원": "KRW", "₹": "INR", "₽": "RUB", "РУБ": "RUB", "₺": "TRY", "TL": "TRY", "ZŁ": "PLN",
    "KČ": "CZK", "₪": "ILS", "NIS": "ILS", "RMB": "CNY", "人民币": "CNY", "人民幣": "CNY", "元": "CNY", "美元": "USD",
    "港元": "HKD", "港币": "HKD", "円": "JPY", "日元": "JPY",
}  # fmt: skip


class CurrencySpan(msgspec.Struct, frozen=True, array_like=True):
    """The bars from day `first` to day `last` (day numbers, both included) are in `currency`, by their own source."""

    first: int
    last: int
    currency: str


def currency_code(text: str) -> str | None:
    """ISO 4217's code, or GBp, ZAc and ILA for hundredths; None for a text that names no currency, or several.

    >>> [currency_code(text) for text in ("eur", "GBP", "GBp", "GBX", "zac", "€", "USDT", "$", "n/a")]
    ['EUR', 'GBP', 'GBp', 'GBp', 'ZAc', 'EUR', 'USD', None, None]
    """
    text = text.strip()
    if text == "GBp":
        return text
    code = text.upper().rstrip(".")
    return code if code in _KNOWN else _SPELLINGS.get(code)


def spans_between(spans: Sequence[CurrencySpan], first: int, last: int) -> tuple[CurrencySpan, ...]:
    """The parts of the spans, by date, from day `first` to day `last`."""
    return tuple(
        CurrencySpan(max(span.first, first), min(span.last, last), span.currency)
        for span in spans
        if span.first <= last and span.last >= first
    )


def currency_of(ticker: str, spans: Sequence[CurrencySpan]) -> str | None:
    """The currency of the newest bars that say theirs, else that of the symbol; None if neither says."""
    if spans:
        return spans[-1].currency
    exchange = exchange_of(ticker)
    return None if exchange is None else exchange.currency


def currency_doubt(spans: Sequence[CurrencySpan]) -> str | None:
    """Why bars with these spans, by date, are not one series, and what to do; None if they name at most one currency."""
    now = spans[-1] if spans else None
    before = next((span for span in reversed(spans) if now is not None and span.currency != now.currency), None)
    if now is None or before is None:
        return None
    since = next(span for span in spans if span.first > before.last)
    return (
        f"bars up to {date_of(before.last)} are in {before.currency}, from {date_of(since.first)} on in {now.currency}: "
        f"publish them again in one currency, or give each currency its own ticker"
    )
