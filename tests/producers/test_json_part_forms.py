"""Tables of JSON under years, pages and numbers are parts of one table where their dates leave no doubt, else refused."""

from __future__ import annotations

import itertools
import json

import pytest

from errors import SourceError
from tests.producers.forms_made import Walk, as_read, put, read, walk

BARS, OTHER = walk(bars=600), walk(1, 600, start=300.0)
NAMES = ("date", "open", "high", "low", "close", "volume")


def _records(bars: Walk) -> list[dict[str, object]]:
    return [dict(zip(NAMES, (str(row[0]), *row[1:]), strict=True)) for row in bars.rows()]


R, X = _records(BARS), _records(OTHER)
YEARS = {year: list(rows) for year, rows in itertools.groupby(R, key=lambda record: record["date"][:4])}
LISTS = [list(record.values()) for record in R]
PARTS = {
    "years": YEARS,
    "years, newest first": dict(reversed(YEARS.items())),
    "years within an answer": {"status": "ok", "data": YEARS},
    "pages": {"page1": R[:200], "page2": R[200:400], "page3": R[400:]},
    "pages, newest first": {"page_1": R[400:][::-1], "page_2": R[:400][::-1]},
    "pages of answers": {"page1": {"results": R[:300]}, "page2": {"results": R[300:]}},
    "parts": {"part_1": R[:300], "part_2": R[300:]},
    "numbers from 0": {"0": R[:300], "1": R[300:]},
    "numbers from 1": {"1": R[:300], "2": R[300:500], "3": R[500:]},
    "quarters": {"2024Q1": R[:300], "2024Q2": R[300:]},
    "months": {"2024-01": R[:300], "2024-02": R[300:]},
    "names of months": {"January": R[:300], "February": R[300:]},
    "lists": {"page1": LISTS[:300], "page2": LISTS[300:]},
    "by date": {"page1": {r["date"]: {n: r[n] for n in NAMES[1:]} for r in R[:300]}, "page2": {r["date"]: {n: r[n] for n in NAMES[1:]} for r in R[300:]}},
}  # fmt: skip


@pytest.mark.parametrize("kind", PARTS)
def test_parts_of_a_table_are_put_together(tmp_path, kind):
    found = read(put(tmp_path / "AAPL.json", json.dumps(PARTS[kind])))
    assert found.bars == {"AAPL": as_read(BARS)}
    assert found.rejected == []
    assert "tables put together by their dates" in found.said


def test_parts_have_the_symbol_and_currency_beside_them(tmp_path):
    found = read(put(tmp_path / "bars.json", json.dumps({"symbol": "SAP.DE", "currency": "EUR", **YEARS})))
    assert found.bars == {"SAP.DE": as_read(BARS)}
    assert {batch.currency for batch in found.batches["SAP.DE"]} == {"EUR"}


@pytest.mark.parametrize("tables", [YEARS, {"page1": R}, {"2024": YEARS["2024"]}])
def test_a_year_or_page_is_no_ticker(tmp_path, tables):
    with pytest.raises(SourceError, match="its own name is not a ticker"):
        read(put(tmp_path / "bars.json", json.dumps(tables)))


@pytest.mark.parametrize(
    ("tables", "why"),
    [
        ({"page1": R, "page2": X}, "their dates overlap"),
        ({"1": R, "2": X}, "their dates overlap"),
        ({"0": R[:301], "1": R[300:]}, "their dates overlap"),
        ({"page1": R[:200], "page2": R[400:], "page3": R[200:400]}, "are in no order"),
        ({"page1": R[:300], "page2": X[300:]}, "the level jumps from"),
        ({"2023": YEARS["2023"], "2024": [r for r in X if r["date"][:4] == "2024"]}, "the level jumps from"),
        ({"2023": YEARS["2023"], "2024": X}, "the dates under '2024' are of other years"),
        ({"page1": R[:300], "page2": [{**r, "date": "soon"} for r in R[300:]]}, "not all of their dates are known"),
        ({"AAPL": R[:300], "page2": R[300:]}, "'AAPL' may be a symbol"),
    ],
)  # fmt: skip
def test_tables_in_doubt_are_refused(tmp_path, tables, why):
    with pytest.raises(SourceError, match=f"parts of one table, or a table for each symbol, and .*{why}.*; add a field symbol"):
        read(put(tmp_path / "AAPL.json", json.dumps(tables)))


@pytest.mark.parametrize(
    "keys", [("2023", "2024"), ("MAR", "NOV"), ("600519", "000001"), ("AAPL", "MSFT"), ("7203", "6758"), ("5", "700")]
)
def test_symbols_stay_symbols(tmp_path, keys):
    found = read(put(tmp_path / "bars.json", json.dumps(dict(zip(keys, (R, X), strict=True)))))
    assert found.bars == {keys[0]: as_read(BARS), keys[1]: as_read(OTHER)}
