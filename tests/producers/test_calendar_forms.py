"""Dates of other calendars, of digits alone, and in spellings of programs; what has two readings is refused by name."""

from __future__ import annotations

import datetime as dt

import pytest

from errors import SourceError
from tests.producers.forms_made import as_read, csv, put, read, walk

BARS, COINS, LONG = walk(), walk(seven=True), walk(bars=900)
HEADER = "Date,Open,High,Low,Close,Volume"
WEEKDAYS = ["Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"]


def write(path, spell, bars=BARS, name="AAPL.csv"):
    return put(path / name, csv(HEADER, [(f'"{spell(row[0])}"', *row[1:]) for row in bars.rows()]))


def refused(path) -> str:
    with pytest.raises(SourceError) as error:
        read(path)
    return str(error.value)


SPELLINGS = {
    # Taiwan's years
    "113.01.02": lambda d: f"{d.year - 1911}.{d:%m.%d}",
    "113-01-02": lambda d: f"{d.year - 1911}-{d:%m-%d}",
    "113年01月02日": lambda d: f"{d.year - 1911}年{d:%m月%d日}",
    "民國113年1月2日": lambda d: f"民國{d.year - 1911}年{d.month}月{d.day}日",
    "1130102": lambda d: f"{d.year - 1911}{d:%m%d}",
    # Japan's
    "R6.1.4": lambda d: f"R{d.year - 2018}.{d.month}.{d.day}",
    "令和6年1月4日": lambda d: f"令和{d.year - 2018}年{d.month}月{d.day}日",
    # Thailand's
    "02/01/2567": lambda d: f"{d:%d/%m}/{d.year + 543}",
    "2567-01-02": lambda d: f"{d.year + 543}-{d:%m-%d}",
    "2 Jan 2567": lambda d: f"{d.day} {d:%b} {d.year + 543}",
    # days of weeks and years
    "2024-W01-2": lambda d: d.strftime("%G-W%V-%u"),
    "2024W012": lambda d: d.strftime("%GW%V%u"),
    "2024-002": lambda d: d.strftime("%Y-%j"),
    "2024002": lambda d: d.strftime("%Y%j"),
    # digits alone
    "02012024": lambda d: d.strftime("%d%m%Y"),
    "01022024": lambda d: d.strftime("%m%d%Y"),
    "2012024": lambda d: str(int(d.strftime("%d%m%Y"))),
    # programs
    "Tue Jan  2 00:00:00 2024": lambda d: d.strftime("%a %b %d %H:%M:%S %Y"),
    "20240102T000000Z": lambda d: d.strftime("%Y%m%dT000000Z"),
    "02.01.2024 Di": lambda d: f"{d:%d.%m.%Y} {WEEKDAYS[d.weekday()]}",
    "2024-01-02 00:00:00 GMT+0100": lambda d: f"{d} 00:00:00 GMT+0100",
    "Tue Jan 02 2024 00:00:00 GMT+0000 (Coordinated Universal Time)": lambda d: d.strftime(
        "%a %b %d %Y 00:00:00 GMT+0000 (Coordinated Universal Time)"
    ),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("bars", [BARS, COINS], ids=["weekdays", "every day"])
def test_a_spelling(tmp_path, spelling, bars):
    found = read(write(tmp_path, SPELLINGS[spelling], bars))
    assert found.rejected == []
    assert found.bars == {"AAPL": as_read(bars)}


@pytest.mark.parametrize("form", ["%y%m%d", "%d%m%y", "%m%d%y"])
@pytest.mark.parametrize("is_newest_first", [True, False])
def test_six_digits_are_decided_by_all_dates(tmp_path, form, is_newest_first):
    rows = [(row[0].strftime(form), *row[1:]) for row in LONG.rows()][:: -1 if is_newest_first else 1]
    assert read(put(tmp_path / "AAPL.csv", csv(HEADER, rows))).bars == {"AAPL": as_read(LONG)}


@pytest.mark.parametrize("dates", [["010203", "020304"], ["050607"], ["010101", "020202", "030303"]])
def test_six_digits_of_two_readings_are_refused(tmp_path, dates):
    assert "--read-as dates=" in refused(put(tmp_path / "AAPL.csv", csv(HEADER, [(date, 1, 1, 1, 1, 1) for date in dates])))


@pytest.mark.parametrize(
    "spell",
    [lambda d: f"{d.year - 621}-{d:%m-%d}", lambda d: f"{d.year - 621}/{d:%m/%d}", lambda d: f"{d:%d/%m}/{d.year - 579}"],
    ids=["1403-01-13", "1403/01/13", "20/06/1445"],
)  # fmt: skip
@pytest.mark.parametrize("bars", [BARS, COINS], ids=["weekdays", "every day"])
def test_years_of_calendars_with_other_months_are_refused(tmp_path, spell, bars):
    assert "has a year of another calendar" in refused(write(tmp_path, spell, bars))


@pytest.mark.parametrize("form", ["%Y-%d-%m", "%Y/%d/%m", "%Y.%d.%m"])
@pytest.mark.parametrize("bars", [walk(bars=9), BARS, COINS], ids=["few", "weekdays", "every day"])
def test_the_day_between_year_and_month_is_refused(tmp_path, form, bars):
    """The dates up to the twelfth of a month were read as other dates, the others refused one by one."""
    assert "has no month in its middle" in refused(write(tmp_path, lambda d: d.strftime(form), bars))


@pytest.mark.parametrize(("form", "step", "word"), [("%G-W%V", 7, "weekly"), ("%GW%V", 7, "weekly"), ("%Y-%m", 31, "monthly")])
def test_weeks_and_months_are_no_days(tmp_path, form, step, word):
    assert f"{word} bars" in refused(write(tmp_path, lambda d: d.strftime(form), walk(bars=60, step=step)))


def test_one_year_of_another_calendar_is_a_mistake(tmp_path):
    rows = [(str(row[0]) if at != 50 else f"2567{str(row[0])[4:]}", *row[1:]) for at, row in enumerate(BARS.rows())]
    found = read(put(tmp_path / "AAPL.csv", csv(HEADER, rows)))
    assert [bar.reason[:18] for bar in found.rejected] == ["date in the future"]
    assert len(found.bars["AAPL"]) == len(BARS) - 1


def test_the_last_day_of_february_in_a_leap_year(tmp_path):
    days = [dt.date(2024, 2, 27) + dt.timedelta(at) for at in range(4)]
    rows = [(f"{day.year + 543}/{day:%m/%d}", 1, 1, 1, 1, 1) for day in days]
    assert [bar[0] for bar in read(put(tmp_path / "PTT.csv", csv(HEADER, rows))).bars["PTT"]] == [str(day) for day in days]
