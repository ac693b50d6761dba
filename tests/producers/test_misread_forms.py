"""Forms that had been read as other bars, or as a part of them: they are read right, or refused by name."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pyarrow as pa
import pyarrow.ipc
import pytest

from errors import SourceError
from tests.producers.forms_made import as_read, csv, plain, put, read, walk
from tests.producers.workbooks import workbook

BARS, OTHER, THIRD = walk(), walk(1, start=300.0), walk(2, start=40.0)
HEADER = "Date,Open,High,Low,Close,Volume"
NAMES = HEADER.split(",")


def refused(path) -> str:
    with pytest.raises(SourceError) as error:
        read(path)
    return str(error.value)


@pytest.mark.parametrize("title", ["KO", "Symbol: KO", "KO US Equity", "Coca-Cola Company"])
@pytest.mark.parametrize("common", [True, False])
def test_a_second_table_in_a_file_is_refused(tmp_path, title, common):
    """Dates that go on from one table to the next would make one history of two companies."""
    first = BARS.rows() if common else BARS.rows()[:60]
    second = [(day, *[round(p / 3, 2) for p in prices], volume) for day, *prices, volume in OTHER.rows()[0 if common else 60 :]]
    path = put(tmp_path / "X.csv", csv(HEADER, first) + f"\n{title}\n" + csv(HEADER, second))
    assert f"another table begins at {title!r}" in refused(path)


def test_a_ticker_between_bars_without_a_second_header_is_refused(tmp_path):
    path = put(tmp_path / "X.csv", csv(HEADER, BARS.rows()[:60]) + "KO\n" + csv("", BARS.rows()[60:]).lstrip())
    assert "another table begins at 'KO'" in refused(path)


@pytest.mark.parametrize(("title", "named"), [("KO", True), ("KO US Equity", True), ("Coca-Cola Company", True), ("KO", False)])
@pytest.mark.parametrize("book", [True, False])
def test_a_second_table_in_rows_of_full_width_is_refused(tmp_path, title, named, book):
    """Spreadsheets fill a title's row with empty cells."""
    first, second = BARS.rows()[:60], [(day, *(p / 3 for p in prices), volume) for day, *prices, volume in OTHER.rows()[60:]]
    blank = ("",) * 5
    rows = [NAMES, *first, ("", *blank), (title, *blank), *([NAMES] if named else []), *second]
    content = workbook({"Sheet1": rows}) if book else csv("", rows).lstrip()
    path = put(tmp_path / ("X.xlsx" if book else "X.csv"), content)
    assert f"another table begins at {title!r}" in refused(path)


@pytest.mark.parametrize(
    "row",
    [
        "N/A,,,,,",
        "2O25-01-02,,,,,",
        ",,,,,0",
        "Closed,,,,,",
        ",,,,,\nDate,Open,High,Low,Close,Volume",
        "Date,Open,High,Low,Close,Volume",
    ],
)
def test_a_row_without_prices_among_the_bars_is_no_second_table(tmp_path, row):
    text = csv(HEADER, BARS.rows()[:60]) + f"{row}\n" + csv("", BARS.rows()[60:]).lstrip()
    assert read(put(tmp_path / "AAPL.csv", text)).bars == {"AAPL": as_read(BARS)}


@pytest.mark.parametrize("footer", ["EOF", "Symbol: AAPL", "Closed for the holidays"])
def test_a_line_behind_the_bars_is_no_second_table(tmp_path, footer):
    assert read(put(tmp_path / "AAPL.csv", plain(BARS) + footer + "\n")).bars == {"AAPL": as_read(BARS)}


@pytest.mark.parametrize(
    "number", [lambda v: f"{100 * v:,.2f}", lambda v: f"{v:.2f}".replace(".", ","), lambda v: f"{v:,.3f}".replace(".", ",")]
)
def test_numbers_that_are_cut_at_their_commas_are_refused(tmp_path, number):
    path = put(tmp_path / "AAPL.csv", csv(HEADER, [(r[0], *map(number, r[1:5]), r[5]) for r in BARS.rows()]))
    assert "need quotation marks" in refused(path)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ("Date,Open,Low,High,Close,Volume", "in 120 of 120 bars the high lies below the low"),
        ("Date,High,Open,Low,Close,Volume", "the open lies outside low and high"),
        ("Date,Open,Close,Low,High,Volume", "the close lies outside low and high"),
    ],
)
def test_columns_under_each_others_names_are_refused(tmp_path, names, says):
    assert says in refused(put(tmp_path / "AAPL.csv", plain(BARS, names)))


@pytest.mark.parametrize(
    "names", ["일자,시가,고가,저가,현재가,거래량", "Date,Open,High,Low,Close,Volume", "日付,始値,高値,安値,終値,出来高"]
)
def test_signs_that_say_how_a_price_moved_are_refused(tmp_path, names):
    rows = [(r[0], *[f"{'+-'[at % 2]}{p}" for p in r[1:5]], r[5]) for at, r in enumerate(BARS.rows())]
    assert "in 60 of 120 bars prices are negative" in refused(put(tmp_path / "005930.csv", csv(names, rows)))


def test_a_few_bars_outside_their_range_are_refused_one_by_one(tmp_path):
    rows = [(*row[:4], row[2] + 1 if at % 30 == 0 else row[4], row[5]) for at, row in enumerate(BARS.rows())]
    found = read(put(tmp_path / "AAPL.csv", csv(HEADER, rows)))
    assert [bar.reason for bar in found.rejected] == ["close outside [low, high]"] * 4


def test_first_and_open_may_both_be_the_open(tmp_path):
    names = "<TICKER>,<DTYYYYMMDD>,<FIRST>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPEN>"
    path = put(tmp_path / "x.csv", csv(names, [("FOLD", f"{r[0]:%Y%m%d}", *r[1:], r[4]) for r in BARS.rows()]))
    assert "'<FIRST>', '<OPEN>' mean the same" in refused(path)
    assert read(path, "open=<FIRST>").bars == {"FOLD": as_read(BARS)}


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_fields_in_merged_cells_above_their_tickers(tmp_path, sign):
    """As spreadsheets save pandas' columns of two levels: only the first ticker had been read."""
    fields = [text for name in NAMES[1:] for text in (name, "", "")]
    rows = [["", *fields], ["", *["AAPL", "KO", "PEP"] * 5]]
    rows += [
        [a[0], *[v for at in range(1, 6) for v in (a[at], b[at], c[at])]]
        for a, b, c in zip(BARS.rows(), OTHER.rows(), THIRD.rows(), strict=True)
    ]
    found = read(put(tmp_path / "x.csv", csv(sign.join(map(str, rows[0])), rows[1:], sign)))
    assert found.bars == {"AAPL": as_read(BARS), "KO": as_read(OTHER), "PEP": as_read(THIRD)}


@pytest.mark.parametrize("unit", ["Stück", "shares", "株", "шт"])
def test_volumes_with_a_word_for_pieces(tmp_path, unit):
    rows = [(*row[:5], f"{row[5]} {unit}") for row in BARS.rows()]
    assert read(put(tmp_path / "SAP.csv", csv(HEADER, rows))).bars == {"SAP": as_read(BARS)}


@pytest.mark.parametrize("text", ["{} qq", "n{}", "{}.1.2.3"])
def test_volumes_that_are_no_numbers_are_refused_and_not_left_out(tmp_path, text):
    path = put(tmp_path / "SAP.csv", csv(HEADER, [(*row[:5], text.format(row[5])) for row in BARS.rows()]))
    assert "the volumes, as" in refused(path)


@pytest.mark.parametrize(
    ("name", "ticker"),
    [("KRX_005930, 1D", "005930.KS"), ("SSE_600519, 1D_3f2a1", "600519.SS"), ("HKEX_700, 1D (1)", "0700.HK"), ("KOSDAQ_035720", "035720.KQ"),
     ("TSE_7203", "7203.T"), ("BATS_AAPL, 1D_59d31", "AAPL"), ("fx_daily_EUR_USD", "EURUSD=X"), ("NASDAQ_DLY_AAPL, 1D", "AAPL")],
)  # fmt: skip
def test_names_of_charts(tmp_path, name, ticker):
    assert read(put(tmp_path / f"{name}.csv", plain(BARS))).bars == {ticker: as_read(BARS)}


@pytest.mark.parametrize(
    ("symbol", "ticker"), [("TSCO.LON", "TSCO.L"), ("X:BTCUSD", "BTCUSD"), ("SHOP.TRT", "SHOP.TO"), ("MBG.DEX", "MBG.DE")]
)
def test_symbols_of_services(tmp_path, symbol, ticker):
    assert read(put(tmp_path / "x.csv", csv(f"symbol,{HEADER}", [(symbol, *row) for row in BARS.rows()]))).bars == {
        ticker: as_read(BARS)
    }


@pytest.mark.parametrize("names", [("Sheet1", "Notes"), ("Tabelle1", "Tabelle2"), ("Лист1", "Quelle")])
def test_a_sheet_without_a_name_of_its_own_has_that_of_its_workbook(tmp_path, names):
    rows = [NAMES, *([str(r[0]), *r[1:]] for r in BARS.rows())]
    found = read(put(tmp_path / "AAPL.xlsx", workbook({names[0]: rows, names[1]: [["Source", "x"], ["Made", "y"]]})))
    assert found.bars == {"AAPL": as_read(BARS)}
    assert found.rejected == []
    assert names[1] in found.said


@pytest.mark.parametrize("ending", [".mst", ".dly", ".MST"])
def test_endings_of_charting_programs(tmp_path, ending):
    text = csv(
        "<TICKER>,<DTYYYYMMDD>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>", [("KGHM", f"{r[0]:%Y%m%d}", *r[1:]) for r in BARS.rows()]
    )
    put(tmp_path / f"KGHM{ending}", text)
    assert read(tmp_path).bars == {"KGHM": as_read(BARS)}


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("date,stock_id,Trading_Volume,open,max,min,close", lambda r: (r[0], "2330", r[5], *r[1:5])),
        ("Date,SecuritiesCode,Open,High,Low,Close,Volume", lambda r: (r[0], "2330", *r[1:])),
        ("PERMNO,DlyCalDt,DlyPrc,DlyVol,DlyClose,DlyLow,DlyHigh,DlyOpen", lambda r: (2330, r[0], r[4], r[5], r[4], r[3], r[2], r[1])),
    ],
    ids=["FinMind", "Tokyo's competition", "CRSP"],
)  # fmt: skip
def test_names_of_data_sets(tmp_path, header, row):
    assert read(put(tmp_path / "x.csv", csv(header, map(row, BARS.rows())))).bars == {"2330": as_read(BARS)}


UNITS = {
    "Volume (mm)": 1e6, "Volume in Millions": 1e6, "거래량(백만)": 1e6, "成交量(万手)": 1e6, "Volume (Lacs)": 1e5, "成交量(万股)": 1e4,
    "Vol (K)": 1e3, "Volume (x1000)": 1e3, "Volume_000": 1e3, "거래량(천주)": 1e3, "出来高(千株)": 1e3, "Объем, тыс. шт": 1e3, "Volume (in thousands)": 1e3,
    "成交量(百股)": 1e2, "Volume (lots)": 1e2, "成交量(手)": 1e2, "Volume (BTC)": 1.0, "거래량(주)": 1.0, "成交量(股)": 1.0, "Volume (shares)": 1.0, "Volume (MATIC)": 1.0,
}  # fmt: skip


@pytest.mark.parametrize("name", UNITS)
def test_units_in_the_name_of_the_volumes(tmp_path, name):
    """A unit that was not known left volumes a thousandth of what they were."""
    header = f'Date,Open,High,Low,Close,"{name}"'
    rows = [(*row[:5], f"{row[5] / UNITS[name]:.9f}") for row in BARS.rows()]
    found = read(put(tmp_path / "KO.csv", csv(header, rows))).bars["KO"]
    assert [bar[5] for bar in found] == pytest.approx(BARS.volume)


@pytest.mark.parametrize(
    ("name", "ticker"),
    [("AAPL_1Y", "AAPL"), ("AAPL.5y", "AAPL"), ("AAPL.NASDAQ", "AAPL"), ("ohlcv-AAPL", "AAPL"), ("AAPL - Kopie", "AAPL"), ("%5EGSPC", "^GSPC"),
     ("Bitcoin Historical Data - Investing.com", "BITCOIN")],
)  # fmt: skip
def test_words_around_a_ticker_in_files_names(tmp_path, name, ticker):
    assert read(put(tmp_path / f"{name}.csv", plain(BARS))).bars == {ticker: as_read(BARS)}


@pytest.mark.parametrize("ticker", ["QNBK.QA", "NBK.KW", "COMI.CA", "2222.SR", "DPW.AE"])
def test_weeks_from_sunday_to_thursday(tmp_path, ticker):
    bars = [row for row in walk(seven=True, bars=300).rows() if row[0].weekday() not in {4, 5}]
    found = read(put(tmp_path / f"{ticker}.csv", csv(HEADER, bars)))
    assert [bar[0] for bar in found.bars[ticker]] == [str(row[0]) for row in bars]


@pytest.mark.parametrize("ticker", ["CA", "AE", "OM", "BH"])
def test_a_ticker_that_is_spelled_as_such_a_suffix_has_weeks_from_monday(tmp_path, ticker):
    assert read(put(tmp_path / "x.csv", csv(f"ticker,{HEADER}", [(ticker, *row) for row in BARS.rows()]))).bars == {
        ticker: as_read(BARS)
    }


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "Asia/Tokyo"])
def test_midnights_of_the_east_under_a_ticker_without_an_exchange(tmp_path, zone):
    rows = [(int(dt.datetime.combine(r[0], dt.time(), zoneinfo.ZoneInfo(zone)).timestamp()), *r[1:]) for r in BARS.rows()]
    found = read(put(tmp_path / "SAP.csv", csv(HEADER, rows)))
    assert found.bars == {"SAP": as_read(BARS)}
    assert "dates a day early" in found.said


@pytest.mark.parametrize(
    "names",
    ["Date 日期,Open 開市,High 最高,Low 最低,Close 收市,Volume 成交量", "日付/Date,始値/Open,高値/High,安値/Low,終値/Close,出来高/Volume", "Дата Date,Откр. Open,Макс. High,Мин. Low,Закр. Close,Объём Volume"],
)  # fmt: skip
def test_names_in_two_languages(tmp_path, names):
    assert read(put(tmp_path / "0700.HK.csv", plain(BARS, names))).bars == {"0700.HK": as_read(BARS)}


@pytest.mark.parametrize("name", ["Last Close", "Close 開市", "Open Last"])
def test_two_words_that_do_not_name_the_same_in_two_languages_are_not_known(tmp_path, name):
    assert "no column for close" in refused(put(tmp_path / "KO.csv", plain(BARS, f"Date,Open,High,Low,{name},Volume")))


def _arrow(*, stream: bool, named: bool) -> bytes:
    """Rows of two tickers under an index of two levels, as pandas writes it."""
    levels = ("ticker", "date") if named else ("__index_level_0__", "__index_level_1__")
    rows = [(symbol, *row) for symbol, bars in (("AAPL", BARS), ("KO", OTHER)) for row in bars.rows()]
    symbols, days, *values = zip(*rows, strict=True)
    columns = dict(zip(NAMES[1:], map(pa.array, values), strict=True))
    table = pa.table({**columns, levels[0]: pa.array(symbols), levels[1]: pa.array(days, pa.date32()).cast(pa.timestamp("us"))})
    sink = pa.BufferOutputStream()
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(sink, table.schema) as file:
        file.write_table(table)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("named", [True, False])
def test_arrow_with_an_index_of_two_levels(tmp_path, stream, named):
    path = put(tmp_path / "bars.arrow", _arrow(stream=stream, named=named))
    assert read(path).bars == {"AAPL": as_read(BARS), "KO": as_read(OTHER)}
