"""Rows that are no bars: they are passed over with their reason. A bar whose date is damaged is rejected."""

from __future__ import annotations

import pytest

from errors import SourceError
from tests.producers.forms_made import as_read, csv, put, read, walk

HEADER = "Date,Open,High,Low,Close,Volume"
BARS = walk(bars=60)
FOOTERS = {
    "a source": "Source: Yahoo Finance",
    "a source with commas": '"Source: Yahoo Finance",,,,,',
    "a source as wide as a bar": "Source: a, b, c, d, e",
    "a source with figures": "Source: Yahoo, 2025, v1.2, 10:32",
    "a legend": "* adjusted for splits\n** not adjusted\n\nAll prices in USD",
    "a legend in Chinese": "数据来源:通达信,,,,,",
    "a total": "Total,,,,,31415926",
    "a mean": "Average,100.1,101.2,99.3,100.4,523000.5",
    "statistics": "count,60,60,60,60,60\nmean,100.1,101.2,99.3,100.4,523000.5\nstd,1.1,1.2,1.3,1.4,2.5",
    "a total of a year": "Total 2025,100.1,101.2,99.3,100.4,523000.5",
    "a range": "52w high,100.1,101.2,99.3,100.4,523000.5",
    "a total in Chinese": "合计,100.1,101.2,99.3,100.4,523000.5",
    "lines of signs": "------\n***",
    "empty rows": ",,,,,\n,,,,,",
    "an empty row of another width": ",,,",
    "a time of download": "Data downloaded on 2025-03-15",
    "a date of download": "Downloaded,2025-03-15 10:22",
    "a date behind a word": "Stand 15.03.2025,,,,,",
    "a count": "Rows: 60,,,,,",
    "the header": HEADER,
    "all of them": f",,,,,\nTotal,,,,,31415926\n{HEADER}\nSource: Yahoo Finance, Inc.\nData downloaded on 2025-03-15,,,,,",
}


@pytest.mark.parametrize("footer", FOOTERS)
@pytest.mark.parametrize(("sign", "form"), [(",", "%Y-%m-%d"), (";", "%d.%m.%Y"), ("\t", "%m/%d/%Y")])
def test_a_footer_is_passed_over(tmp_path, footer, sign, form):
    rows = [(f"{row[0]:{form}}", *row[1:]) for row in BARS.rows()]
    text = csv(HEADER, rows) + FOOTERS[footer] + "\n"
    found = read(put(tmp_path / "AAPL.csv", text.replace(",", sign)))
    assert found.bars == {"AAPL": as_read(BARS)}
    assert found.rejected == []
    # Blank lines near the head are left out without a word.
    assert found.source.findings.passed_over or footer.startswith(("empty rows", "an empty row"))
    assert all("among the bars or behind them" in one.reason for one in found.source.findings.passed_over)


@pytest.mark.parametrize("footer", ["a source with commas", "a total", "a mean", "empty rows", "a date of download"])
def test_a_footer_of_a_file_of_many_tickers_is_passed_over(tmp_path, footer):
    rows = [(ticker, *row) for ticker in ("AAPL", "MSFT") for row in BARS.rows()]
    # The words stand in the first column, and that of the dates is empty.
    text = "\n".join(f"{line.split(',')[0]},,{','.join(line.split(',')[1:])}" for line in FOOTERS[footer].split("\n"))
    found = read(put(tmp_path / "x.csv", csv(f"ticker,{HEADER}", rows) + text + "\n"))
    assert found.bars == dict.fromkeys(("AAPL", "MSFT"), as_read(BARS))
    assert found.rejected == []


def test_empty_rows_of_a_long_file_are_counted(tmp_path):
    bars = walk(bars=500)
    found = read(put(tmp_path / "AAPL.csv", csv(HEADER, bars.rows()) + ",,,,,\n,,,,,\n,,\n"))
    assert found.bars == {"AAPL": as_read(bars)}
    assert found.rejected == []
    assert [one.reason for one in found.source.findings.passed_over] == ["empty rows among the bars or behind them: 3"]


@pytest.mark.parametrize("damaged", ["2025-13-45", "", "n/a", "2O25-01-02", "-", "14", "Jan 2025", "14 Jam 2025"])
@pytest.mark.parametrize("place", ["middle", "end"])
def test_a_bar_with_a_damaged_date_is_rejected(tmp_path, damaged, place):
    rows: list[tuple[object, ...]] = list(BARS.rows())
    at = 30 if place == "middle" else len(rows) - 1
    rows[at] = (damaged, *rows[at][1:])
    found = read(put(tmp_path / "AAPL.csv", csv(HEADER, rows)))
    assert len(found.bars["AAPL"]) == 59
    assert len(found.rejected) == 1
    assert found.source.findings.passed_over == []


def test_a_word_in_place_of_the_date_is_rejected_among_the_bars(tmp_path):
    rows: list[tuple[object, ...]] = list(BARS.rows())
    rows[30] = ("Total", *rows[30][1:])
    found = read(put(tmp_path / "AAPL.csv", csv(HEADER, rows)))
    assert (len(found.bars["AAPL"]), len(found.rejected)) == (59, 1)


@pytest.mark.parametrize("cut", ["2025-03-17,100.2", "2025-03-17,100.2,101", "2025-03-1", "2025-03-17,1,2,3,4,5,6,7"])
def test_a_bar_that_was_cut_off_is_rejected(tmp_path, cut):
    found = read(put(tmp_path / "AAPL.csv", csv(HEADER, BARS.rows()) + cut))
    assert found.bars == {"AAPL": as_read(BARS)}
    assert [bar.reason for bar in found.rejected] == ["a line with another number of fields than the header has"]


@pytest.mark.parametrize("place", ["middle", "end"])
def test_a_number_that_is_no_day_of_a_spreadsheet_costs_its_own_row(tmp_path, place):
    rows: list[tuple[object, ...]] = [((row[0].toordinal() - 693_594), *row[1:]) for row in BARS.rows()]
    at = 30 if place == "middle" else len(rows) - 1
    rows[at] = (60, *rows[at][1:])
    found = read(put(tmp_path / "AAPL.csv", csv(HEADER, rows) + "60,,,,,\n"))
    assert found.bars == {"AAPL": [bar for row, bar in enumerate(as_read(BARS)) if row != at]}
    assert len(found.rejected) == 1


def test_rows_that_are_no_bars_leave_the_decimal_sign_alone(tmp_path):
    bars = walk(bars=60, digits=3)
    found = read(put(tmp_path / "AAPL.csv", csv(HEADER, bars.rows()) + 'Total,,,,,"31.415.926"\n'))
    assert found.bars == {"AAPL": as_read(bars)}


ABOVE = {
    "the latest bar": "Latest,100.1,101.2,99.3,100.4,523000",
    "a total": "Total,,,,,31415926",
    "a mean": "Average,100.1,101.2,99.3,100.4,523000.5",
    "statistics": "Min,99.1,99.2,98.3,98.4,1000\nMax,101.1,102.2,99.3,101.4,999000\n"
    "Avg.,100.1,101.2,99.3,100.4,52300\nCount,60,60,60,60,60",
    "extremes": "Min/Max,100.1,101.2,99.3,100.4,523000",
    "a range": "52w high,100,101,99,98,523000",
    "a total in Chinese": "合计,100.1,101.2,99.3,100.4,523000.5",
    "a total in German": "Durchschnitt,100.1,101.2,99.3,100.4,523000.5",
}


@pytest.mark.parametrize("total", ABOVE)
@pytest.mark.parametrize(("sign", "form"), [(",", "%Y-%m-%d"), (";", "%d.%m.%Y"), ("\t", "%m/%d/%Y")])
@pytest.mark.parametrize("place", ["below the header", "above the header"])
def test_a_total_above_the_bars_is_passed_over(tmp_path, total, sign, form, place):
    rows = [(f"{row[0]:{form}}", *row[1:]) for row in BARS.rows()]
    lines = [HEADER, ABOVE[total]] if place == "below the header" else [ABOVE[total], HEADER]
    text = csv("\n".join(lines), rows).replace(",", sign)
    found = read(put(tmp_path / "AAPL.csv", text))
    assert found.bars == {"AAPL": as_read(BARS)}
    assert found.rejected == []
    passed = [one.reason for one in found.source.findings.passed_over]
    count = ABOVE[total].count("\n") + 1
    assert passed == [f"rows of totals above the bars: {count}, as {ABOVE[total].splitlines()[0]!r}"]


@pytest.mark.parametrize("label", ["Latest", "Average", "Total"])
@pytest.mark.parametrize("ticker", ["7203", "AAPL"])
def test_a_total_above_the_bars_of_tickers_side_by_side_is_passed_over(tmp_path, label, ticker):
    names = f"Price,Close,High,Low,Open\nTicker{f',{ticker}' * 4}\nDate,,,,\n{label},1.5,1.6,1.4,1.5"
    found = read(put(tmp_path / "x.csv", csv(names, [(r[0], r[4], r[2], r[3], r[1]) for r in BARS.rows()])))
    assert {name: [bar[:5] for bar in bars] for name, bars in found.bars.items()} == {ticker: [b[:5] for b in as_read(BARS)]}
    assert [one.reason for one in found.source.findings.passed_over] == [
        f"rows of totals above the bars: 1, as '{label},1.5,1.6,1.4,1.5'"
    ]


@pytest.mark.parametrize("names", ["Ticker{0}\nDate,,,,", "{0}\nDate,Close,High,Low,Open", "Toyota{0}\nDate,,,,"])
def test_tickers_of_digits_are_no_total(tmp_path, names):
    above = names.format(",7203" * 4) if names.startswith("{0}") else "Price,Close,High,Low,Open\n" + names.format(",7203" * 4)
    found = read(put(tmp_path / "x.csv", csv(above, [(r[0], r[4], r[2], r[3], r[1]) for r in BARS.rows()])))
    assert list(found.bars) == ["7203"]
    assert found.source.findings.passed_over == []


@pytest.mark.parametrize("date", ["", "n/a", "-"])
def test_prices_without_a_date_above_the_bars_are_rejected(tmp_path, date):
    found = read(put(tmp_path / "AAPL.csv", csv(f"{HEADER}\n{date},100.1,101.2,99.3,100.4,523000", BARS.rows())))
    assert found.bars == {"AAPL": as_read(BARS)}
    assert len(found.rejected) == 1


@pytest.mark.parametrize("date", ["2O25-01-02", "Jan 2025", "14 Jam 2025"])
def test_a_damaged_date_above_the_bars_is_no_total(tmp_path, date):
    with pytest.raises(SourceError, match="has no row with a date and prices"):
        read(put(tmp_path / "AAPL.csv", csv(f"{HEADER}\n{date},100.1,101.2,99.3,100.4,523000", BARS.rows())))
