"""The currency that a file's column names, beside what the symbol says; and the symbol that an ISIN lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from errors import SourceError
from producers.findings import Findings
from producers.forms.numbers import PLACEHOLDERS
from records import currency_of, named_currency
from text import shortened

#: Country of an ISIN → how Yahoo's symbols of its exchange look.
_SYMBOLS: Final = {
    "US": "AAPL", "GB": "VOD.L", "DE": "SAP.DE", "FR": "MC.PA", "NL": "ASML.AS", "ES": "SAN.MC", "IT": "ENI.MI",
    "CH": "NESN.SW", "SE": "ERIC-B.ST", "NO": "EQNR.OL", "DK": "NOVO-B.CO", "FI": "NOKIA.HE", "BE": "ABI.BR", "AT": "OMV.VI",
    "PL": "CDR.WA", "JP": "7203.T", "HK": "0700.HK", "CN": "600519.SS", "KR": "005930.KS", "TW": "2330.TW",
    "IN": "RELIANCE.NS", "AU": "BHP.AX",
    "CA": "RY.TO", "BR": "PETR4.SA", "ZA": "NPN.JO", "IL": "TEVA.TA",
}  # fmt: skip


def currency_of_column(
    ticker: str, found: Sequence[str], where: str, findings: Findings, *, said: str = "the column"
) -> str | None:
    """The code that the currency column's values name, noted; None without any. Raises SourceError for several.

    `said` is where they stand, if in no column: the header, or a title line.

    It counts, whatever the symbol says: an exchange quotes some shares and funds in other currencies than most.
    """
    named = sorted({named_currency(text) or text for text in found if text.lower() not in PLACEHOLDERS})
    if len(named) > 1:
        raise SourceError(
            f"{where}: prices of {ticker} in several currencies ({shortened(named)}): several series under one name; keep one, "
            f"or name the column that tells them apart: --read-as ticker=NAME"
        )
    if not named:
        return None
    code = named_currency(named[0])
    if code is None:
        place = "the currency's column" if said == "the column" else said
        findings.add_note(ticker, f"{place} says {named[0]!r:.40}, which is no code as USD or GBp: not used")
        return None
    by_symbol = currency_of(ticker, ())
    differs = f"; its symbol says {by_symbol}, {said} counts" if by_symbol not in (None, code) else ""
    findings.add_note(ticker, f"currency from {said}: {code}{differs}")
    return code


def likely_symbol(isin: str) -> str:
    """How the symbol in place of an ISIN looks, by its country."""
    return f"a symbol, as {_SYMBOLS.get(isin[:2], 'AAPL or VOD.L')},"
