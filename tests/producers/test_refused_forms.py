"""What cannot be read for certain is refused, by one message that names the form and the mend; what is declared is then read."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from errors import SettingsError, SourceError
from producers.forms.declared import Declared
from tests.producers.forms_made import as_read, csv, plain, put, read, walk

HEADER = "Date,Open,High,Low,Close,Volume"


def refused(path) -> str:
    with pytest.raises(SourceError) as error:
        read(path)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("01/02/2024", 1, 1, 1, 1, 1)], "'01/02/2024' may be 2024-02-01 or 2024-01-02"),
        ([("03-04-2024", 1, 1, 1, 1, 1), ("05-04-2024", 1, 1, 1, 1, 1)], "'03-04-2024' may be 2024-04-03 or 2024-03-04"),
        ([("13/02/2024", 1, 1, 1, 1, 1), ("02/13/2024", 1, 1, 1, 1, 1)], "has the day first and '02/13/2024' the month"),
        ([("2024-01-02", '"1,505"', '"1,505"', '"1,505"', '"1,505"', 1)], "'1,505' may be 1505 or 1.505"),
        ([("2024-01-02", '"1,5"', '"1.5"', '"1,5"', '"1,5"', 1)], "'1.5' has a decimal point and '1,5' a decimal comma"),
        ([(f"0{m}/02/03", 1, 1, 1, 1, 1) for m in range(1, 9)], "'01/02/03' may be 2003-02-01 or 2003-01-02"),
    ],
)
def test_two_readings_are_both_named(tmp_path, rows, says):
    message = refused(put(tmp_path / "A.csv", csv(HEADER, rows)))
    assert says in message
    assert "--read-as" in message or "make them alike" in message


WALK = walk()
SHORT_YEARS = walk(bars=900)


def _swapped(day: dt.date) -> str:
    """As a spreadsheet leaves dates of another country: with day and month exchanged where both are possible."""
    return f"{day.year}-{day.day:02d}-{day.month:02d}" if day.day <= 12 else f"{day:%m/%d/%Y}"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("exchanged by a spreadsheet", csv(HEADER, [(_swapped(r[0]), *r[1:]) for r in WALK.rows()]), "written in two ways"),
        ("months of another language", csv(HEADER, [(f"{r[0]:%d} {'xyz' if at % 3 else 'mar'} 2024", *r[1:]) for at, r in enumerate(WALK.rows())]), "'xyz' has a month's name|a month's name that is not known"),
        ("days since another year", csv(HEADER, [(r[0].toordinal(), *r[1:]) for r in WALK.rows()]), "739159 may be .* --read-as dates=matlab or --read-as dates=ordinal"),
        ("a mean price before the volume", csv("", [(*r[:5], round((r[2] + r[3]) / 2, 3), r[5]) for r in WALK.rows()]).lstrip(), "adjusted close or a mean price"),
        ("money before the volume", csv("", [(*r[:5], 100 * r[5], r[5]) for r in WALK.rows()]).lstrip(), "may be the volume, or money"),
        ("close, high, low, open", csv("", [(r[0], r[4], r[2], r[3], r[1], r[5]) for r in WALK.rows()]).lstrip(), "open and close seem to be exchanged"),
        ("bid and ask", csv("Date,Bid Open,Bid High,Bid Low,Bid Close,Ask Open,Ask High,Ask Low,Ask Close", [(*r[:5], *r[1:5]) for r in WALK.rows()]), "no column for open"),
        ("parts of 32", csv(HEADER, [(r[0], *[f"{int(p)}'{at % 32:02d}5" for p in r[1:5]], r[5]) for at, r in enumerate(WALK.rows())]), "may be in parts of 32"),
        ("thousands or three decimals", csv("Date;Open;High;Low;Close", [(f"{r[0]:%d.%m.%Y}", *[f"{round(100 * p):,}".replace(",", ".") for p in r[1:5]]) for r in walk(start=420).rows()], ";"), "may be .* or .*say which: --read-as decimal"),
        ("a day late", csv(HEADER, [(r[0] + dt.timedelta(1), *r[1:]) for r in WALK.rows()]), "bars on Saturdays, 0 on Mondays.*--read-as days=previous"),
    ],
    ids=lambda value: value if " " in value and len(value) < 32 and "\n" not in value else "",
)  # fmt: skip
def test_what_would_be_other_bars(tmp_path, name, content, says):
    assert re.search(says, refused(put(tmp_path / "A.csv", content))), name


@pytest.mark.parametrize("form", ["%y/%-m/%-d", "%-m/%-d/%y", "%m/%d/%y", "%d/%m/%y", "%y/%m/%d", "%d-%m-%y", "%y-%m-%d"])
def test_years_of_two_digits_are_decided_by_all_dates(tmp_path, form):
    rows = [(f"{r[0]:{form}}", *r[1:]) for r in SHORT_YEARS.rows()]
    assert read(put(tmp_path / "A.csv", csv(HEADER, rows))).bars == {"A": as_read(SHORT_YEARS)}


def test_dates_a_day_late_are_moved_back_as_declared(tmp_path):
    path = put(tmp_path / "A.csv", csv(HEADER, [(r[0] + dt.timedelta(1), *r[1:]) for r in WALK.rows()]))
    assert read(path, "days=previous").bars == {"A": as_read(WALK)}


def test_what_is_declared_is_read(tmp_path):
    path = put(tmp_path / "A.csv", csv(HEADER, [("01/02/2024", *['"1,505"'] * 4, 7)]))
    by_day = read(path, "dates=day.month.year", "decimal=comma")
    assert by_day.bars == {"A": [("2024-02-01", 1.505, 1.505, 1.505, 1.505, 7.0)]}
    by_month = read(path, "dates=month.day.year", "decimal=point")
    assert by_month.bars == {"A": [("2024-01-02", 1505.0, 1505.0, 1505.0, 1505.0, 7.0)]}


def test_columns_are_declared(tmp_path):
    bars = walk()
    path = put(tmp_path / "x.csv", csv("was;auf;hoch;runter;zu;viel;wer", [(*row, "KO") for row in bars.rows()], ";"))
    assert "was" in refused(path)
    columns = ("date=was", "open=auf", "high=hoch", "low=runter", "close=zu", "volume=viel", "ticker=wer")
    assert read(path, *columns).bars == {"KO": as_read(bars)}


@pytest.mark.parametrize("text", ["decimal", "decimal=semicolon", "colour=red", "dates=", "days=tomorrow"])
def test_what_cannot_be_declared(text):
    with pytest.raises(SettingsError, match="--read-as"):
        Declared.of([text])


@pytest.mark.parametrize(
    ("step", "says"), [(7, "weekly bars, one every 7 days"), (30, "monthly bars"), (14, "fortnightly"), (91, "quarterly"), (5, "no two bars on successive days, one every 5 days"), (3, "no two bars on successive days")]
)  # fmt: skip
def test_bars_that_are_not_daily(tmp_path, step, says):
    assert says in refused(put(tmp_path / "SPY.csv", plain(walk(bars=40, step=step))))


def test_weekly_bars_beside_daily_ones(tmp_path):
    weekly = [row for row in walk(bars=60, step=7).rows() if row[0] < dt.date(2024, 6, 1)]
    daily = [row for row in walk(bars=300).rows() if row[0] >= dt.date(2024, 6, 1)]
    message = refused(put(tmp_path / "SPY.csv", csv(HEADER, weekly + daily)))
    assert "weekly bars up to 2024-05-" in message
    assert "use the rest with --start 2024-" in message


@pytest.mark.parametrize("minutes", [1, 5, 60])
def test_bars_within_the_day(tmp_path, minutes):
    start = dt.datetime(2024, 1, 2, 9, 30)  # noqa: DTZ001 - as files have it
    rows = [(start + dt.timedelta(minutes=minutes * at), *row[1:]) for at, row in enumerate(walk(bars=400).rows())]
    message = refused(put(tmp_path / "SPY.csv", csv(HEADER, rows)))
    assert f"intraday bars, {minutes} minutes apart" in message


def two_series(names=("AAA", "BBB")):
    return [(*row, name) for seed, name in enumerate(names) for row in walk(seed, start=100.0 * (1 + seed)).rows()]


@pytest.mark.parametrize("column", ["fund", "Index", "Papier", "ticker"])
def test_several_series_are_split_by_the_column_that_names_them(tmp_path, column):
    found = read(put(tmp_path / "all.csv", csv(f"{HEADER},{column}", two_series())))
    assert found.bars == {"AAA": as_read(walk(0)), "BBB": as_read(walk(1, start=200.0))}


@pytest.mark.parametrize("interleaved", [False, True])
def test_several_series_without_a_name_are_refused(tmp_path, interleaved):
    rows = [row[:6] for row in two_series()]
    rows = sorted(rows) if interleaved else rows
    assert "several series in one file" in refused(put(tmp_path / "HSI.csv", csv(HEADER, rows)))


def test_series_one_behind_the_other_without_a_common_date(tmp_path):
    first, second = walk(0), walk(1, start=300.0)
    rows = [(*row, "KO") for row in first.rows()[:60]] + [(*row, "PEP") for row in second.rows()[60:]]
    found = read(put(tmp_path / "x.csv", csv(f"{HEADER},what", rows)))
    assert {ticker: len(bars) for ticker, bars in found.bars.items()} == {"KO": 60, "PEP": 60}
    assert "since the level jumps where it changes" in found.said


def test_a_level_that_jumps_to_and_fro_is_two_series(tmp_path):
    low, high = walk(0).rows(), walk(1, start=500.0).rows()
    rows = [(high if at % 2 else low)[at] for at in range(len(low))]
    assert "the level jumps to and fro: several series under one name" in refused(put(tmp_path / "X.csv", csv(HEADER, rows)))


def test_an_ordinary_column_of_texts_splits_nothing(tmp_path):
    rows = [(*row, "BULL" if at % 40 < 20 else "BEAR") for at, row in enumerate(walk().rows())]
    assert read(put(tmp_path / "X.csv", csv(f"{HEADER},mood", rows))).bars == {"X": as_read(walk())}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("<html><body>Sign in</body></html>\n<p>x</p>\n", "is a web page"),
        ('{"Information": "rate limit"}\n', "is JSON and no table"),
        ("date,price\n2024-01-02,1\n2024-01-03,2\n", "has no row with a date and prices"),
        ("Date,Open,High,Low,Volume\n2024-01-02,1,1,1,5\n", "no column for close.*found are 'Date', 'Open'"),
        (csv("", [("2024-01-02", 1, 9, 0, 2, 3)]).strip() + "\n" + "2024-01-03,9,1,2,3,4\n" * 3, "has no header row"),
    ],
)
def test_what_is_no_table_of_bars(tmp_path, content, says):
    assert re.search(says, refused(put(tmp_path / "A.csv", content)))


def test_a_workbook_is_named_as_one(tmp_path):
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
    assert "a workbook" in refused(put(tmp_path / "A.xlsx", buffer.getvalue()))
    assert "a workbook" in refused(put(tmp_path / "A.csv", buffer.getvalue()))


def test_a_ticker_that_is_not_there_has_a_likely_one(tmp_path):
    from producers.sources import read_source
    from tests.producers.forms_made import TODAY

    path = put(tmp_path / "x.csv", csv(f"{HEADER},ticker", two_series(("AAPL", "MSFT"))))
    with pytest.raises(SourceError, match="has no bars of APPL; it has AAPL, MSFT; did you mean AAPL"):
        read_source("file", path=path, tickers=["APPL"], today=TODAY)


def test_dates_with_points_and_the_month_first_are_refused_until_they_are_declared(tmp_path):
    bars = walk()
    path = put(tmp_path / "A.csv", csv(HEADER, [(f"{row[0]:%m.%d.%Y}", *row[1:]) for row in bars.rows()]))
    assert "--read-as dates=month.day.year" in refused(path)
    assert read(path, "dates=month.day.year").bars == {"A": as_read(bars)}


def _with_money(bars, unit: float, *, digits: int, money_first: bool) -> str:
    """Rows without a header: the volume and the money paid, at a price between the day's low and high."""
    rows = []
    for at, row in enumerate(bars.rows()):
        paid = round(row[5] * (row[2] + row[3] + row[4]) / 3 * (1 + 0.001 * (at % 3 - 1)) / unit, digits)
        rows.append((*row[:5], paid, row[5]) if money_first else (*row[:5], row[5], paid))
    return csv("", rows).lstrip()


@pytest.mark.parametrize("start", [3.7, 10.0, 100.0, 640.0])
@pytest.mark.parametrize(("unit", "digits"), [(1.0, 0), (1e3, 2), (1e4, 3), (1e6, 6), (0.01, 0)])
def test_money_before_the_volume_is_found_in_any_unit(tmp_path, start, unit, digits):
    bars = walk(start=start)
    message = refused(put(tmp_path / "A.csv", _with_money(bars, unit, digits=digits, money_first=True)))
    assert "may be the volume, or money and the next the volume" in message
    found = read(put(tmp_path / "A.csv", _with_money(bars, unit, digits=digits, money_first=False)))
    assert found.bars == {"A": as_read(bars)}


def test_trades_behind_the_volume_are_no_volume(tmp_path):
    rows = [(*row[:5], row[5], row[5] // (80 + 7 * at % 40)) for at, row in enumerate(WALK.rows())]
    assert read(put(tmp_path / "A.csv", csv("", rows).lstrip())).bars == {"A": as_read(WALK)}


def test_a_file_without_a_header_row_needs_dates_that_say_which_bar_is_first(tmp_path):
    rows = [(f"{row[0]:%d/%m/%Y}", *row[1:]) for row in walk().rows() if row[0].day <= 12]
    assert "open and close may be exchanged" in refused(put(tmp_path / "A.csv", csv("", rows).strip()))
