"""Dates that could be read in two ways: years of two digits with points, and months of languages that clash."""

from __future__ import annotations

import datetime as dt

import pytest

from errors import SourceError
from producers.forms.months import LANGUAGES
from tests.producers.forms_made import Walk, as_read, csv, put, read, walk

HEADER = "Date,Open,High,Low,Close,Volume"
YEAR = walk(bars=300)
CROATIAN = ("sij", "velj", "ožu", "tra", "svi", "lip", "srp", "kol", "ruj", "lis", "stu", "pro")
POLISH = ("sty", "lut", "mar", "kwi", "maj", "cze", "lip", "sie", "wrz", "paź", "lis", "gru")
CZECH = ("led", "úno", "bře", "dub", "kvě", "čvn", "čvc", "srp", "zář", "říj", "lis", "pro")
FINNISH = ("tam", "hel", "maa", "huh", "tou", "kes", "hei", "elo", "syy", "lok", "mar", "jou")


def dated(bars: Walk, text) -> str:
    return csv(HEADER, [(text(row[0]), *row[1:]) for row in bars.rows()])


def month_of(bars: Walk, year: int, month: int, last: int = 31) -> Walk:
    rows = [row for row in bars.rows() if (row[0].year, row[0].month) == (year, month) and row[0].day <= last]
    return Walk(*map(list, zip(*rows, strict=True)))


def refused(path) -> str:
    with pytest.raises(SourceError) as error:
        read(path)
    return str(error.value)


@pytest.mark.parametrize(
    "form", ["%d.%m.%y", "%y.%m.%d", "%d.%m.%y.", "%y. %m. %d.", "%y.%-m.%-d", "%-d.%-m.%y", "%d.%m.%y 00:00"]
)
@pytest.mark.parametrize(
    "bars", [YEAR, month_of(YEAR, 2024, 10), month_of(YEAR, 2025, 2)], ids=["a year", "October", "February"]
)
@pytest.mark.parametrize("newest_first", [False, True])
def test_years_of_two_digits_with_points_are_decided_by_all_dates(tmp_path, form, bars, newest_first):
    rows = [(f"{row[0]:{form}}", *row[1:]) for row in bars.rows()]
    found = read(put(tmp_path / "A.csv", csv(HEADER, rows[::-1] if newest_first else rows)))
    assert found.bars == {"A": as_read(bars)}


@pytest.mark.parametrize(
    ("dates", "readings"),
    [
        (("02.01.24", "03.01.24"), "'02.01.24' may be 2024-01-02 or 2002-01-24"),
        (("24.01.02", "24.01.03"), "'24.01.02' may be 2002-01-24 or 2024-01-02"),
        (("10.03.25", "11.03.25"), "'10.03.25' may be 2025-03-10 or 2010-03-25"),
        (("31.12.18", "31.12.19", "31.12.20", "31.12.21"), "'31.12.18' may be 2018-12-31 or 2031-12-18"),  # ends of years
    ],
)
def test_two_readings_of_years_with_points_are_named(tmp_path, dates, readings):
    message = refused(put(tmp_path / "A.csv", csv(HEADER, [(date, 10, 11, 9, 10, 5) for date in dates])))
    assert readings in message
    assert "--read-as dates=day.month.year or --read-as dates=year.month.day" in message


@pytest.mark.parametrize("form", ["day.month.year", "year.month.day"])
def test_years_with_points_are_read_as_declared(tmp_path, form):
    path = put(tmp_path / "A.csv", csv(HEADER, [(date, 10, 11, 9, 10, 5) for date in ("02.01.03", "03.01.03", "06.01.03")]))
    days = ("2003-01-02", "2003-01-03", "2003-01-06") if form.startswith("day") else ("2002-01-03", "2003-01-03", "2006-01-03")
    assert tuple(bar[0] for bar in read(path, f"dates={form}").bars["A"]) == days


def test_the_month_first_with_points_must_be_declared_in_years_of_two_digits_too(tmp_path):
    path = put(tmp_path / "A.csv", dated(YEAR, lambda day: f"{day:%m.%d.%y}"))
    assert "--read-as dates=month.day.year" in refused(path)
    assert read(path, "dates=month.day.year").bars == {"A": as_read(YEAR)}


@pytest.mark.parametrize("names", [CROATIAN, POLISH, CZECH, FINNISH], ids=["Croatian", "Polish", "Czech", "Finnish"])
@pytest.mark.parametrize(
    "text", ["{day} {name} {year}", "{day}. {name}. {year}.", "{day}-{name}-{year}", "{day} {name} {year} r."]
)
def test_the_language_of_months_is_decided_by_all_names(tmp_path, names, text):
    content = dated(YEAR, lambda day: text.format(day=day.day, name=names[day.month - 1], year=day.year))
    assert read(put(tmp_path / "A.csv", content)).bars == {"A": as_read(YEAR)}


@pytest.mark.parametrize(
    ("names", "months", "says"),
    [
        (("lis",), {"polish": 11, "croatian": 10, "czech": 11}, "'lis' may be month 10 (Croatian) or month 11 (Polish)"),
        (("lip",), {"polish": 7, "croatian": 6}, "'lip' may be month 6 (Croatian) or month 7 (Polish)"),
        (("srp",), {"czech": 8, "croatian": 7}, "'srp' may be month 7 (Croatian) or month 8 (Czech)"),
        (("listopada",), {"polish": 11, "croatian": 10}, "'listopada' may be month 10 (Croatian) or month 11 (Polish)"),
    ],
)
def test_months_of_two_languages_are_refused_until_the_language_is_declared(tmp_path, names, months, says):
    path = put(tmp_path / "A.csv", csv(HEADER, [(f"{day} {names[0]} 2024", 10, 11, 9, 10, 5) for day in (1, 2, 3, 4)]))
    assert says in refused(path)
    for language, month in months.items():
        assert read(path, f"months={language}").bars["A"][0][0] == f"2024-{month:02d}-01"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_names_of_a_language_are_its_twelve_months(tmp_path, language):
    names = [forms.split("/")[-1] for forms in LANGUAGES[language].split()]
    assert len(names) == 12
    content = dated(YEAR, lambda day: f"{day.day} {names[day.month - 1]} {day.year}")
    assert read(put(tmp_path / "A.csv", content)).bars == {"A": as_read(YEAR)}


@pytest.mark.parametrize("month", range(1, 13))
def test_a_month_of_english_alone_is_read(tmp_path, month):
    bars = month_of(YEAR, 2024 if month > 3 else 2025, month, 28)
    content = dated(bars, lambda day: f"{day.day} {dt.date(2000, day.month, 1):%b} {day.year}")
    assert read(put(tmp_path / "A.csv", content)).bars == {"A": as_read(bars)}


@pytest.mark.parametrize("form", ["%d.%m.%y", "%y.%m.%d", "%d.%m.%y."])
@pytest.mark.parametrize("count", [3, 5, 14])
def test_a_week_of_dates_is_enough_where_the_other_order_has_them_years_apart(tmp_path, form, count):
    days = [dt.date(2025, 3, 10) + dt.timedelta(days=at) for at in range(count)]
    found = read(put(tmp_path / "A.csv", csv(HEADER, [(f"{day:{form}}", 10, 11, 9, 10, 5) for day in days])))
    assert [bar[0] for bar in found.bars["A"]] == [str(day) for day in days]
