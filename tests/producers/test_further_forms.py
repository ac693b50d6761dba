"""More variants of the vendors' forms: names of columns and files, containers, units, symbols; each is read or refused by name."""

from __future__ import annotations

import datetime as dt
import json
import zoneinfo
from collections.abc import Callable

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest

from errors import SourceError
from tests.producers.forms_made import Walk, as_read, csv, plain, put, read, walk
from tests.producers.workbooks import workbook

Maker = Callable[[Walk], str | bytes]
HEADER = "Date,Open,High,Low,Close,Volume"


def _milliseconds(date: dt.date, unit: int = 1000) -> int:
    return int(dt.datetime(date.year, date.month, date.day, tzinfo=dt.UTC).timestamp() * unit)


def _arrow(bars: Walk, *, parquet: bool = False) -> bytes:
    table = pa.table(dict(zip(HEADER.split(","), map(pa.array, zip(*bars.rows(), strict=True)), strict=True)))
    sink = pa.BufferOutputStream()
    if parquet:
        pa.parquet.write_table(table, sink)
    else:
        with pa.ipc.new_file(sink, table.schema) as file:
            file.write_table(table)
    return sink.getvalue().to_pybytes()


def _records(bars: Walk) -> list[dict[str, object]]:
    return [dict(zip(HEADER.split(","), (str(r[0]), *r[1:]), strict=True)) for r in bars.rows()]


def _grouped(value: float) -> str:
    return f"{round(value):,}".replace(",", ".")


FORMS: dict[str, tuple[str, str, Maker]] = {
    # names of columns
    "the field's title over the dates": ("AAPL.csv", "AAPL", lambda b: plain(b, "Price,Open,High,Low,Close,Volume")),
    "a name of the date that no table has": ("AAPL.csv", "AAPL", lambda b: plain(b, "Stichtag,Open,High,Low,Close,Volume")),
    "NSE's daily files": ("cm.csv", "INFY", lambda b: csv("SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP", [("INFY", "EQ", *r[1:5], r[4], r[4], r[5], 1, f"{r[0]:%d-%b-%Y}".upper()) for r in b.rows()])),
    "CSMAR": ("x.csv", "000001", lambda b: csv("Stkcd,Trddt,Opnprc,Hiprc,Loprc,Clsprc,Dnshrtrd", [("000001", *r) for r in b.rows()])),
    "Taiwan's years": ("2330.TW.csv", "2330.TW", lambda b: csv("日期,成交股數,開盤價,最高價,最低價,收盤價", [(f"{r[0].year - 1911}/{r[0]:%m/%d}", r[5], *r[1:5]) for r in b.rows()]).encode("big5")),
    "all four adjusted": ("AAPL.csv", "AAPL", lambda b: plain(b, "Date,Adj Open,Adj High,Adj Low,Adj Close,Adj Volume")),
    "other prices beside": ("AAPL.csv", "AAPL", lambda b: csv("Date,HA_Open,HA_High,HA_Low,HA_Close,Open,High,Low,Close,Volume", [(r[0], *r[1:5], *r[1:]) for r in b.rows()])),
    "Yahoo's page in German": ("SAP.DE.csv", "SAP.DE", lambda b: plain(b, "Datum,Offen,Hoch,Tief,Schluss Schlusskurs bereinigt um Splits.,Volumen")),
    "money beside pieces": ("PETR4.SA.csv", "PETR4.SA", lambda b: csv("Data,Abertura,Máximo,Mínimo,Fechamento,Volume,Quantidade", [(*r[:5], 9 * r[5], r[5]) for r in b.rows()])),
    "ticks where the volume is 0": ("EURUSD.csv", "EURUSD", lambda b: csv("<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>", [(*r, 0) for r in b.rows()], "\t")),
    "an empty adjusted close": ("AAPL.csv", "AAPL", lambda b: csv("Date,Open,High,Low,Close,Adj Close,Volume", [(*r[:5], "", r[5]) for r in b.rows()])),
    "rows with numbers and no header": ("AAPL.csv", "AAPL", lambda b: csv("", [(at, *r) for at, r in enumerate(b.rows())]).lstrip()),
    "an adjusted close and no header": ("AAPL.csv", "AAPL", lambda b: csv("", [(*r[:5], r[4], r[5]) for r in b.rows()]).lstrip()),
    "shares of columns beside": ("AAPL.csv", "AAPL", lambda b: csv(f"{HEADER},Open %,Close %", [(*r, 1, 2) for r in b.rows()])),
    "Finnish months": ("NOKIA.csv", "NOKIA", lambda b: csv(HEADER, [(f"{r[0].day} {['tammi', 'helmi', 'maalis', 'huhti', 'touko', 'kesä', 'heinä', 'elo', 'syys', 'loka', 'marras', 'joulu'][r[0].month - 1]} {r[0].year}", *r[1:]) for r in b.rows()])),
    "Japanese weekdays": ("7203.csv", "7203", lambda b: csv(HEADER, [(f"{r[0]:%Y/%m/%d}({'月火水木金土日'[r[0].weekday()]})", *r[1:]) for r in b.rows()])),
    "Chinese programs' weekdays": ("600519.csv", "600519", lambda b: csv(HEADER.replace(",", "\t"), [(f"{r[0]},{'一二三四五六日'[r[0].weekday()]}", *r[1:]) for r in b.rows()], "\t")),
    "Arabic digits": ("ABC.csv", "ABC", lambda b: csv(HEADER, [(r[0], *[str(p).translate(str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")) for p in r[1:5]], r[5]) for r in b.rows()])),
    # names of files
    "a symbol that is a word": ("ALL.csv", "ALL", plain),
    "currencies": ("EUR_USD Historical Data.csv", "EURUSD=X", plain),
    "an exchange before it": ("ASX_BHP, 1D.csv", "BHP.AX", plain),
    "a page's market before it": ("Download Data - STOCK_US_XNAS_AAPL.csv", "AAPL", plain),
    "MetaTrader 4": ("EURUSD1440.csv", "EURUSD", lambda b: "".join(f"{r[0]:%Y.%m.%d},00:00,{','.join(map(str, r[1:]))}\n" for r in b.rows())),
    "a chart's export": ("NASDAQ_DLY_AAPL, 1D.csv", "AAPL", plain),
    "a pair": ("BTC_USDT-1d.csv", "BTC-USDT", plain),
    "a data set before it": ("WIKI-AAPL.csv", "AAPL", plain),
    "dates behind": ("AAPL_price-history-03-14-2025.csv", "AAPL", plain),
    "text under Excel's ending": ("AAPL.xls", "AAPL", lambda b: plain(b).replace(",", "\t")),
    # containers
    "Feather": ("AAPL.feather", "AAPL", _arrow),
    "records": ("AAPL.json", "AAPL", lambda b: json.dumps(_records(b))),
    "a record a line": ("AAPL.jsonl", "AAPL", lambda b: "\n".join(map(json.dumps, _records(b)))),
    "columns": ("AAPL.json", "AAPL", lambda b: json.dumps({n: [r[n] for r in _records(b)] for n in HEADER.split(",")})),
    "pandas' columns": ("AAPL.json", "AAPL", lambda b: json.dumps({n: {str(at): r[n] for at, r in enumerate(_records(b))} for n in HEADER.split(",")})),
    "pandas' split": ("AAPL.json", "AAPL", lambda b: json.dumps({"columns": HEADER.split(",")[1:], "index": [r["Date"] for r in _records(b)], "data": [r[1:] for r in b.rows()]})),
    "by date within an answer": ("x.json", "IBM", lambda b: json.dumps({"Meta Data": {"2. Symbol": "IBM"}, "Time Series (Daily)": {str(r[0]): {"1. open": str(r[1]), "2. high": str(r[2]), "3. low": str(r[3]), "4. close": str(r[4]), "5. volume": str(r[5])} for r in b.rows()}})),
    "lists": ("BTCUSDT.json", "BTCUSDT", lambda b: json.dumps([[_milliseconds(r[0]), *r[1:]] for r in b.rows()])),
    # units
    "milliseconds, then microseconds": ("BTCUSDT.csv", "BTCUSDT", lambda b: csv("time,open,high,low,close,volume", [(_milliseconds(r[0], 1000 if r[0].year < 2025 else 10**6), *r[1:]) for r in b.rows()])),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_read(tmp_path, form):
    name, ticker, make = FORMS[form]
    found = read(put(tmp_path / name, make(walk())))
    assert found.rejected == []
    assert found.bars == {ticker: as_read(walk())}


def test_a_workbook_is_read_sheet_by_sheet(tmp_path):
    pytest.importorskip("python_calamine")
    tickers = ("AAPL", "MSFT")
    sheets = {t: [HEADER.split(","), *([str(r[0]), *r[1:]] for r in walk(at).rows())] for at, t in enumerate(tickers, 1)}
    found = read(put(tmp_path / "bars.xlsx", workbook(sheets)))
    assert found.bars == {ticker: as_read(walk(at)) for at, ticker in enumerate(tickers, 1)}


def test_tickers_above_the_first_of_their_columns(tmp_path):
    rows = [(*a, *b[1:]) for a, b in zip(walk(0).rows(), walk(1).rows(), strict=True)]
    header = f",AAPL,,,,,MSFT,,,,\nDate,{','.join(HEADER.split(',')[1:] * 2)}"
    assert read(put(tmp_path / "x.csv", csv(header, rows))).bars == {"AAPL": as_read(walk(0)), "MSFT": as_read(walk(1))}


def test_partitions_name_their_tickers(tmp_path):
    for at, ticker in enumerate(("AAPL", "MSFT")):
        put(tmp_path / f"ticker={ticker}" / "year=2024" / "part-0.parquet", _arrow(walk(at), parquet=True))
    assert read(tmp_path).bars == {"AAPL": as_read(walk(0)), "MSFT": as_read(walk(1))}


@pytest.mark.parametrize(
    ("written", "ticker"),
    [("BRK B", "BRK-B"), ("AAPL.OQ", "AAPL"), ("600519.XSHG", "600519.SS"), ("VOD.LSE", "VOD.L"), ("EUR/USD", "EURUSD=X"), ("HKEX:700", "0700.HK"), ("SPX Index", "^GSPC"), ("EURUSD Curncy", "EURUSD=X"),
     ("600519.SH", "600519.SS"), ("000001.SZ", "000001.SZ"), ("000001.XSHE", "000001.SZ"), ("SH600519", "600519.SS"), ("sz.000001", "000001.SZ"), ("SHSE.600519", "600519.SS"), ("600519.SSE", "600519.SS"), ("430047.BJ", "430047.BJ"),
     ("700.HK", "0700.HK"), ("00700.HK", "0700.HK"), ("HK.00700", "0700.HK"), ("hk09988", "9988.HK"), ("00700.XHKG", "0700.HK"), ("700.SEHK", "0700.HK"), ("80700.HK", "80700.HK"),
     ("US.AAPL", "AAPL"), ("US.BRK.B", "BRK-B"), ("7203.XTKS", "7203.T"), ("NESN.XSWX", "NESN.SW"), ("500325.BSE", "500325.BO"), ("SH.TO", "SH.TO"),
     ("AAPL-US", "AAPL"), ("BRK.B-US", "BRK-B"), ("9988-HK", "9988.HK"), ("700-HK", "0700.HK"), ("7203-JP", "7203.T"), ("VOD-GB", "VOD.L"), ("600519-CN", "600519-CN")],
)  # fmt: skip
def test_other_vendors_symbols(tmp_path, written, ticker):
    rows = [(written, *row) for row in walk().rows()]
    assert read(put(tmp_path / "x.csv", csv(f"ticker,{HEADER}", rows))).bars == {ticker: as_read(walk())}


@pytest.mark.parametrize("name", ["600519.SH.csv", "sh600519.csv", "SH#600519.txt", "sh.600519.csv", "600519.XSHG.csv"])
def test_other_vendors_symbols_name_files(tmp_path, name):
    assert read(put(tmp_path / name, plain(walk()))).bars == {"600519.SS": as_read(walk())}


@pytest.mark.parametrize("name", ["Currency", "currency", "Währung", "Devise", "货币", "CCY"])
@pytest.mark.parametrize(
    ("ticker", "text", "code", "differs"),
    [("VOD.L", "GBX", "GBp", ""), ("VOD.L", "GBP", "GBP", "; its symbol says GBp, the column counts"), ("600519", "CNY", "CNY", ""), ("AAPL", "usd", "USD", ""),
     ("NPN.JO", "ZAC", "ZAc", ""), ("TEVA.TA", "ILA", "ILA", ""), ("AAPL", "€", "EUR", "; its symbol says USD, the column counts")],
)  # fmt: skip
def test_a_column_of_currencies_counts_before_the_symbol(tmp_path, ticker, text, code, differs, name):
    found = read(put(tmp_path / f"{ticker}.csv", csv(f"{HEADER},{name}", [(*row, text) for row in walk().rows()])))
    assert found.bars == {ticker: as_read(walk())}
    assert {batch.currency for batch in found.batches[ticker]} == {code}
    assert f"{ticker}: currency from the column: {code}{differs}\n" in f"{found.said}\n"


@pytest.mark.parametrize(("text", "says"), [("$", "says '$', which is no code as USD or GBp: not used"), ("n/a", "")])
def test_a_column_that_names_no_currency_is_not_used(tmp_path, text, says):
    found = read(put(tmp_path / "AAPL.csv", csv(f"{HEADER},Currency", [(*row, text) for row in walk().rows()])))
    assert found.bars == {"AAPL": as_read(walk())}
    assert {batch.currency for batch in found.batches["AAPL"]} == {None}
    assert says in found.said
    assert "currency from the column" not in found.said


def test_each_ticker_has_a_currency_of_its_own(tmp_path):
    rows = [(ticker, *row, code) for ticker, code in (("SAP.DE", "EUR"), ("BP.L", "GBX")) for row in walk().rows()]
    found = read(put(tmp_path / "x.csv", csv(f"ticker,{HEADER},currency", rows)))
    assert {ticker: batches[0].currency for ticker, batches in found.batches.items()} == {"SAP.DE": "EUR", "BP.L": "GBp"}
    assert {"SAP.DE: currency from the column: EUR", "BP.L: currency from the column: GBp"} <= set(found.said.splitlines())


@pytest.mark.parametrize(
    ("other", "named"), [("EUR", r"EUR, USD"), ("GBX", r"GBp, USD"), ("£", r"GBP, USD"), ("$", r"\$, USD")]
)
def test_several_currencies_are_several_series(tmp_path, other, named):
    rows = [(*row, other if at % 2 else "USD") for at, row in enumerate(walk().rows())]
    with pytest.raises(SourceError, match=rf"in several currencies \({named}\): several series under one name"):
        read(put(tmp_path / "A.csv", csv(f"{HEADER},Currency", rows)))


def test_files_of_one_ticker_in_two_currencies_are_refused(tmp_path):
    rows = list(walk(bars=40).rows())
    for part, code in ((slice(0, 20), "EUR"), (slice(20, 40), "GBX")):
        put(tmp_path / code / "SAP.csv", csv(f"{HEADER},Currency", [(*row, code) for row in rows[part]]))
    with pytest.raises(
        SourceError, match=r"prices of SAP in several currencies: .*EUR.SAP.csv in EUR and .*GBX.SAP.csv in GBp; keep one"
    ):
        read(tmp_path)


def test_gaps_in_the_column_of_the_currency_say_nothing(tmp_path):
    rows = [(*row, "EUR" if at % 2 else "-") for at, row in enumerate(walk().rows())]
    assert "A: currency from the column: EUR" in read(put(tmp_path / "A.csv", csv(f"{HEADER},Currency", rows))).said


def test_an_isin_is_answered_with_a_likely_symbol(tmp_path):
    rows = [("DE0007164600", *row) for row in walk().rows()]
    assert "a symbol, as SAP.DE, says both" in read(put(tmp_path / "x.csv", csv(f"ISIN,{HEADER}", rows))).said


@pytest.mark.parametrize(("zone", "hour"), [("Europe/London", 0), ("America/New_York", -7)])
def test_a_pair_s_days_begin_on_the_evening_before_in_utc(tmp_path, zone, hour):
    bars = walk(bars=300)
    moments = [
        (dt.datetime(*r[0].timetuple()[:3], tzinfo=zoneinfo.ZoneInfo(zone)) + dt.timedelta(hours=hour)).astimezone(dt.UTC)
        for r in bars.rows()
    ]
    rows = [(f"{moment:%Y-%m-%d %H:%M:%S}+00:00", *r[1:]) for moment, r in zip(moments, bars.rows(), strict=True)]
    assert read(put(tmp_path / "EURUSD=X.csv", csv(HEADER, rows))).bars == {"EURUSD=X": as_read(bars)}


def test_seven_bars_a_week_keep_their_days_under_a_name_like_a_share_s(tmp_path):
    bars = walk(bars=200, seven=True)
    rows = [(_milliseconds(r[0]) + 1000, *r[1:]) for r in bars.rows()]
    assert read(put(tmp_path / "SOL.csv", csv("time,open,high,low,close,volume", rows))).bars == {"SOL": as_read(bars)}


@pytest.mark.parametrize("offset", [1, -1])
def test_a_split_written_a_day_beside_its_move_is_used(tmp_path, offset):
    bars = walk(start=200.0)
    rows = [
        (d, *(v * (4 if at < 60 else 1) for v in values), n / (4 if at < 60 else 1), 4 if at == 60 + offset else 1)
        for at, (d, *values, n) in enumerate(bars.rows())
    ]
    found = read(put(tmp_path / "A.csv", csv(f"{HEADER},split", rows)))
    assert [row[4] for row in found.bars["A"]] == pytest.approx(bars.close)
    assert "the file has it on" in found.said


@pytest.mark.parametrize("raw", [True, False])
def test_a_product_of_later_splits_counts_once(tmp_path, raw):
    bars = walk(start=200.0)
    rows = [
        (d, *(v * (4 if raw and at < 60 else 1) for v in values), n, 4 if at < 60 else 1)
        for at, (d, *values, n) in enumerate(bars.rows())
    ]
    found = read(put(tmp_path / "A.csv", csv(f"{HEADER},split_factor", rows)))
    assert [row[4] for row in found.bars["A"]] == pytest.approx(bars.close)


def test_thousands_with_points_are_found_where_the_level_jumps(tmp_path):
    bars = walk(start=1000.0)
    rows = [(r[0], *map(_grouped, r[1:5]), r[5]) for r in bars.rows()]
    found = read(put(tmp_path / "A.csv", csv(HEADER, rows)))
    assert [row[4] for row in found.bars["A"]] == [round(close) for close in bars.close]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("BBCA.JK.csv", lambda b: csv(HEADER, [(r[0], *(_grouped(100 * v) for v in r[1:5]), _grouped(r[5])) for r in b.rows()]), "'10.016' may be 10.016 or 10016"),
        ("X.csv", lambda b: csv("time,open,high,low,close,volume", [(f"{_milliseconds(r[0]):.6e}", *r[1:]) for r in b.rows()]), "has lost its last digits"),
        ("A.csv", lambda b: csv(f"{HEADER},Type", [(r[0], *(v * f for v in r[1:5]), r[5], t) for r in b.rows() for t, f in (("raw", 1), ("adj", 0.5))]), "several series in one file"),
        ("A.csv", lambda b: csv("close_time,open,high,low,close,volume", [(_milliseconds(r[0]), *r[1:]) for r in b.rows()]), "no column for date"),
        ("A.h5", lambda _: b"\x89HDF\r\n\x1a\n" + bytes(99), "is an HDF5 file; save its table as CSV or Parquet"),
        ("A.7z", lambda _: b"7z\xbc\xaf\x27\x1c" + bytes(99), "is a 7z archive; unpack it"),
        ("A.pkl", lambda _: b"\x80\x04\x95" + bytes(99), "is a pickle, which may run code"),
        ("A.json", lambda _: '{"Information": "rate limit"}', "is JSON and no table"),
        ("BTC-USD.csv", lambda b: plain(walk(step=2)), "no two bars on successive days"),
    ],
)  # fmt: skip
def test_what_is_refused_by_name(tmp_path, name, content, says):
    with pytest.raises(SourceError) as error:
        read(put(tmp_path / name, content(walk())))
    assert says in str(error.value)


def test_a_high_alone_beyond_a_thousand_shows_that_its_point_stands_between_thousands(tmp_path):
    """`1.010` beside `990` and `970`: under a decimal point the high would lie below the low."""
    rows = [(row[0], 990, "1.010", 970, 990 + at % 3, row[5]) for at, row in enumerate(walk().rows())]
    found = read(put(tmp_path / "X.csv", csv(HEADER.replace(",", ";"), rows, ";")))
    assert found.bars["X"][0][1:5] == (990.0, 1010.0, 970.0, 990.0)
    assert found.rejected == []
