"""Files of bars that stay readable beside stricter rules: epochs around 1970, codes of answers, titles, names, blocks of rows."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pytest

from errors import SourceError
from tests.producers.forms_made import Walk, as_read, csv, plain, put, read, walk

BARS = walk()


def _later(bars: Walk, days: int) -> Walk:
    return replace(bars, date=[day + dt.timedelta(days=days) for day in bars.date])


@pytest.mark.parametrize("unit", [1_000, 1_000_000])
def test_small_units_around_1970_are_one_unit(tmp_path, unit):
    """Those of its first weeks had been taken for larger units: dates up to 2038. Older dates were lost."""
    bars = walk(bars=15_700)
    assert bars.date[0] < dt.date(1966, 1, 1)
    # Newest first, since a text's first cells must be plain counts.
    rows = [((day - dt.date(1970, 1, 1)).days * 86_400 * unit, *values) for day, *values in reversed(bars.rows())]
    path = put(tmp_path / "IBM.csv", csv("time,open,high,low,close,volume", rows))
    assert read(path).bars == {"IBM": as_read(bars)}


def test_an_open_quotation_mark_in_a_file_without_prices_is_no_crash(tmp_path):
    text = csv("Date,Foo,Bar,Low,Close,Volume", walk(bars=4_000).rows())
    at = text.index("\n") + 1
    with pytest.raises(SourceError, match="no column for open, high"):
        read(put(tmp_path / "IBM.csv", text[:at] + '"' + text[at:]))


@pytest.mark.parametrize("code", ["OK", "200", "0", "SUCCESS"])
def test_a_code_of_success_beside_a_name_is_no_ticker(tmp_path, code):
    answer = {"code": code, "name": "daily", "data": _records()}
    assert read(put(tmp_path / "MSFT.json", json.dumps(answer))).bars == {"MSFT": as_read(BARS)}


def test_a_key_of_words_is_no_ticker(tmp_path):
    assert read(put(tmp_path / "MSFT.json", json.dumps({"prices/daily": _records()}))).bars == {"MSFT": as_read(BARS)}


def test_the_currency_beside_rows_counts_before_one_further_inside(tmp_path):
    answer = {"currency": "GBp", "company": {"currency": "USD"}, "data": _records()}
    assert read(put(tmp_path / "VOD.L.json", json.dumps(answer))).source.findings.notes == {
        "currency from a title line: GBp": ["VOD.L"]
    }


@pytest.mark.parametrize("words", ["US Dollar", "USD $", "USD (US Dollar)"])
def test_a_currency_in_words_contradicts_no_code(tmp_path, words):
    """`several currencies (US Dollar, USD)` had been the answer."""
    text = f"Currency: {words}\nPrices in USD\n" + plain(BARS)
    assert read(put(tmp_path / "KO.csv", text)).bars == {"KO": as_read(BARS)}


@pytest.mark.parametrize("name", ["{ticker}_{field}", "{field} {ticker}", "{field}_{ticker}", "('{field}', '{ticker}')"])
def test_x_and_y_are_tickers_but_for_the_ends_of_merged_names(tmp_path, name):
    other = walk(1, start=30.0)
    names = [name.format(field=field, ticker=ticker) for ticker in "XY" for field in ("Open", "High", "Low", "Close", "Volume")]
    header = "|".join(["Date", *names])
    rows = [(*one, *two[1:]) for one, two in zip(BARS.rows(), other.rows(), strict=True)]
    assert read(put(tmp_path / "both.csv", csv(header, rows, "|"))).bars == {"X": as_read(BARS), "Y": as_read(other)}


@pytest.mark.parametrize("ticker", ["V", "C", "T", "LOW"])
@pytest.mark.parametrize("name", ["{field}_{ticker}", "{ticker} {field}", "('{field}', '{ticker}')", "('{ticker}', '{field}')"])
def test_tickers_that_are_words_for_columns_are_read_beside_others(tmp_path, ticker, name):
    """A download of AAPL and V had become one of AAPL alone, in silence."""
    other = walk(1, start=30.0)
    names = [
        name.format(field=field, ticker=one) for one in ("AAPL", ticker) for field in ("Open", "High", "Low", "Close", "Volume")
    ]
    rows = [(*one, *two[1:]) for one, two in zip(BARS.rows(), other.rows(), strict=True)]
    path = put(tmp_path / "download.csv", csv("|".join(["Date", *names]), rows, "|"))
    assert read(path).bars == {"AAPL": as_read(BARS), ticker: as_read(other)}


@pytest.mark.parametrize("ticker", ["V", "C", "T", "LOW", "DAY"])
@pytest.mark.parametrize("order", ["AAPL first", "AAPL behind"])
def test_a_row_of_tickers_with_one_that_is_a_word_for_columns(tmp_path, ticker, order):
    """V had made the header unknown, and DAY was left out in silence."""
    other = walk(1, start=30.0)
    pairs = [("AAPL", BARS), (ticker, other)]
    (first, one), (second, two) = pairs if order == "AAPL first" else pairs[::-1]
    fields = "Open,High,Low,Close,Volume"
    head = f"Price,{fields},{fields}\nTicker," + ",".join([first] * 5 + [second] * 5) + "\nDate" + "," * 10
    rows = [(*left, *right[1:]) for left, right in zip(one.rows(), two.rows(), strict=True)]
    assert read(put(tmp_path / "download.csv", csv(head, rows))).bars == {"AAPL": as_read(BARS), ticker: as_read(other)}


def test_a_level_may_be_any_other_after_years_between_blocks(tmp_path):
    old = _later(walk(1, bars=300, start=40.0), -7 * 52 * 8)
    new = walk(2, bars=300, start=140.0)
    text = csv("Date,Open,High,Low,Close,Volume", [*new.rows(), *old.rows()])
    assert len(read(put(tmp_path / "IBM.csv", text)).bars["IBM"]) == 600


def _records() -> list[dict[str, object]]:
    return [{"date": str(d), "open": o, "high": h, "low": low, "close": c, "volume": v} for d, o, h, low, c, v in BARS.rows()]
