"""What a file says of a ticker's currency beside what its symbol says; and the symbol that an ISIN lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from errors import SourceError
from records import exchange_of

#: Country of an ISIN → how Yahoo's symbols of its exchange look.
_SYMBOLS: Final = {
    "US": "AAPL", "GB": "VOD.L", "DE": "SAP.DE", "FR": "MC.PA", "NL": "ASML.AS", "ES": "SAN.MC", "IT": "ENI.MI",
    "CH": "NESN.SW", "SE": "ERIC-B.ST", "NO": "EQNR.OL", "DK": "NOVO-B.CO", "FI": "NOKIA.HE", "BE": "ABI.BR", "AT": "OMV.VI",
    "PL": "CDR.WA", "JP": "7203.T", "HK": "0700.HK", "CN": "600519.SS", "KR": "005930.KS", "TW": "2330.TW",
    "IN": "RELIANCE.NS", "AU": "BHP.AX",
    "CA": "RY.TO", "BR": "PETR4.SA", "ZA": "NPN.JO", "IL": "TEVA.TA",
}  # fmt: skip
#: Other words for hundredths.
_HUNDREDTHS: Final = {"GBX": "GBp", "GBPENCE": "GBp", "PENCE": "GBp", "ZAC": "ZAc", "ILA": "ILA"}


def note_of_currency(ticker: str, found: Sequence[str], where: str) -> str | None:
    """What is to be known of the currency column's values, None without any. SourceError for several currencies."""
    codes = sorted({_code(text) for text in found})
    if not codes:
        return None
    if len(codes) > 1:
        raise SourceError(
            f"{where}: prices of {ticker} in several currencies ({', '.join(codes)}): several series under one name; keep one, "
            f"or name the column that tells them apart: --read-as ticker=NAME"
        )
    exchange = exchange_of(ticker)
    of_symbol = None if exchange is None else exchange.currency
    if of_symbol == codes[0]:
        return None
    told = (
        f"its symbol says {of_symbol}, and so do its forecasts" if of_symbol else "its symbol names none, nor do its forecasts"
    )
    return f"prices in {codes[0]} by the column of the currency; {told}; nothing is converted"


def likely_symbol(isin: str) -> str:
    """How the symbol in place of an ISIN looks, by its country."""
    return f"a symbol, as {_SYMBOLS.get(isin[:2], 'AAPL or VOD.L')},"


def _code(text: str) -> str:
    if text == "GBp":
        return text
    return _HUNDREDTHS.get(text.upper(), text.upper())
