"""Answers of services in JSON: the table in them is found, with its ticker; of several tables symbols decide, else they are refused."""

from __future__ import annotations

import datetime as dt
import json
import zoneinfo
from typing import Any

import pytest

from errors import SourceError
from tests.producers.forms_made import Walk, as_read, put, read, walk

BARS, OTHER = walk(), walk(1, start=300.0)
FIELDS = ("open", "high", "low", "close", "volume")


def _moments(bars: Walk, zone: str, time: dt.time) -> list[int]:
    return [int(dt.datetime.combine(day, time, zoneinfo.ZoneInfo(zone)).timestamp()) for day in bars.date]


def _chart(bars: Walk, symbol: str, zone: str, time: dt.time, **about: Any) -> dict[str, Any]:
    quote = {name: getattr(bars, name) for name in FIELDS}
    meta = {"currency": "USD", "symbol": symbol, "regularMarketPrice": 1.5, "fiftyTwoWeekHigh": 260.1, **about}
    return {"meta": meta, "timestamp": _moments(bars, zone, time), "indicators": {"quote": [quote]}}


def _answer(*results: dict[str, Any]) -> str:
    return json.dumps({"chart": {"result": list(results), "error": None}})


OPENS = dt.time(9, 30)


@pytest.mark.parametrize(
    ("symbol", "zone", "time"),
    [("AAPL", "America/New_York", OPENS), ("BHP.AX", "Australia/Sydney", dt.time(10)), ("7203.T", "Asia/Tokyo", dt.time(9)), ("EURUSD=X", "Europe/London", dt.time(0))],
)  # fmt: skip
def test_yahoos_chart_has_the_days_of_its_exchange(tmp_path, symbol, zone, time):
    chart = _chart(BARS, symbol, zone, time, exchangeTimezoneName=zone)
    found = read(put(tmp_path / "chart.json", _answer(chart)))
    assert found.rejected == []
    assert found.bars == {symbol: as_read(BARS)}


def test_yahoos_chart_with_an_adjusted_close_and_a_bar_without_values(tmp_path):
    chart = _chart(BARS, "AAPL", "America/New_York", OPENS, exchangeTimezoneName="America/New_York")
    for name in FIELDS:
        chart["indicators"]["quote"][0][name] = [None if at == 7 else v for at, v in enumerate(getattr(BARS, name))]
    chart["indicators"]["adjclose"] = [{"adjclose": [None if at == 7 else 0.9 * v for at, v in enumerate(BARS.close)]}]
    chart["events"] = {"dividends": {"1": {"amount": 1.0, "date": chart["timestamp"][30]}}}
    found = read(put(tmp_path / "AAPL.json", _answer(chart)))
    expected = [row for at, row in enumerate(as_read(BARS, 0.9)) if at != 7]
    assert [bar[0] for bar in found.bars["AAPL"]] == [bar[0] for bar in expected]
    assert [bar[1:] for bar in found.bars["AAPL"]] == [pytest.approx(bar[1:]) for bar in expected]


def test_yahoos_chart_without_an_adjusted_close_has_its_dividends(tmp_path):
    chart = _chart(BARS, "AAPL", "America/New_York", OPENS, exchangeTimezoneName="America/New_York")
    chart["events"] = {"dividends": {"1": {"amount": 0.1, "date": chart["timestamp"][30]}}}
    found = read(put(tmp_path / "AAPL.json", _answer(chart)), "prices=raw")
    paid = [value for batch in found.batches["AAPL"] for value in batch.dividend]
    assert [at for at, value in enumerate(paid) if value] == [30]


def test_yahoos_charts_of_two_symbols(tmp_path):
    charts = [_chart(bars, symbol, "America/New_York", OPENS) for bars, symbol in ((BARS, "AAPL"), (OTHER, "MSFT"))]
    assert read(put(tmp_path / "x.json", _answer(*charts))).bars == {"AAPL": as_read(BARS), "MSFT": as_read(OTHER)}


ROWS = [[str(row[0]), *row[1:]] for row in BARS.rows()]
NAMES = ["date", *FIELDS]


@pytest.mark.parametrize(
    "answer",
    [
        {"dataset": {"dataset_code": "AAPL", "column_names": NAMES, "data": ROWS}},
        {"datatable": {"columns": [{"name": name, "type": "double"} for name in NAMES], "data": ROWS}, "meta": {"cursor": None}},
        {"stat": "OK", "title": "114 AAPL", "fields": NAMES, "data": ROWS, "notes": ["x"], "total": 22},
        {"symbol": "AAPL", "columns": NAMES, "rows": ROWS},
        {"history": {"columns": NAMES, "data": ROWS}, "history.cursor": {"columns": ["INDEX", "TOTAL", "PAGESIZE"], "data": [[0, 120, 100]]}},
    ],
    ids=["dataset", "datatable", "fields", "rows", "cursor"],
)  # fmt: skip
def test_names_of_columns_beside_rows(tmp_path, answer):
    found = read(put(tmp_path / "AAPL.json", json.dumps(answer)))
    assert found.rejected == []
    assert found.bars == {"AAPL": as_read(BARS)}


def _records(bars: Walk) -> list[dict[str, Any]]:
    return [dict(zip(NAMES, (str(row[0]), *row[1:]), strict=True)) for row in bars.rows()]


@pytest.mark.parametrize(
    "nest",
    [
        lambda r: {"date": r["date"], "ohlc": {name: r[name] for name in FIELDS[:4]}, "volume": r["volume"]},
        lambda r: {"timeOpen": r["date"], "quote": {"USD": {**r, "marketCap": 1.0}}},
        lambda r: {"_id": {"$oid": "65a"}, "date": {"$date": r["date"]}, **{name: {"$numberDouble": str(r[name])} for name in FIELDS}},
        lambda r: {"complete": True, "time": r["date"], "volume": r["volume"], "mid": {name[0]: str(r[name]) for name in FIELDS[:4]}},
    ],
    ids=["prices", "quotes", "database", "mid prices"],
)  # fmt: skip
def test_records_within_records(tmp_path, nest):
    found = read(put(tmp_path / "AAPL.json", json.dumps([nest(record) for record in _records(BARS)])))
    assert found.bars == {"AAPL": as_read(BARS)}


def test_bid_and_ask_within_records_are_refused(tmp_path):
    records = [{"date": r["date"], **{side: {n: r[n] for n in FIELDS[:4]} for side in ("bid", "ask")}} for r in _records(BARS)]
    with pytest.raises(SourceError, match="is JSON and no table"):
        read(put(tmp_path / "AAPL.json", json.dumps(records)))


@pytest.mark.parametrize(
    "answer",
    [
        {"bars": {"AAPL": _records(BARS), "MSFT": _records(OTHER)}, "next_page_token": None},
        {"historicalStockList": [{"symbol": "AAPL", "historical": _records(BARS)}, {"symbol": "MSFT", "historical": _records(OTHER)}]},
        [{"ticker": symbol, "baseCurrency": "x", "priceData": _records(bars)} for symbol, bars in (("AAPL", BARS), ("MSFT", OTHER))],
        {"AAPL": {"meta": {"symbol": "AAPL"}, "values": _records(BARS)}, "MSFT": {"meta": {"symbol": "MSFT"}, "values": _records(OTHER)}},
    ],
    ids=["keys", "lists", "price data", "answers"],
)  # fmt: skip
def test_a_table_for_each_symbol(tmp_path, answer):
    found = read(put(tmp_path / "bars.json", json.dumps(answer)))
    assert found.bars == {"AAPL": as_read(BARS), "MSFT": as_read(OTHER)}


def test_a_key_is_the_ticker_where_the_files_name_is_none(tmp_path):
    answer = json.dumps({"bars": {"AAPL": _records(BARS)}, "next_page_token": None})
    assert read(put(tmp_path / "bars.json", answer)).bars == {"AAPL": as_read(BARS)}
    assert read(put(tmp_path / "KO.json", answer)).bars == {"KO": as_read(BARS)}


@pytest.mark.parametrize("names", [("daily", "weekly"), ("raw", "adjusted"), ("prices", "history")])
def test_tables_that_no_symbols_tell_apart_are_refused(tmp_path, names):
    answer = {names[0]: _records(BARS), names[1]: _records(OTHER)}
    with pytest.raises(SourceError, match=f"2 tables \\('{names[0]}', '{names[1]}'\\); save each as a file"):
        read(put(tmp_path / "AAPL.json", json.dumps(answer)))


def test_both_names_of_two_levels(tmp_path):
    columns = {f"('{name.title()}', '{symbol}')": dict(zip(map(str, bars.date), getattr(bars, name), strict=True)) for name in FIELDS for symbol, bars in (("AAPL", BARS), ("MSFT", OTHER))}  # fmt: skip
    assert read(put(tmp_path / "x.json", json.dumps(columns))).bars == {"AAPL": as_read(BARS), "MSFT": as_read(OTHER)}
    split = {"columns": [[name.title(), "AAPL"] for name in FIELDS], "index": [str(day) for day in BARS.date], "data": [list(row[1:]) for row in BARS.rows()]}  # fmt: skip
    assert read(put(tmp_path / "y.json", json.dumps(split))).bars == {"AAPL": as_read(BARS)}


TEXT = json.dumps(_records(BARS))


@pytest.mark.parametrize(
    "content",
    [
        ("\ufeff" + TEXT).encode(),
        TEXT.encode("utf-16"),
        f"callback({TEXT});".encode(),
        json.dumps([_records(BARS)[:50], _records(BARS)[50:]]).encode(),
        "\n".join(json.dumps({"symbol": "AAPL", "bars": part, "next": "x"}) for part in (_records(BARS)[:50], _records(BARS)[50:])).encode(),
    ],
    ids=["byte-order mark", "UTF-16", "JSONP", "pages", "answers of pages"],
)  # fmt: skip
def test_how_json_is_written(tmp_path, content):
    assert read(put(tmp_path / "AAPL.json", content)).bars == {"AAPL": as_read(BARS)}


def test_nan_in_json_is_a_missing_value(tmp_path):
    records = _records(BARS)
    records[7]["close"] = float("nan")
    found = read(put(tmp_path / "AAPL.json", json.dumps(records)))
    assert [bar.date for bar in found.rejected] == [records[7]["date"]]
    assert len(found.bars["AAPL"]) == len(BARS) - 1


def test_polygons_names_of_one_letter_differ_by_case(tmp_path):
    names = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v", "date": "t"}
    records = [{"T": symbol, **{names[k]: v for k, v in r.items()}} for symbol, bars in (("AAPL", BARS), ("MSFT", OTHER)) for r in _records(bars)]  # fmt: skip
    assert read(put(tmp_path / "x.json", json.dumps({"results": records}))).bars == {
        "AAPL": as_read(BARS),
        "MSFT": as_read(OTHER),
    }


def test_texts_of_eastmoney(tmp_path):
    lines = [",".join(map(str, (r[0], r[1], r[4], r[2], r[3], r[5], r[5] * r[4], 2.3, -2.3, -4.9, 0.2))) for r in BARS.rows()]
    answer = {"rc": 0, "data": {"code": "600519", "market": 1, "name": "x", "klines": lines}}
    assert read(put(tmp_path / "600519.json", json.dumps(answer))).bars == {"600519": as_read(BARS)}
