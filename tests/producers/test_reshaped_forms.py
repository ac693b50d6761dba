"""Dates in three columns, long tables and Datastream's codes are read as rows of bars, or refused by name."""

from __future__ import annotations

import datetime as dt
import io
import json
import random
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errors import SourceError
from producers.forms.datastream import of_codes
from tests.producers.forms_made import Walk, as_read, csv, put, read, walk
from tests.producers.test_form_property import tables, written
from tests.producers.workbooks import workbook

BARS, OTHER = walk(), walk(1, start=300.0)
FIELDS = ("open", "high", "low", "close", "volume")
PRICES = "Open,High,Low,Close,Volume"


def _dates(bars: Walk, order: str, *, short: bool = False, named: str = "", decimal: bool = False) -> list[tuple[object, ...]]:
    rows = []
    for day, *values in bars.rows():
        parts = {"y": day.year % 100 if short else day.year, "m": f"{day:{named}}" if named else day.month, "d": day.day}
        rows.append((*(f"{parts[part]}.0" if decimal else parts[part] for part in order), *values))
    return rows


THREE = {
    "year, month, day": ("Year,Month,Day", "ymd", {}),
    "day, month, year": ("Day,Month,Year", "dmy", {}),
    "month, day, year": ("Month,Day,Year", "mdy", {}),
    "one letter each": ("Y,M,D", "ymd", {}),
    "as a format": ("yyyy,mm,dd", "ymd", {}),
    "German": ("Jahr,Monat,Tag", "ymd", {}),
    "French": ("Année,Mois,Jour", "ymd", {}),
    "Spanish": ("Día,Mes,Año", "dmy", {}),
    "Polish": ("Rok,Miesiąc,Dzień", "ymd", {}),
    "Russian": ("Год,Месяц,День", "ymd", {}),
    "Chinese": ("年,月,日", "ymd", {}),
    "Korean": ("연도,월,일", "ymd", {}),
    "Turkish": ("Gün,Ay,Yıl", "dmy", {}),
    "months by name": ("Year,Month,Day", "ymd", {"named": "%B"}),
    "short names of months": ("Day,Month,Year", "dmy", {"named": "%b"}),
    "years of two digits": ("Year,Month,Day", "ymd", {"short": True}),
    "numbers with a point": ("year,month,day", "ymd", {"decimal": True}),
}


@pytest.mark.parametrize("kind", THREE)
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_dates_in_three_columns(tmp_path, kind, sign):
    names, order, options = THREE[kind]
    text = csv(f"{names},{PRICES}", _dates(BARS, order, **options)).replace(",", sign)
    found = read(put(tmp_path / "AAPL.csv", text))
    assert found.bars == {"AAPL": as_read(BARS)}
    assert found.rejected == []
    assert (
        f"dates from columns {', '.join(repr(name) for name in sorted(names.split(','), key=lambda n: 'ymd'.index(order[names.split(',').index(n)])))}"
        in found.said
    )


def test_dates_in_three_columns_of_many_tickers_behind_a_title_with_a_source_below(tmp_path):
    rows = [(ticker, *row) for ticker, bars in (("AAPL", BARS), ("SAP.DE", OTHER)) for row in _dates(bars, "ymd")]
    text = "Currency: EUR\n" + csv(f"ticker,Year,Month,Day,{PRICES}", rows) + "Source: example.org\n"
    found = read(put(tmp_path / "x.csv", text))
    assert found.bars == {"AAPL": as_read(BARS), "SAP.DE": as_read(OTHER)}
    assert {batch.currency for batches in found.batches.values() for batch in batches} == {"EUR"}
    assert len(found.source.findings.passed_over) == 1


def test_dates_in_three_columns_of_json_parquet_and_a_workbook(tmp_path):
    names = ("year", "month", "day", *FIELDS)
    rows = _dates(BARS, "ymd")
    put(tmp_path / "A.json", json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
    put(
        tmp_path / "B.parquet",
        _parquet({name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}),
    )
    put(tmp_path / "C.xlsx", workbook({"Sheet1": [list(names), *map(list, rows)]}))
    assert read(tmp_path).bars == {"A": as_read(BARS), "B": as_read(BARS), "C": as_read(BARS)}


@pytest.mark.parametrize("names", ["Year,Day,Month", "Month,Year,Day", "Day,Month,Year"])
def test_three_columns_under_each_others_names_are_refused(tmp_path, names):
    with pytest.raises(SourceError, match=r"make no date in [\d,]+ rows, as .* under each other's names"):
        read(put(tmp_path / "A.csv", csv(f"{names},{PRICES}", _dates(BARS, "ymd"))))


def test_a_damaged_day_in_three_columns_costs_its_own_bar(tmp_path):
    rows = _dates(BARS, "ymd")
    rows[30] = (rows[30][0], 13, *rows[30][2:])
    rows[50] = (rows[50][0], 2, 30, *rows[50][3:])
    found = read(put(tmp_path / "A.csv", csv(f"Year,Month,Day,{PRICES}", rows)))
    assert found.bars == {"A": [bar for at, bar in enumerate(as_read(BARS)) if at not in (30, 50)]}
    assert len(found.rejected) == 2


@pytest.mark.parametrize("names", ["Year,Month,Week", "Year,Quarter,Day", "Year,Year,Month"])
def test_other_three_columns_are_refused(tmp_path, names):
    with pytest.raises(SourceError, match="no row with a date and prices"):
        read(put(tmp_path / "A.csv", csv(f"{names},{PRICES}", _dates(BARS, "ymd"))))


def test_a_column_of_dates_counts_before_three_columns(tmp_path):
    rows = [(row[0], row[0].year, row[0].month, row[0].day, *row[1:]) for row in BARS.rows()]
    found = read(put(tmp_path / "A.csv", csv(f"Date,Year,Month,Day,{PRICES}", rows)))
    assert found.bars == {"A": as_read(BARS)}
    assert "dates from columns" not in found.said


def _melted(of_tickers: dict[str, Walk], fields: tuple[str, ...] = FIELDS) -> list[tuple[str, str, str, float]]:
    rows = [
        (str(day), ticker, field, value)
        for ticker, bars in of_tickers.items()
        for day, *values in bars.rows()
        for field, value in zip(fields, values, strict=True)
    ]
    return sorted(rows, key=lambda row: row[2])


BOTH = {"AAPL": BARS, "MSFT": OTHER}
BLOOMBERG = ("PX_OPEN", "PX_HIGH", "PX_LOW", "PX_LAST", "PX_VOLUME")
GERMAN = ("Eröffnung", "Hoch", "Tief", "Schluss", "Volumen")
LONG = {
    "pandas.melt": csv("date,ticker,variable,value", _melted(BOTH)),
    "yfinance, melted": csv("Date,Price,Ticker,value", [(d, f.title(), t, v) for d, t, f, v in _melted(BOTH)]),
    "Bloomberg": csv("ticker,date,field,value", [(f"{t} US Equity", d, f, v) for d, t, f, v in _melted(BOTH, BLOOMBERG)]),
    "tickers in the fields": csv("Date,variable,value", [(d, f"{f.title()}_{t}", v) for d, t, f, v in _melted(BOTH)]),
    "pairs in the fields": csv("Date;variable;value", [(d, f"('{f.title()}', '{t}')", v) for d, t, f, v in _melted(BOTH)], ";"),
    "another name of the value": csv("symbol,date,item,wert", [(t, d, f, v) for d, t, f, v in _melted(BOTH, GERMAN)]),
    "a name that is not known": csv("symbol,date,item,xyz", [(t, d, f, v) for d, t, f, v in _melted(BOTH)]),
    "decimal commas": csv("Datum;Symbol;Feld;Wert", [(d, t, f, str(v).replace(".", ",")) for d, t, f, v in _melted(BOTH, GERMAN)], ";"),
    "a column a ticker": csv(
        "Date,Field,AAPL,MSFT",
        [(d, f, v, w) for (d, _, f, v), (*_, w) in zip(_melted({"AAPL": BARS}), _melted({"MSFT": OTHER}), strict=True)],
    ),
    "shuffled": csv("date,ticker,variable,value", random.Random(0).sample(_melted(BOTH), 1200)),
    "numbered rows": csv(",date,ticker,variable,value", [(at, *row) for at, row in enumerate(_melted(BOTH))]),
    "other fields beside": csv("date,ticker,variable,value", [*_melted(BOTH), *((d, t, "vwap", v) for d, t, f, v in _melted(BOTH) if f == "close")]),
    "rows that stand twice": csv("date,ticker,variable,value", [*_melted(BOTH), *_melted(BOTH)]),
}  # fmt: skip


@pytest.mark.parametrize("kind", LONG)
def test_a_long_table(tmp_path, kind):
    found = read(put(tmp_path / "x.csv", LONG[kind]))
    assert found.bars == {"AAPL": as_read(BARS), "MSFT": as_read(OTHER)}
    assert found.rejected == []
    assert "a long table, fields from column" in found.said


def test_a_long_table_of_json(tmp_path):
    records = [dict(zip(("date", "symbol", "variable", "value"), row, strict=True)) for row in _melted(BOTH)]
    put(tmp_path / "a" / "x.json", json.dumps(records))
    put(tmp_path / "a" / "y.json", json.dumps([{"date": str(day), "value": 1.5} for day in BARS.date]))
    found = read(tmp_path / "a")
    assert found.bars == {"AAPL": as_read(BARS), "MSFT": as_read(OTHER)}
    assert found.rejected == []
    assert len(found.source.findings.passed_over) == 1


def test_a_long_table_of_one_ticker_as_a_workbook_and_parquet(tmp_path):
    rows = [(row[0], row[2], float(row[3])) for row in _melted({"X": BARS})]
    put(tmp_path / "A.xlsx", workbook({"Sheet1": [["date", "variable", "value"], *map(list, rows)]}))
    days = pa.array([dt.date.fromisoformat(row[0]) for row in rows]).cast(pa.timestamp("ns"))
    put(
        tmp_path / "B.parquet",
        _parquet({"date": days, "variable": [row[1] for row in rows], "value": [row[2] for row in rows]}),
    )
    assert read(tmp_path).bars == {"A": as_read(BARS), "B": as_read(BARS)}


def test_a_long_table_keeps_its_currency_and_its_sources_are_passed_over(tmp_path):
    rows = [(*row, "EUR") for row in _melted(BOTH)]
    found = read(
        put(tmp_path / "x.csv", "All data\n" + csv("date,ticker,variable,value,currency", rows) + "Source: example.org\n")
    )
    assert found.bars == {"AAPL": as_read(BARS), "MSFT": as_read(OTHER)}
    assert {batch.currency for batches in found.batches.values() for batch in batches} == {"EUR"}
    assert len(found.source.findings.passed_over) == 1


@pytest.mark.parametrize("header", ["Date,Exchange,variable,value", "Date,Company,variable,value", "Date,x,variable,value"])
def test_a_long_table_of_several_series_without_tickers_is_refused(tmp_path, header):
    with pytest.raises(SourceError, match=r"a long table with two values of 'close' on .*: several series"):
        read(put(tmp_path / "x.csv", csv(header, _melted(BOTH))))


@pytest.mark.parametrize("lacking", ["open", "high", "close"])
def test_a_long_table_without_a_price_is_refused(tmp_path, lacking):
    with pytest.raises(SourceError, match="has no row with a date and prices"):
        read(put(tmp_path / "x.csv", csv("date,ticker,variable,value", [row for row in _melted(BOTH) if row[2] != lacking])))


@pytest.mark.parametrize("title", ["MSFT", "Symbol: MSFT", "Security,MSFT US Equity"])
@pytest.mark.parametrize("shape", ["three columns", "long"])
def test_another_table_below_is_refused(tmp_path, title, shape):
    if shape == "long":
        header = "date,variable,value"
        first = [(day, field, value) for day, _, field, value in _melted({"X": BARS}) if day < "2024-12-31"]
        second = [(day, field, value) for day, _, field, value in _melted({"X": OTHER}) if day > "2024-12-31"]
    else:
        header, first, second = f"Year,Month,Day,{PRICES}", _dates(BARS, "ymd")[:60], _dates(OTHER, "ymd")[60:]
    with pytest.raises(SourceError, match=r"another table begins at '.*MSFT"):
        read(put(tmp_path / "AAPL.csv", csv(header, first) + f"\n{title}\n" + csv(header, second)))


def _datastream(codes: dict[str, Walk], *above: str, units: str = "U$", date: str = "%d/%m/%Y") -> str:
    types = ("PO", "PH", "PL", "P", "VO")
    names = [f"{code}({each})" for code in codes for each in types]
    rows = [
        [f"{rows[0][0]:{date}}", *(value for _, *values in rows for value in (*values[:4], values[4] / 1000))]
        for rows in zip(*(bars.rows() for bars in codes.values()), strict=True)
    ]
    head = [*above, ",".join(["Name", *(f"A COMPANY - {name}" for name in names)]), ",".join(["Code", *names])]
    return csv("\n".join([*head, ",".join(["CURRENCY", *[units] * len(names)])]), rows)


@pytest.mark.parametrize(
    "text",
    [
        _datastream({"@AAPL": BARS, "@MSFT": OTHER}),
        _datastream({"@AAPL": BARS, "U:MSFT": OTHER}, "Start,2024-01-01", "End,2025-03-14", "Frequency,D", date="%Y-%m-%d"),
        _datastream({"AAPL": BARS, "MSFT": OTHER}, units="USD"),
    ],
)
def test_datastreams_codes(tmp_path, text):
    found = read(put(tmp_path / "x.csv", text))
    bars = {ticker: [(*bar[:5], round(bar[5])) for bar in bars] for ticker, bars in found.bars.items()}
    assert bars == {"AAPL": as_read(BARS), "MSFT": as_read(OTHER)}
    assert {batch.currency for batches in found.batches.values() for batch in batches} == {"USD"}
    assert "fields from Datastream's codes" in found.said


@pytest.mark.parametrize("empty", ["", None])
def test_empty_cells_beside_datastreams_codes_say_nothing(empty):
    """A workbook's empty cells are None: a title beside them was lost, and so was the currency."""
    prices = [f"X({kind})" for kind in ("PO", "PH", "PL", "P")]
    title = ["Request", "prices", empty, empty, empty]
    rows = [title, ["Code", *prices], ["Currency", "E", "E", "E", empty], ["2024-01-02", 1, 2, 1, 2]]
    found = of_codes(rows, "x.xlsx")
    assert found is not None
    assert found[0][:2] == [title, ["Currency: E"]]


def test_a_market_that_is_not_known_is_no_ticker(tmp_path):
    with pytest.raises(SourceError, match="not a ticker"):
        read(put(tmp_path / "x.csv", _datastream({"D:SAP": BARS})))


def _parquet(columns: dict[str, object]) -> bytes:
    content = io.BytesIO()
    pa.parquet.write_table(pa.table(columns), content)
    return content.getvalue()


@settings(max_examples=60)
@given(tables(), st.data())
def test_bars_in_another_shape_are_read_back_equal_or_refused(bars, data):
    decimal = data.draw(st.sampled_from([".", ","]))
    drop = data.draw(st.booleans())
    shape = data.draw(st.sampled_from(["three columns", "long"]))
    sign = data.draw(st.sampled_from([";", "\t", "|"]))
    numbers = [[*(written(price, decimal, "", drop=drop) for price in row[1:5]), str(row[5])] for row in bars]
    if shape == "long":
        rows = [
            [str(row[0]), name, value]
            for row, values in zip(bars, numbers, strict=True)
            for name, value in zip(FIELDS, values, strict=True)
        ]
        lines = [["date", "variable", "value"], *data.draw(st.permutations(rows) if len(rows) < 100 else st.just(rows[::-1]))]
    else:
        order = data.draw(st.permutations(range(8)))
        rows = [["Year", "Month", "Day", *PRICES.split(",")]]
        rows += [
            [str(row[0].year), str(row[0].month), str(row[0].day), *values] for row, values in zip(bars, numbers, strict=True)
        ]
        lines = [[row[at] for at in order] for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = put(Path(folder) / "ABC.csv", "\n".join(map(sign.join, lines)) + "\n")
        try:
            found = read(path)
        except SourceError as error:
            assert "--read-as" in str(error), f"refused without the two readings: {error}"  # noqa: PT017
            return
    assert found.bars == {"ABC": [(str(day), *map(float, values)) for day, *values in bars]}
    assert found.rejected == []
