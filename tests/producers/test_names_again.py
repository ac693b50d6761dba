"""Names that pandas made: numbered again, joined, of merged tables; and names of files and answers that give a ticker."""

from __future__ import annotations

import datetime as dt
import json
import zoneinfo

import pytest

from errors import SourceError
from producers.forms.layout import field_and_ticker
from producers.forms.names import ticker_of_name
from tests.producers.forms_made import as_read, csv, put, read, walk

BARS, OTHER = walk(), walk(1, start=300.0)
FIELDS = ("Open", "High", "Low", "Close", "Volume")
BOTH = [(day, *a, *b) for (day, *a), (_, *b) in zip(BARS.rows(), OTHER.rows(), strict=True)]


def refused(path) -> str:
    with pytest.raises(SourceError) as error:
        read(path)
    return str(error.value)


def test_a_download_that_pandas_read_and_wrote_again_keeps_its_tickers(tmp_path):
    """`read_csv` numbers the names that stand again, and `to_csv` writes its own row numbers before them."""
    header = [
        ",".join(["", "Price", *FIELDS, *(f"{name}.1" for name in FIELDS)]),
        ",".join(["0", "Ticker", *["AAPL"] * 5, *["MSFT"] * 5]),
        "1,Date" + "," * 10,
    ]
    text = "\n".join(header) + csv("", [(at + 2, *row) for at, row in enumerate(BOTH)])
    assert read(put(tmp_path / "saved.csv", text)).bars == {"AAPL": as_read(BARS), "MSFT": as_read(OTHER)}
    plainly = "\n".join([header[0][1:], header[1][2:], "Date" + "," * 10]) + csv("", BOTH)
    assert read(put(tmp_path / "again.csv", plainly)).bars == {"AAPL": as_read(BARS), "MSFT": as_read(OTHER)}


def test_names_that_are_numbered_again_without_tickers_are_refused(tmp_path):
    """The first of two companies would be read, and the second left out."""
    header = ",".join(["Price", *FIELDS, *(f"{name}.1" for name in FIELDS)])
    said = refused(put(tmp_path / "AAPL.csv", csv(header, BOTH)))
    assert "columns 'Close', 'Close.1' mean the same" in said
    path = tmp_path / "AAPL.csv"
    assert read(path, "open=Open", "high=High", "low=Low", "close=Close", "volume=Volume").bars == {"AAPL": as_read(BARS)}


@pytest.mark.parametrize("marks", [("_x", "_y"), ("_left", "_right"), ("_1", "_2")])
def test_names_of_merged_tables_are_no_tickers(tmp_path, marks):
    header = ",".join(["Date", *(f"{name}{mark}" for mark in marks for name in FIELDS)])
    assert "of a table that was merged" in refused(put(tmp_path / "AAPL.csv", csv(header, BOTH)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Adj_Close_AAPL", ("adjusted_close", "AAPL")),
        ("AAPL_Adj_Close", ("adjusted_close", "AAPL")),
        ("Price_Close_AAPL", ("close", "AAPL")),
        ("Close_BRK-B", ("close", "BRK-B")),
        ("Volume_BTC-USD", ("volume", "BTC-USD")),
        ("AAPL.Close", ("close", "AAPL")),
    ],
)
def test_the_longest_name_of_a_field_is_it(name, expected):
    """`Adj_Close_AAPL` had been an adjusted close of a ticker CLOSE_AAPL, and dividends had been lost."""
    assert field_and_ticker(name) == expected


@pytest.mark.parametrize(
    ("name", "ticker"),
    [
        ("aapl_us_d (1).csv", "AAPL.US"),
        ("Book1.xlsx", None),
        ("Mappe1.csv", None),
        ("dataset.csv", None),
        ("Untitled.csv", None),
        ("bhavcopy.csv", None),
        ("AAPL_cleaned.csv", "AAPL"),
        ("Quote-IndexHistory-SENSEX-01-01-2024-to-31-12-2024.csv", "SENSEX"),
        ("D05.SI.csv", "D05.SI"),
        ("MERCK1.csv", "MERCK1"),
    ],
)
def test_names_of_files(name, ticker):
    assert ticker_of_name(name) == ticker


def _bars() -> list[dict[str, object]]:
    return [
        dict(zip(("timestamp", "open", "high", "low", "close", "volume"), map(str, row), strict=True)) for row in BARS.rows()
    ]


def _lists() -> list[list[object]]:
    return [[str(day), o, c, h, low, v] for day, o, h, low, c, v in BARS.rows()]


@pytest.mark.parametrize(
    ("answer", "ticker"),
    [
        ({"data": {"ohlc": _bars(), "pair": "BTC/USD"}}, "BTC-USD"),
        (
            {"rc": 0, "data": {"code": "600519", "name": "贵州茅台", "klines": [",".join(map(str, r)) for r in _lists()]}},
            "600519",
        ),
        ({"code": 0, "data": {"sh600519": {"qfqday": _lists(), "qt": {}}}}, "600519.SS"),
    ],
)
def test_an_answer_that_names_its_ticker(tmp_path, answer, ticker):
    """The file's name had been its ticker."""
    assert read(put(tmp_path / "reply.json", json.dumps(answer))).bars == {ticker: as_read(BARS)}


def test_a_code_of_success_is_no_ticker(tmp_path):
    path = put(tmp_path / "IBM.json", json.dumps({"code": "200000", "data": _lists()}))
    assert read(path).bars == {"IBM": as_read(BARS)}


def test_seconds_that_become_milliseconds_are_read(tmp_path):
    """Vendors of coins changed over within a file."""
    coin = walk(bars=200, seven=True)
    seconds = [int((day - dt.date(1970, 1, 1)).total_seconds()) for day in coin.date]
    rows = [(s if at < 110 else s * 1000, *row[1:]) for at, (s, row) in enumerate(zip(seconds, coin.rows(), strict=True))]
    found = read(put(tmp_path / "BTC-USD.csv", csv("unix,open,high,low,close,volume", rows)))
    assert found.bars == {"BTC-USD": as_read(coin)}
    assert not found.rejected


@pytest.mark.parametrize("ticker", ["7203.T", "005930.KS", "BHP.AX"])
def test_midnights_written_in_the_time_of_new_york_are_of_their_exchange(tmp_path, ticker):
    home = zoneinfo.ZoneInfo({"T": "Asia/Tokyo", "KS": "Asia/Seoul", "AX": "Australia/Sydney"}[ticker.rpartition(".")[2]])
    there = zoneinfo.ZoneInfo("America/New_York")
    rows = [(dt.datetime.combine(d, dt.time(), home).astimezone(there), *rest) for d, *rest in BARS.rows()]
    found = read(put(tmp_path / f"{ticker}.csv", csv("Date,Open,High,Low,Close,Volume", rows)))
    assert found.bars == {ticker: as_read(BARS)}
    assert "with the time of another zone" in found.said


@pytest.mark.parametrize("mark", ["log", "scaled", "ha", "pred"])
def test_what_is_done_to_prices_is_no_ticker(tmp_path, mark):
    """The logs of prices had been the prices of a ticker LOG."""
    header = ",".join(["Date", *(f"{mark}_{name}" for name in FIELDS)])
    assert "no column for open" in refused(put(tmp_path / "AAPL.csv", csv(header, BARS.rows())))


@pytest.mark.parametrize(
    ("header", "ticker"),
    [
        ("التاريخ,افتتاح,الأعلى,الأدنى,إغلاق,حجم التداول", "AAPL"),
        ("التاريخ,مفتوح,أعلى,أدنى,الأخير,الحجم", "AAPL"),
        ("Tarih,AÇILIŞ FİYATI,EN YÜKSEK FİYAT,EN DÜŞÜK FİYAT,KAPANIŞ FİYATI,TOPLAM İŞLEM ADEDİ", "AAPL"),
        ("Ngày,Giá mở cửa,Giá cao nhất,Giá thấp nhất,Giá đóng cửa,Khối lượng", "AAPL"),
        ("DATE,OPENP*,HIGH,LOW,CLOSEP*,VOLUME", "AAPL"),
        ("Date,Open,High,Low,Close,Share Volume", "AAPL"),
        ("Data,Abertura,Máximo,Mínimo,Fechamento,Quantidade,Ativo", "PETR4"),
        ("DATE,OPENP*,HIGH,LOW,CLOSEP*,VOLUME,TRADING CODE", "GP"),
        ("Ngày,Giá mở cửa,Giá cao nhất,Giá thấp nhất,Giá đóng cửa,Khối lượng,Mã", "VNM"),
    ],
)
def test_names_of_exchanges(tmp_path, header, ticker):
    rows = [(*row, ticker) if ticker != "AAPL" else row for row in BARS.rows()]
    path = put(tmp_path / ("AAPL.csv" if ticker == "AAPL" else "bars.csv"), csv(header, rows))
    assert read(path).bars == {ticker: as_read(BARS)}


def test_a_volume_of_shares_counts_before_a_number_of_trades(tmp_path):
    rows = [(*row[:5], 55, row[5]) for row in BARS.rows()]
    path = put(tmp_path / "JKH.csv", csv("Date,Open,High,Low,Close,Trade Volume,Share Volume", rows))
    assert read(path).bars == {"JKH": as_read(BARS)}


@pytest.mark.parametrize(("column", "first"), [("股票代码", "600519"), ("종목코드", "105560")])
def test_codes_of_six_digits_get_their_zeros_back(tmp_path, column, first):
    """A spreadsheet takes 000858 for the number 858, which is no share."""
    rows = [(code, *row) for code, bars in ((first, BARS), ("858", OTHER)) for row in bars.rows()]
    found = read(put(tmp_path / "all.csv", csv(f"{column},Date,Open,High,Low,Close,Volume", rows)))
    assert found.bars == {first: as_read(BARS), "000858": as_read(OTHER)}
    assert "with the zeros that codes had lost" in found.said


def test_codes_of_several_lengths_stay_where_zeros_are_kept(tmp_path):
    """Taipei has shares of four digits and funds of six; so has a column in which one code begins with a zero."""
    for column, codes in (("證券代號", ("2330", "606208")), ("股票代码", ("00700", "600519"))):
        rows = [(code, *row) for code, bars in zip(codes, (BARS, OTHER), strict=True) for row in bars.rows()]
        found = read(put(tmp_path / f"{len(column)}.csv", csv(f"{column},Date,Open,High,Low,Close,Volume", rows)))
        assert set(found.bars) == set(codes)
