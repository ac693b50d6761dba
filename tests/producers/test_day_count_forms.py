"""Dates as counts of days: read where weekdays and holidays leave one day 0, else refused with the readings."""

from __future__ import annotations

import datetime as dt

import pytest

from errors import SourceError
from tests.producers.forms_made import Walk, csv, put, read, walk

HEADER = "Date,Open,High,Low,Close,Volume"
ZEROS = {
    "sas": dt.date(1960, 1, 1).toordinal(),
    "days": dt.date(1970, 1, 1).toordinal(),
    "matlab": -366,
    "ordinal": 0,
}
NAMES = {"sas": "days since 1960-01-01 (SAS, Stata)", "days": "days since 1970-01-01", "matlab": "days of Matlab's datenum", "ordinal": "days since the year 1"}  # fmt: skip


def _rows(bars: Walk, *, by: int = 0, holidays: bool = True) -> list[tuple[dt.date, ...]]:
    """The bars, some days later, without New Year and Christmas."""
    rows = [(row[0] + dt.timedelta(days=by), *row[1:]) for row in bars.rows()]
    return [row for row in rows if not holidays or (row[0].month, row[0].day) not in ((1, 1), (12, 25))]


def _counted(rows, zero: int) -> str:
    return csv(HEADER, [(row[0].toordinal() - zero, *row[1:]) for row in rows])


def _expected(rows) -> list[tuple[str, float, float, float, float, float]]:
    return [(str(row[0]), *map(float, row[1:])) for row in rows]


@pytest.mark.parametrize("kind", ZEROS)
@pytest.mark.parametrize("years_before", [0, 8, 20])
@pytest.mark.parametrize("newest_first", [False, True])
def test_counts_of_days_of_one_reading(tmp_path, kind, years_before, newest_first):
    rows = _rows(walk(bars=700), by=-7 * 52 * years_before)
    found = read(put(tmp_path / "A.csv", _counted(rows[::-1] if newest_first else rows, ZEROS[kind])))
    assert found.bars == {"A": _expected(rows)}
    assert found.rejected == []
    assert f"dates as {NAMES[kind]}" in found.said


@pytest.mark.parametrize("kind", ZEROS)
@pytest.mark.parametrize("why", ["a few bars", "a week from Sunday to Thursday", "bars on holidays", "seven days a week"])
def test_counts_of_days_of_several_readings_are_refused_with_them(tmp_path, kind, why):
    rows = {
        "a few bars": _rows(walk(bars=50)),
        "a week from Sunday to Thursday": _rows(walk(bars=700), by=-1, holidays=False),
        "bars on holidays": _rows(walk(bars=700), holidays=False),
        "seven days a week": _rows(walk(bars=700, seven=True)),
    }[why]
    file = put(tmp_path / "A.csv", _counted(rows, ZEROS[kind]))
    with pytest.raises(
        SourceError, match=rf"may be .*{rows[0][0]}, in {NAMES[kind][:12]}.*say which: .*--read-as dates={kind}"
    ):
        read(file)
    found = read(file, f"dates={kind}", "days=written")
    assert found.bars == {"A": _expected(rows)}


def test_a_mac_s_counts_of_days_are_refused_beside_those_of_excel(tmp_path):
    rows = _rows(walk(bars=700))
    file = put(tmp_path / "A.csv", _counted(rows, dt.date(1904, 1, 1).toordinal()))
    with pytest.raises(SourceError, match="--read-as dates=excel1904 or --read-as dates=excel"):
        read(file)
    assert read(file, "dates=excel1904").bars == {"A": _expected(rows)}


@pytest.mark.parametrize("first", [1, 100, 1000])
def test_numbers_of_rows_are_no_dates(tmp_path, first):
    rows = [(first + at, *row[1:]) for at, row in enumerate(walk(bars=700).rows())]
    with pytest.raises(SourceError, match="no row with a date and prices"):
        read(put(tmp_path / "A.csv", csv(HEADER, rows)))


@pytest.mark.parametrize("form", ["%y%m%d", "%d%m%y"])
def test_dates_of_six_digits_are_no_counts(tmp_path, form):
    rows = _rows(walk(bars=700))
    found = read(put(tmp_path / "A.csv", csv(HEADER, [(f"{row[0]:{form}}", *row[1:]) for row in rows])))
    assert found.bars == {"A": _expected(rows)}


@pytest.mark.parametrize("kind", ["sas", "matlab"])
def test_a_number_that_is_no_such_day_costs_its_own_row(tmp_path, kind):
    rows = _rows(walk(bars=700))
    lines = _counted(rows, ZEROS[kind]).splitlines()
    lines[100] = f"60,{lines[100].partition(',')[2]}"
    found = read(put(tmp_path / "A.csv", "\n".join(lines) + "\n"))
    assert found.bars == {"A": _expected([row for at, row in enumerate(rows) if at != 99])}
    assert len(found.rejected) == 1
