"""Other programs' names of markets → Yahoo's suffix, '' for the United States and for coins and indices; currencies of pairs."""

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
    "NASDAQGS": "", "NASDAQGM": "", "NASDAQCM": "", "ENXTPA": ".PA", "ENXTAM": ".AS", "XTRA": ".DE", "SEHK": ".HK", "NSEI": ".NS",
    "SHSE": ".SS", "BINANCE": "", "COINBASE": "", "KRAKEN": "", "BITSTAMP": "", "INDEX": "", "FX": "", "OANDA": "", "KOSDAQ": ".KQ", "X": "", "C": "",
}  # fmt: skip
#: Suffixes of other vendors and of exchanges' codes, `AAPL.OQ`, `600519.XSHG`, `VOD.LSE` → Yahoo's.
SUFFIXES: Final = {
    "O": "", "OQ": "", "N": "", "K": "", "XNAS": "", "XNYS": "", "LSE": ".L", "XLON": ".L", "XETRA": ".DE", "XETR": ".DE", "XPAR": ".PA",
    "XAMS": ".AS", "XTKS": ".T", "XHKG": ".HK", "XSHG": ".SS", "SHG": ".SS", "SHH": ".SS", "XSHE": ".SZ", "SHE": ".SZ", "SHZ": ".SZ",
    "NSE": ".NS", "BSE": ".BO", "AU": ".AX", "XASX": ".AX", "KO": ".KS", "FOREX": "=X", "SEHK": ".HK", "HKEX": ".HK", "XSWX": ".SW",
    "XMIL": ".MI", "XMAD": ".MC", "XBRU": ".BR", "XLIS": ".LS", "XWBO": ".VI", "XSTO": ".ST", "XCSE": ".CO", "XHEL": ".HE", "XOSL": ".OL",
    "XTSE": ".TO", "XKRX": ".KS", "XTAI": ".TW", "XSES": ".SI", "XBKK": ".BK", "XWAR": ".WA", "XNSE": ".NS", "XBOM": ".BO", "XFRA": ".F",
    "LON": ".L", "DEX": ".DE", "FRK": ".F", "TRT": ".TO", "TRV": ".V", "SAO": ".SA",
}  # fmt: skip
#: Countries behind a dash, `AAPL-US`, `7203-JP`; not China, India and Korea, which have two exchanges each → Yahoo's.
COUNTRIES: Final = {
    "US": "", "GB": ".L", "DE": ".DE", "FR": ".PA", "NL": ".AS", "JP": ".T", "HK": ".HK", "TW": ".TW", "AU": ".AX", "CH": ".SW",
    "SE": ".ST", "NO": ".OL", "DK": ".CO", "FI": ".HE", "ES": ".MC", "IT": ".MI", "BE": ".BR", "SG": ".SI", "ZA": ".JO", "CA": ".TO",
}  # fmt: skip
#: Chinese programs' words for the exchanges of A-shares, before or behind the six digits, `600519.SH`, `SHSE.600519` → Yahoo's.
A_SHARE_MARKETS: Final = {
    "SH": ".SS", "SSE": ".SS", "SHSE": ".SS", "SHA": ".SS", "SZ": ".SZ", "SZSE": ".SZ", "SZA": ".SZ", "BJ": ".BJ", "BJSE": ".BJ",
}  # fmt: skip
#: Bloomberg's indices, `SPX Index` → Yahoo's.
BLOOMBERG_INDICES: Final = {
    "SPX": "^GSPC", "INDU": "^DJI", "CCMP": "^IXIC", "NDX": "^NDX", "RTY": "^RUT", "VIX": "^VIX", "DAX": "^GDAXI", "UKX": "^FTSE",
    "CAC": "^FCHI", "SX5E": "^STOXX50E", "NKY": "^N225", "HSI": "^HSI", "SMI": "^SSMI", "IBEX": "^IBEX", "KOSPI": "^KS11",
}  # fmt: skip
FIAT: Final = (
    "USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "TRY", "BRL", "MXN", "ZAR", "INR",
    "CNY", "CNH", "HKD", "SGD", "KRW", "TWD", "THB", "IDR", "ILS", "RUB", "VND", "PHP", "MYR", "UAH",
)  # fmt: skip
#: Metals are quoted as currencies are.
METALS: Final = ("XAU", "XAG", "XPT", "XPD")
#: Coins that stand for dollars.
STABLE: Final = ("USDT", "USDC", "BUSD", "TUSD", "FDUSD", "DAI")
