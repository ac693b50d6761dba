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

#: ISO 4217's numbers of the currencies above.
_NUMBERS: Final = """
    AED784 AFN971 ALL008 AMD051 ANG532 AOA973 ARS032 AUD036 AWG533 AZN944 BAM977 BBD052 BDT050 BGN975 BHD048 BIF108 BMD060
    BND096 BOB068 BRL986 BSD044 BTN064 BWP072 BYN933 BZD084 CAD124 CDF976 CHF756 CLF990 CLP152 CNY156 COP170 CRC188 CUP192
    CVE132 CZK203 DJF262 DKK208 DOP214 DZD012 EGP818 ERN232 ETB230 EUR978 FJD242 FKP238 GBP826 GEL981 GHS936 GIP292 GMD270
    GNF324 GTQ320 GYD328 HKD344 HNL340 HTG332 HUF348 IDR360 ILS376 INR356 IQD368 IRR364 ISK352 JMD388 JOD400 JPY392 KES404
    KGS417 KHR116 KMF174 KPW408 KRW410 KWD414 KYD136 KZT398 LAK418 LBP422 LKR144 LRD430 LSL426 LYD434 MAD504 MDL498 MGA969
    MKD807 MMK104 MNT496 MOP446 MRU929 MUR480 MVR462 MWK454 MXN484 MYR458 MZN943 NAD516 NGN566 NIO558 NOK578 NPR524 NZD554
    OMR512 PAB590 PEN604 PGK598 PHP608 PKR586 PLN985 PYG600 QAR634 RON946 RSD941 RUB643 RWF646 SAR682 SBD090 SCR690 SDG938
    SEK752 SGD702 SHP654 SLE925 SOS706 SRD968 SSP728 STN930 SYP760 SZL748 THB764 TJS972 TMT934 TND788 TOP776 TRY949 TTD780
    TWD901 TZS834 UAH980 UGX800 USD840 UYU858 UZS860 VES928 VND704 VUV548 WST882 XAF950 XCD951 XOF952 XPF953 YER886 ZAR710
    ZMW967 ZWG924 ATS040 BEF056 CYP196 DEM276 EEK233 ESP724 FIM246 FRF250 GRD300 HRK191 IEP372 ITL380 LTL440 LVL428 MTL470
    NLG528 PTE620 SIT705 SKK703
"""
_OF_NUMBER: Final = {each[3:]: each[:3] for each in _NUMBERS.split()}


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


def named_currency(value: str | float) -> str | None:
    """The currency that a field names, by its code or by ISO 4217's number; None for another text or number.

    >>> [named_currency(value) for value in ("EUR", "978", 840, 36, "840.0", "036", 1, 840.5, "$")]
    ['EUR', 'EUR', 'USD', 'AUD', 'USD', 'AUD', None, None, None]
    """
    text = str(value).strip()
    return currency_code(text) or _OF_NUMBER.get(text.removesuffix(".0").zfill(3))


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
