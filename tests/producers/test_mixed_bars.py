"""Bars that are not one series of daily bars, and that had been read as one: they are refused by name, or taken apart."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pytest

from errors import SourceError
from producers.forms.exchanged import exchange_fault
from producers.forms.summaries import summary_fault
from records import alternates, day_number
from tests.producers.forms_made import Walk, as_read, csv, plain, put, read, walk

HEADER = "Date,Open,High,Low,Close,Volume"
BARS, OTHER = walk(bars=300), walk(1, bars=300, start=300.0)


def refused(path) -> str:
    with pytest.raises(SourceError) as error:
        read(path)
    return str(error.value)


def exchanged(day: dt.date) -> dt.date:
    return day.replace(month=day.day, day=day.month) if day.day <= 12 else day


def summary(rows, day: dt.date) -> tuple[object, ...]:
    """One bar of all of these, on `day`."""
    table = list(zip(*rows, strict=True))
    return (day, rows[0][1], max(table[2]), min(table[3]), rows[-1][4], sum(table[5]))


def weeks(bars: Walk, *, days_later: int) -> list[tuple[object, ...]]:
    """A bar a week, so many days behind its Friday."""
    by_week: dict[tuple[int, int], list[tuple[object, ...]]] = {}
    for row in bars.rows():
        by_week.setdefault(row[0].isocalendar()[:2], []).append(row)
    return [summary(rows, rows[-1][0] + dt.timedelta(days=days_later)) for rows in by_week.values() if len(rows) == 5]


@pytest.mark.parametrize("order", ["as they came", "newest first", "sorted again"])
@pytest.mark.parametrize("form", ["%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y"])
def test_dates_with_day_and_month_exchanged_are_refused(tmp_path, order, form):
    """A spreadsheet of another country takes 03/02 for the third of February."""
    rows = [(exchanged(day), *rest) for day, *rest in BARS.rows()]
    rows = sorted(rows) if order == "sorted again" else rows[::-1] if order == "newest first" else rows
    text = csv(HEADER, [(day.strftime(form), *rest) for day, *rest in rows])
    assert "day and month are exchanged in dates up to the twelfth" in refused(put(tmp_path / "AAPL.csv", text))


def test_exchanged_dates_are_those_of_no_coin_and_of_no_short_month():
    """A file of a coin's fortnight has weekends up to the twelfth, and no others."""
    begin = day_number(dt.date(2025, 3, 1))
    assert exchange_fault(np.arange(begin, begin + 14, dtype=np.int32)) is None
    assert exchange_fault(np.arange(begin, begin + 400, dtype=np.int32)[::-1]) is None
    assert exchange_fault(np.array([], np.int32)) is None


def test_dates_that_are_declared_as_written_are_taken_so(tmp_path):
    rows = sorted((exchanged(day), *rest) for day, *rest in BARS.rows() if exchanged(day) <= dt.date(2025, 6, 30))
    found = read(put(tmp_path / "AAPL.csv", csv(HEADER, rows)), "days=written")
    assert [row[0] for row in found.bars["AAPL"]] == [str(row[0]) for row in rows]


def test_counts_of_days_beside_written_dates_are_refused(tmp_path):
    """Dates that a spreadsheet took for its own are saved as counts."""
    zero = dt.date(1899, 12, 30)
    rows = [((exchanged(d) - zero).days if d.day <= 12 else d.strftime("%m/%d/%Y"), *rest) for d, *rest in BARS.rows()]
    assert "a spreadsheet's count of days" in refused(put(tmp_path / "AAPL.csv", csv(HEADER, rows)))


@pytest.mark.parametrize("days_later", [1, 2])
@pytest.mark.parametrize("below", [True, False])
def test_weekly_bars_at_weekends_among_daily_bars_are_refused(tmp_path, days_later, below):
    rows = BARS.rows() + weeks(BARS, days_later=days_later)
    text = csv(HEADER, rows if below else sorted(rows))
    assert "have the highs and lows of several days" in refused(put(tmp_path / "AAPL.csv", text))


def test_monthly_bars_on_days_of_daily_bars_are_refused(tmp_path):
    """The larger volume, which decides between two bars of a day, is the month's."""
    months: dict[tuple[int, int], list[tuple[object, ...]]] = {}
    for row in BARS.rows():
        months.setdefault((row[0].year, row[0].month), []).append(row)
    rows = BARS.rows() + [summary(rows, rows[-1][0]) for rows in months.values()]
    assert "have the highs and lows of several days" in refused(put(tmp_path / "AAPL.csv", csv(HEADER, rows)))


def test_a_coin_has_no_bars_of_several_days():
    coin = walk(bars=300, seven=True)
    values = {name: np.array(getattr(coin, name), float) for name in ("open", "high", "low", "close", "volume")}
    assert summary_fault(np.array([day_number(day) for day in coin.date], np.int32), values) is None


def test_weekly_and_daily_files_of_one_ticker_are_not_put_together(tmp_path):
    put(tmp_path / "d" / "daily" / "AAPL.csv", plain(BARS))
    put(tmp_path / "d" / "weekly" / "AAPL.csv", csv(HEADER, weeks(BARS, days_later=2)))
    assert "weekly bars" in refused(tmp_path / "d")


def test_weekends_filled_on_a_line_are_left_out(tmp_path):
    """As pandas' asfreq("D").interpolate() fills them."""
    rows: list[tuple[object, ...]] = []
    for row, after in zip(BARS.rows(), [*BARS.rows()[1:], None], strict=True):
        rows.append(row)
        days = 0 if after is None else (after[0] - row[0]).days
        for k in range(1, days):
            between = [round(a + (b - a) * k / days, 2) for a, b in zip(row[1:], after[1:], strict=True)]
            rows.append((row[0] + dt.timedelta(days=k), *between))
    found = read(put(tmp_path / "AAPL.csv", csv(HEADER, rows)))
    assert found.bars == {"AAPL": as_read(BARS)}
    assert "lie on a line between their neighbours" in found.said


def test_rows_of_another_series_below_the_first_are_refused(tmp_path):
    rows = BARS.rows()[150:] + OTHER.rows()[:150]
    assert "where another block of rows begins" in refused(put(tmp_path / "X.csv", csv(HEADER, rows)))


def test_older_rows_of_the_same_series_below_the_first_are_read(tmp_path):
    rows = BARS.rows()[200:] + BARS.rows()[100:200] + BARS.rows()[:100]
    assert read(put(tmp_path / "AAPL.csv", csv(HEADER, rows))).bars == {"AAPL": as_read(BARS)}


def test_a_split_between_two_blocks_of_rows_is_no_other_series(tmp_path):
    """The newer rows stand first, and the split that the file gives is on their first day."""
    older = [(day, *(round(4 * p, 2) for p in prices), volume, 1.0) for day, *prices, volume in BARS.rows()[:150]]
    newer = [(*row, 4.0 if at == 0 else 1.0) for at, row in enumerate(BARS.rows()[150:])]
    found = read(put(tmp_path / "AAPL.csv", csv(HEADER + ",Split", newer + older)))
    assert len(found.bars["AAPL"]) == 300


def test_blocks_of_two_series_in_turn_are_refused(tmp_path):
    rows = [(OTHER if at // 50 % 2 else BARS).rows()[at] for at in range(300)]
    assert "the level jumps to and fro" in refused(put(tmp_path / "X.csv", csv(HEADER, rows)))


def test_a_few_large_moves_are_one_series():
    """A fall and a rise, and moves of another unit, which have a rule of their own."""
    close = np.array(walk(bars=300).close)
    crash = close * np.where(np.arange(300) < 100, 1.0, np.where(np.arange(300) < 200, 0.4, 1.1))
    in_pence = close * np.where(np.arange(300) // 60 % 2, 100.0, 1.0)
    assert not alternates(crash)
    assert not alternates(in_pence)
    assert alternates(close * np.where(np.arange(300) // 60 % 2, 3.0, 1.0))


def test_a_volatile_price_is_one_series() -> None:
    """Coins jump by half and back now and then, with no second series below them: 19 of these 400 were taken for two."""
    rng = np.random.default_rng(0)
    for _ in range(400):
        assert not alternates(np.exp(np.cumsum(rng.standard_t(3, 750) * 0.05)))


def test_halves_of_a_day_are_no_tickers(tmp_path):
    rows = [(day, half, *prices, volume + at) for day, *prices, volume in BARS.rows() for at, half in enumerate(("AM", "PM"))]
    assert "several series in one file" in refused(put(tmp_path / "X.csv", csv("Date,Session," + HEADER[5:], rows)))


def test_exchanges_are_no_tickers(tmp_path):
    rows = [(*row, name) for name, bars in (("LSE", BARS), ("XETRA", OTHER)) for row in bars.rows()]
    assert "several series in one file" in refused(put(tmp_path / "X.csv", csv(HEADER + ",Exchange", rows)))


def test_a_walk_is_not_changed_by_these_checks(tmp_path):
    coin = dataclasses.replace(walk(3, bars=300, seven=True, digits=6))
    assert read(put(tmp_path / "COIN-USD.csv", plain(coin))).bars == {"COIN-USD": as_read(coin)}
