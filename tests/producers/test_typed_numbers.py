"""Numbers of JSON and Parquet are what they are: `1.234` is never 1234. Only texts are read for their signs."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from errors import SourceError
from tests.producers.forms_made import Walk, as_read, csv, put, read, walk

NAMES = ("date", "open", "high", "low", "close", "volume")


def three_decimals(bars: int = 120) -> Walk:
    """Prices between 1 and 10 with three decimals each, the last of them not 0: as texts they may be thousands."""
    found = walk(start=4.0, bars=bars, digits=2)
    columns = [[round(value + 0.001, 3) for value in column] for column in (found.open, found.high, found.low, found.close)]
    return Walk(found.date, *columns, found.volume)


BARS = three_decimals()
RECORDS = [dict(zip(NAMES, (str(row[0]), *row[1:]), strict=True)) for row in BARS.rows()]
FORMS: dict[str, Callable[[list[dict[str, object]]], object]] = {
    "records": lambda rows: rows,
    "columns": lambda rows: {name: [row[name] for row in rows] for name in NAMES},
    "lists": lambda rows: [list(row.values()) for row in rows],
    "pandas' split": lambda rows: {"columns": list(NAMES), "data": [list(row.values()) for row in rows]},
    "by date": lambda rows: {row["date"]: {name: row[name] for name in NAMES[1:]} for row in rows},
    "within an answer": lambda rows: {"symbol": "ABC", "historical": rows},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_number_of_three_decimals_is_no_thousand(tmp_path, form):
    found = read(put(tmp_path / "ABC.json", json.dumps(FORMS[form](RECORDS))))
    assert found.bars == {"ABC": as_read(BARS)}
    assert found.rejected == []


@pytest.mark.parametrize(
    ("volume", "value"),
    [
        (lambda at: 1234 + at, lambda at: 1234.0 + at),
        (lambda at: 1.234, lambda at: 1.234),
        (lambda at: f"1.234.{500 + at}", lambda at: 1_234_500.0 + at),
        (lambda at: f"1,234,{500 + at}", lambda at: 1_234_500.0 + at),
        (lambda at: f"{500 + at},234", lambda at: 500_234.0 + 1000 * at),
        (lambda at: None if at % 2 else 5.125, lambda at: 0.0 if at % 2 else 5.125),
        (lambda at: "n/a", lambda at: 0.0),
        (lambda at: "1.5M", lambda at: 1_500_000.0),
    ],
    ids=("numbers", "decimals", "points", "commas", "comma once", "some", "none", "millions"),
)
def test_the_volumes_beside_them_are_read_for_themselves(tmp_path, volume, value):
    records = [{**row, "volume": volume(at)} for at, row in enumerate(RECORDS)]
    found = read(put(tmp_path / "ABC.json", json.dumps(records)))
    expected = {bar[0]: (*bar[:5], value(at)) for at, bar in enumerate(as_read(BARS))}
    assert len(found.bars["ABC"]) + len(found.rejected) == len(BARS)
    assert found.bars["ABC"] == [expected[bar[0]] for bar in found.bars["ABC"]]


@pytest.mark.parametrize("placeholder", ["n/a", "-", "", None])
def test_a_placeholder_costs_its_own_bar(tmp_path, placeholder):
    records = [{**row, "close": placeholder if at == 50 else row["close"]} for at, row in enumerate(RECORDS)]
    found = read(put(tmp_path / "ABC.json", json.dumps(records)))
    assert found.bars == {"ABC": [bar for at, bar in enumerate(as_read(BARS)) if at != 50]}
    assert len(found.rejected) == 1


@pytest.mark.parametrize("share", [2, 3, 50])
def test_numbers_beside_texts_of_one_column_keep_their_point(tmp_path, share):
    records = [{**row, "close": f"${row['close']:.4f}" if at % share == 0 else row["close"]} for at, row in enumerate(RECORDS)]
    assert read(put(tmp_path / "ABC.json", json.dumps(records))).bars == {"ABC": as_read(BARS)}


def test_texts_of_three_decimals_stay_doubtful(tmp_path):
    records = [{name: value if name in ("date", "volume") else str(value) for name, value in row.items()} for row in RECORDS]
    with pytest.raises(SourceError, match=r"may be .* or .*; say which: --read-as decimal=point"):
        read(put(tmp_path / "ABC.json", json.dumps([{**row, "volume": "451.998"} for row in records])))


@pytest.mark.parametrize("text", ["1,234,567", "1.234.567", "1234567"])
def test_floats_of_parquet_stay_beside_volumes_as_texts(tmp_path, text):
    columns = dict(zip(NAMES, map(list, zip(*BARS.rows(), strict=True)), strict=True))
    path = tmp_path / "ABC.parquet"
    pa.parquet.write_table(pa.table({**columns, "volume": [text] * len(BARS)}), path)
    found = read(path)
    np.testing.assert_array_equal([bar[4] for bar in found.bars["ABC"]], BARS.close)
    assert {bar[5] for bar in found.bars["ABC"]} == {1_234_567.0}


def test_a_volume_as_text_that_may_be_thousands_is_refused_beside_numbers(tmp_path):
    records = [{**row, "volume": "451.998"} for row in RECORDS]
    with pytest.raises(SourceError, match=r"'451.998' may be 451.998 or 451998; say which: --read-as decimal=point"):
        read(put(tmp_path / "ABC.json", json.dumps(records)))


@pytest.mark.parametrize("code", [600519, "600519", 600519.0])
def test_codes_and_counts_of_json_stay_whole(tmp_path, code):
    seconds = [
        {**row, "date": (date.toordinal() - 719_163) * 86_400_000, "code": code}
        for row, date in zip(RECORDS, BARS.date, strict=True)
    ]
    assert read(put(tmp_path / "x.json", json.dumps(seconds))).bars == {"600519": as_read(BARS)}


def beside_whole_prices(volumes: Callable[[int], object], *, start: float) -> str:
    """CSV of prices without decimals."""
    rows = walk(start=start, digits=0).rows()
    return csv(",".join(NAMES), [(row[0], *map(int, row[1:5]), volumes(at)) for at, row in enumerate(rows)])


@pytest.mark.parametrize("start", [500.0, 9000.0])
def test_volumes_that_may_be_thousands_are_refused_beside_whole_prices(tmp_path, start):
    """After 950 to 999 come 1.000 to 1.069: decimals would make them a thousandth."""
    text = beside_whole_prices(lambda at: f"{950 + at:,}".replace(",", "."), start=start)
    with pytest.raises(SourceError, match=r"'1.000' may be 1 or 1000; say which: --read-as decimal=point"):
        read(put(tmp_path / "ABC.csv", text))


def test_volumes_of_three_decimals_are_read_beside_prices_without_a_sign_between_thousands(tmp_path):
    found = read(put(tmp_path / "ABC.csv", beside_whole_prices(lambda at: f"{3 + at / 1000:.3f}", start=9000.0)))
    assert [bar[5] for bar in found.bars["ABC"]] == [round(3 + at / 1000, 3) for at in range(120)]
