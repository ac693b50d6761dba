"""The forms that vendors write, each in variants: all bars come out, under the right ticker."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import lzma
import zipfile
import zoneinfo
from collections.abc import Callable

import pytest

from tests.producers.forms_made import Walk, as_read, csv, german, plain, put, read, walk

Maker = Callable[[Walk], str | bytes]


def _epoch(date: dt.date, unit: int = 1, zone: str = "UTC", hour: int = 0) -> int:
    return int(dt.datetime(date.year, date.month, date.day, hour, tzinfo=zoneinfo.ZoneInfo(zone)).timestamp() * unit)


def _columns(bars: Walk, names: str, price: Callable[[float], str], date: str, volume: Callable[[int], str] = str) -> str:
    rows = [(f"{d:{date}}", *(f'"{price(v)}"' for v in (o, h, low, c)), f'"{volume(n)}"') for d, o, h, low, c, n in bars.rows()]
    return csv(names, rows)


def _thousands(value: float) -> str:
    return f"{value:,}"


FORMS: dict[str, tuple[str, str, Maker]] = {
    # 01: header rows of fields and tickers
    "yfinance, one ticker": (
        "x.csv",
        "AAPL",
        lambda b: csv("Price,Open,High,Low,Close,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL\nDate,,,,,", b.rows()),
    ),
    "older yfinance": ("x.csv", "MSFT", lambda b: csv(",Open,High,Low,Close,Volume\n,MSFT,MSFT,MSFT,MSFT,MSFT\nDate,,,,,", b.rows())),
    "tickers above": ("x.csv", "KO", lambda b: csv("Ticker,KO,KO,KO,KO,KO\nPrice,Open,High,Low,Close,Volume\nDate,,,,,", b.rows())),
    "tuples": ("x.csv", "BRK-B", lambda b: csv(",".join(["Date", *(f"\"('{f}', 'BRK-B')\"" for f in ("Open", "High", "Low", "Close", "Volume"))]), b.rows())),
    "quantmod": ("x.csv", "AAPL", lambda b: csv(",AAPL.Open,AAPL.High,AAPL.Low,AAPL.Close,AAPL.Volume", b.rows())),
    "field last": ("x.csv", "AAPL", lambda b: csv("Date,AAPL_Open,AAPL_High,AAPL_Low,AAPL_Close,AAPL_Volume", b.rows())),
    # 03: ticker columns
    "ts_code": ("x.csv", "600519.SS", lambda b: csv("ts_code,trade_date,open,high,low,close,vol", [("600519.SH", f"{r[0]:%Y%m%d}", *r[1:]) for r in b.rows()])),
    "SECID": ("x.csv", "SBER", lambda b: "history\n\n" + csv("BOARDID;TRADEDATE;SECID;OPEN;HIGH;LOW;CLOSE;VOLUME", [("TQBR", r[0], "SBER", *r[1:]) for r in b.rows()], ";")),
    "code with a quote": ("x.csv", "600000", lambda b: csv("日期,股票代码,开盘价,最高价,最低价,收盘价,成交量", [(r[0], "'600000", *r[1:]) for r in b.rows()]).encode("gbk")),
    "Instrument": ("x.csv", "VOD.L", lambda b: csv(",Instrument,Date,Price Open,Price High,Price Low,Price Close,Volume", [(i, "VOD.L", f"{r[0]}T00:00:00Z", *r[1:]) for i, r in enumerate(b.rows())])),
    # 04: symbols
    "ampersand": ("M&M.NS.csv", "M&M.NS", plain),
    "index": ("^N225.csv", "^N225", plain),
    "future": ("GC=F.csv", "GC=F", plain),
    "pair with a slash": ("x.csv", "BTC-USDT", lambda b: csv("date,symbol,open,high,low,close,volume", [(r[0], "BTC/USDT", *r[1:]) for r in b.rows()])),
    "class with a slash": ("x.csv", "BRK-B", lambda b: csv("date,symbol,open,high,low,close,volume", [(r[0], "BRK/B", *r[1:]) for r in b.rows()])),
    "Bloomberg's symbol": ("x.csv", "VOD.L", lambda b: "Security,VOD LN Equity,,,,\n" + csv("Date,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME", b.rows())),
    # 07: epochs, titles, order
    "seconds": ("X.csv", "X", lambda b: csv("time,open,high,low,close,volume", [(_epoch(r[0]), *r[1:]) for r in b.rows()])),
    "milliseconds, newest first": ("X.csv", "X", lambda b: csv("open_time,open,high,low,close,volume", [(_epoch(r[0], 1000), *r[1:]) for r in b.rows()[::-1]])),
    "nanoseconds of New York's midnight": ("AAPL.csv", "AAPL", lambda b: csv("window_start,open,high,low,close,volume", [(_epoch(r[0], 10**9, "America/New_York"), *r[1:]) for r in b.rows()])),
    "the opening in Sydney": ("BHP.AX.csv", "BHP.AX", lambda b: csv("time,open,high,low,close,volume", [(_epoch(r[0], 1, "Australia/Sydney", 10), *r[1:]) for r in b.rows()])),
    "a title line": ("x.csv", "ETH-USD", lambda b: "https://www.example.org\n" + csv("unix,date,symbol,open,high,low,close,Volume ETH,Volume USD", [(_epoch(r[0]), r[0], "ETH/USD", *r[1:], 1) for r in b.rows()[::-1]])),
    "Binance without a header": ("BTCUSDT-1d-2024-01.csv", "BTCUSDT", lambda b: "".join(f"{_epoch(r[0], 1000)},{','.join(map(str, r[1:]))},{_epoch(r[0], 1000) + 86399999},1.5,10,0.5,0.5,0\n" for r in b.rows())),
    # 08: Stooq and its like
    "Stooq": ("aapl.us.txt", "AAPL.US", lambda b: csv("<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>", [("AAPL.US", "D", f"{r[0]:%Y%m%d}", "000000", *r[1:], 0) for r in b.rows()])),
    "Finam": ("SBER_240102_250314.txt", "SBER", lambda b: csv("<TICKER>;<PER>;<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>", [("SBER", "D", f"{r[0]:%Y%m%d}", "00:00:00", *r[1:]) for r in b.rows()], ";")),
    "MetaTrader 5": ("EURUSD_Daily_202301020000_202503140000.csv", "EURUSD", lambda b: csv("<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<VOL>\t<SPREAD>", [(f"{r[0]:%Y.%m.%d}", *r[1:], 2) for r in b.rows()], "\t").encode("utf-16")),
    "Polish": ("cdr_pl_d.csv", "CDR.PL", lambda b: plain(b, "Data,Otwarcie,Najwyższy,Najniższy,Zamknięcie,Wolumen").encode("cp1250")),
    # 10: languages and encodings
    "Japanese": ("7203.T.csv", "7203.T", lambda b: plain(b, "日付,始値,高値,安値,終値,出来高").encode("cp932")),
    "Korean": ("005930.KS.csv", "005930.KS", lambda b: plain(b, "일자,시가,고가,저가,종가,거래량").encode("euc-kr")),
    "Russian": ("SBER.ME.csv", "SBER.ME", lambda b: plain(b, "Дата,Откр.,Макс.,Мин.,Цена,Объём").encode("cp1251")),
    "Traditional Chinese": ("2330.TW.csv", "2330.TW", lambda b: plain(b, "日期,開盤價,最高價,最低價,收盤價,成交量").encode("big5")),
    "French": ("MC.PA.csv", "MC.PA", lambda b: plain(b, "Date,Ouverture,+ Haut,+ Bas,Clôture,Volume").encode("latin-1")),
    "Turkish": ("THYAO.IS.csv", "THYAO.IS", lambda b: plain(b, "Tarih,Açılış,Yüksek,Düşük,Şimdi,Hac.").encode("cp1254")),
    # 12: decimal commas
    "German": ("SAP.DE.csv", "SAP.DE", lambda b: _columns(b, "Datum,Eröffnung,Hoch,Tief,Schluss,Volumen", german, "%d.%m.%Y", lambda n: f"{n:,}".replace(",", "."))),
    "dropped zeros": ("X.csv", "X", lambda b: _columns(b, "Date,Open,High,Low,Close,Volume", lambda v: repr(v).replace(".", ","), "%Y-%m-%d")),
    "blanks between thousands": ("X.ST.csv", "X.ST", lambda b: _columns(b, "Datum,Öppning,Högst,Lägst,Senast,Volym", lambda v: german(v).replace(".", "\u00a0"), "%Y-%m-%d", lambda n: f"{n:,}".replace(",", " "))),
    "Swiss": ("N.SW.csv", "N.SW", lambda b: _columns(b, "Datum,Eröffnung,Hoch,Tief,Schluss,Volumen", lambda v: f"{v:,.2f}".replace(",", "’"), "%d.%m.%y")),
    "dollars": ("X.csv", "X", lambda b: _columns(b, "Date,Open,High,Low,Close/Last,Volume", lambda v: f"${v:,.2f}", "%m/%d/%Y", _thousands)),
    "rupees": ("X.NS.csv", "X.NS", lambda b: _columns(b, "Date ,OPEN ,HIGH ,LOW ,close ,VOLUME ", lambda v: f"₹{v:,.2f}", "%d-%b-%Y", _thousands)),
    # 22: bad endings
    "rows end in a comma": ("X.csv", "X", lambda b: plain(b).replace("\n", ",\n").replace("Volume,", "Volume")),
    "carriage returns": ("X.csv", "X", lambda b: plain(b).replace("\n", "\r")),
    "the header ends in a comma": ("X.csv", "X", lambda b: plain(b).replace("Volume", "Volume,")),
    "row names without a name": ("X.csv", "X", lambda b: csv('"Date","Open","High","Low","Close","Volume"', [(i, *r) for i, r in enumerate(b.rows(), 1)])),
    "a remark at the end": ("600519.csv", "600519", lambda b: plain(b) + "\n数据来源:通达信\n"),
    "sep": ("X.csv", "X", lambda b: "sep=;\n" + plain(b).replace(",", ";")),
    "blanks": ("X.prn", "X", lambda b: plain(b).replace(",", "   ")),
    "dates of a spreadsheet": ("X.csv", "X", lambda b: csv("Date,Open,High,Low,Close,Volume", [((r[0] - dt.date(1899, 12, 30)).days, *r[1:]) for r in b.rows()])),
    "long dates": ("X.csv", "X", lambda b: csv("Date,Open,High,Low,Close,Volume", [(f'"{r[0]:%b %d, %Y}"', *r[1:]) for r in b.rows()])),
    "gzip": ("X.csv.gz", "X", lambda b: gzip.compress(plain(b).encode())),
    "bzip2": ("X.CSV.BZ2", "X", lambda b: bz2.compress(plain(b).encode())),
    "xz, whatever its name": ("X.dat", "X", lambda b: lzma.compress(plain(b).encode())),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_read(tmp_path, form):
    name, ticker, make = FORMS[form]
    bars = walk(start=1500.0 if "thousands" in form or form == "German" else 100.0)
    found = read(put(tmp_path / name, make(bars)))
    assert found.rejected == []
    assert found.bars == {ticker: as_read(bars)}


def test_volumes_with_suffixes(tmp_path):
    bars = walk()
    rows = [(f"{r[0]:%d.%m.%Y}", *(f'"{german(v)}"' for v in r[1:5]), f'"{german(r[5] / 1e6, 6)}M"') for r in bars.rows()]
    found = read(put(tmp_path / "SAP.csv", csv("Datum,Eröffn.,Hoch,Tief,Zuletzt,Vol.", rows)))
    assert [row[5] for row in found.bars["SAP"]] == pytest.approx(bars.volume)


def test_volumes_in_lots(tmp_path):
    bars = walk()
    found = read(put(tmp_path / "1.csv", plain(bars, "日期,开盘,最高,最低,收盘,成交量(手)")))
    assert [row[5] for row in found.bars["1"]] == [100.0 * volume for volume in bars.volume]


@pytest.mark.parametrize("volume", ["-", "", "0", None])
def test_without_volume(tmp_path, volume):
    bars = walk()
    header, rows = ("Date,Open,High,Low,Close", [r[:5] for r in bars.rows()]) if volume is None else ("Date,Open,High,Low,Close,Vol.", [(*r[:5], volume) for r in bars.rows()])  # fmt: skip
    found = read(put(tmp_path / "^VIX.csv", csv(header, rows)))
    assert [row[:5] for row in found.bars["^VIX"]] == [row[:5] for row in as_read(bars)]
    assert {row[5] for row in found.bars["^VIX"]} == {0.0}


def test_a_folder_of_all_kinds(tmp_path):
    bars = walk()
    put(tmp_path / "KO.csv", plain(bars))
    put(tmp_path / "JPM.CSV", plain(bars))
    put(tmp_path / "deep" / "er" / "pfe.us.txt", plain(bars))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("ETH-USD.csv", plain(bars))
        archive.writestr("__MACOSX/x.csv", "")
    put(tmp_path / "coins.zip", buffer.getvalue())
    put(tmp_path / "IBM" / "2023.csv", csv("Date,Open,High,Low,Close,Volume", bars.rows()[:50]))
    put(tmp_path / "IBM" / "2024.csv", csv("Date,Open,High,Low,Close,Volume", bars.rows()[50:]))
    put(tmp_path / "notes.pdf", b"%PDF")
    put(tmp_path / "README.txt", "These are my bars.\nAll of them.\n")
    found = read(tmp_path)
    assert found.bars == dict.fromkeys(["ETH-USD", "IBM", "JPM", "KO", "PFE.US"], as_read(bars))
    assert found.rejected == []
    passed = {one.where.removeprefix(str(tmp_path)): one.reason for one in found.source.findings.passed_over}
    assert set(passed) == {"/coins.zip!__MACOSX/x.csv", "/notes.pdf", "/README.txt"}
    assert "its ending is not one of a table" in passed["/notes.pdf"]


def test_files_of_one_day_each(tmp_path):
    bars = {ticker: walk(seed, 30) for seed, ticker in enumerate(("AAPL", "MSFT"))}
    for at, date in enumerate(walk(0, 30).date):
        rows = [(ticker, *each.rows()[at]) for ticker, each in bars.items()]
        put(tmp_path / f"{date}.csv.gz", gzip.compress(csv("ticker,date,open,high,low,close,volume", rows).encode()))
    assert read(tmp_path).bars == {ticker: as_read(each) for ticker, each in bars.items()}


@pytest.mark.parametrize(
    ("name", "said"), [("HistoricalData_170415360.csv", "its own name is not a ticker"), ("a b.csv", "its own name is not")]
)
def test_a_name_without_a_ticker(tmp_path, name, said):
    from errors import SourceError

    with pytest.raises(SourceError, match=said):
        read(put(tmp_path / name, plain(walk())))


def test_a_volume_that_looks_like_a_time_hides_no_bar_of_a_spreadsheet(tmp_path):
    bars = walk()
    rows = [
        ((r[0] - dt.date(1899, 12, 30)).days, *r[1:5], 200_000_000 if at > 10 else 1000) for at, r in enumerate(bars.rows())
    ]
    assert len(read(put(tmp_path / "X.csv", csv("Date,Open,High,Low,Close,Volume", rows))).bars["X"]) == len(bars)
