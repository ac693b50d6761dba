"""Other programs' names of markets → Yahoo's suffix, '' for the United States and for coins and indices."""

from __future__ import annotations

from typing import Final

#: Bloomberg's two letters behind a symbol, `VOD LN Equity`.
BLOOMBERG_MARKETS: Final = {
    "US": "", "UN": "", "UW": "", "UQ": "", "UA": "", "LN": ".L", "GR": ".DE", "GY": ".DE", "FP": ".PA", "NA": ".AS", "SM": ".MC", "IM": ".MI",
    "SW": ".SW", "VX": ".SW", "BB": ".BR", "SS": ".ST", "NO": ".OL", "DC": ".CO", "FH": ".HE", "JP": ".T", "JT": ".T", "HK": ".HK", "CN": ".TO",
    "CT": ".TO", "AU": ".AX", "AT": ".AX", "KS": ".KS", "CH": ".SS", "IN": ".NS", "IS": ".NS", "IB": ".BO", "SP": ".SI", "TT": ".TW", "SJ": ".JO",
    "BZ": ".SA", "PW": ".WA",
}  # fmt: skip
#: In front of a symbol, `LON:VOD`.
PREFIX_MARKETS: Final = {
    "NASDAQ": "", "NYSE": "", "NYSEARCA": "", "AMEX": "", "NYSEAMERICAN": "", "BATS": "", "LON": ".L", "LSE": ".L", "TYO": ".T", "TSE": ".T",
    "ETR": ".DE", "XETR": ".DE", "FRA": ".F", "EPA": ".PA", "AMS": ".AS", "BIT": ".MI", "BME": ".MC", "SWX": ".SW", "VIE": ".VI", "STO": ".ST",
    "CPH": ".CO", "HEL": ".HE", "OSL": ".OL", "HKG": ".HK", "HKEX": ".HK", "SHA": ".SS", "SHE": ".SZ", "SSE": ".SS", "SZSE": ".SZ", "KRX": ".KS",
    "NSE": ".NS", "BOM": ".BO", "BSE": ".BO", "ASX": ".AX", "TSX": ".TO", "SGX": ".SI", "TPE": ".TW", "TWSE": ".TW", "JSE": ".JO", "WSE": ".WA",
    "BINANCE": "", "COINBASE": "", "KRAKEN": "", "BITSTAMP": "", "INDEX": "", "FX": "", "OANDA": "",
}  # fmt: skip
