"""What the bars themselves say: on which day of the exchange, with which dividends and splits, which of two of a date, in which unit."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import numpy as np
import pytest

from errors import SourceError
from tests.producers.forms_made import Walk, as_read, csv, plain, put, read, walk

HEADER = "Date,Open,High,Low,Close,Volume"


def in_utc(bars: Walk, zone: str, *, with_zone: bool = True, hour: int = 0) -> str:
    """The bars with each session's moment (midnight of its own zone) written in UTC."""
    rows = []
    for date, *values in bars.rows():
        moment = dt.datetime(date.year, date.month, date.day, hour, tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(dt.UTC)
        rows.append((f"{moment:%Y-%m-%d %H:%M:%S}{'+00:00' if with_zone else ''}", *values))
    return csv(HEADER, rows)


@pytest.mark.parametrize(
    ("ticker", "zone"), [("005930.KS", "Asia/Seoul"), ("7203.T", "Asia/Tokyo"), ("HSBA.L", "Europe/London"), ("SAP.DE", "Europe/Berlin"), ("BHP.AX", "Australia/Sydney"), ("600519", "Asia/Shanghai")]
)  # fmt: skip
@pytest.mark.parametrize("with_zone", [True, False])
def test_a_session_s_midnight_in_utc(tmp_path, ticker, zone, with_zone):
    bars = walk(bars=300)
    found = read(put(tmp_path / f"{ticker}.csv", in_utc(bars, zone, with_zone=with_zone)))
    assert found.bars == {ticker: as_read(bars)}
    assert "UTC" in found.said


@pytest.mark.parametrize("hour", [9, 16])
@pytest.mark.parametrize(
    ("ticker", "zone"), [("AAPL", "America/New_York"), ("7203.T", "Asia/Tokyo"), ("BHP.AX", "Australia/Sydney")]
)
def test_other_moments_of_a_session_in_utc(tmp_path, ticker, zone, hour):
    bars = walk(bars=300)
    assert read(put(tmp_path / f"{ticker}.csv", in_utc(bars, zone, hour=hour))).bars == {ticker: as_read(bars)}


@pytest.mark.parametrize("ticker", ["005930.KS", "7203", "AAPL"])
def test_dates_a_day_early_without_times_are_refused_or_declared(tmp_path, ticker):
    bars = walk(bars=300)
    rows = [(date - dt.timedelta(days=1), *values) for date, *values in bars.rows()]
    path = put(tmp_path / f"{ticker}.csv", csv(HEADER, rows))
    with pytest.raises(SourceError, match=r"60 bars on Sundays, 0 on Fridays: the dates are a day off.*--read-as days=next"):
        read(path)
    assert read(path, "days=next").bars == {ticker: as_read(bars)}
    assert len(read(path, "days=written").bars[ticker]) == 300


def test_seven_bars_a_week_and_sessions_from_sunday_to_thursday_are_right_as_they_are(tmp_path):
    bars = walk(bars=300, seven=True)
    assert read(put(tmp_path / "BTC-USD.csv", plain(bars))).bars == {"BTC-USD": as_read(bars)}
    rows = [(date - dt.timedelta(days=1), *values) for date, *values in walk(bars=300).rows()]
    assert len(read(put(tmp_path / "2222.SR.csv", csv(HEADER, rows))).bars["2222.SR"]) == 300


def paid(bars: Walk, dividend: float, *, raw: bool) -> str:
    """The walk with a dividend every 30 bars; raw prices fall by each, adjusted prices do not."""
    close = np.array(bars.close)
    factor = np.ones(len(close))
    if raw:
        for at in range(30, len(close), 30):
            factor[at:] *= 1 - dividend / (close[at - 1] * factor[at - 1])
    rows = [
        (date, *(round(v * f, 4) for v in values), volume, dividend if at and at % 30 == 0 else 0.0)
        for at, ((date, *values, volume), f) in enumerate(zip(bars.rows(), factor.tolist(), strict=True))
    ]
    return csv(f"{HEADER},Dividends", rows)


def test_dividends_in_the_prices_are_not_counted_again(tmp_path):
    found = read(put(tmp_path / "A.csv", paid(walk(bars=300), 1.5, raw=False)))
    assert all(batch.dividend is None for batch in found.batches["A"])
    assert "adjusted prices: dividends are in them and not counted again (the moves of 9 ex-dates say so" in found.said


def test_dividends_beside_raw_prices_are_kept(tmp_path):
    found = read(put(tmp_path / "A.csv", paid(walk(bars=300), 1.5, raw=True)))
    given = [value for batch in found.batches["A"] for value in batch.dividend]
    assert [value for value in given if value] == [1.5] * 9
    assert "raw prices: dividends are added to the returns (the moves of 9 ex-dates say so" in found.said


@pytest.mark.parametrize(("reading", "kept"), [("raw", True), ("adjusted", False)])
def test_what_prices_are_may_be_declared(tmp_path, reading, kept):
    found = read(put(tmp_path / "A.csv", paid(walk(bars=300), 1.5, raw=not kept)), f"prices={reading}")
    assert any(batch.dividend for batch in found.batches["A"]) == kept


def test_a_dividend_larger_than_the_price_costs_its_bar(tmp_path):
    rows = [(*row, 780 if at == 50 else 0) for at, row in enumerate(walk().rows())]
    found = read(put(tmp_path / "A.csv", csv(f"{HEADER},Dividends", rows)))
    assert len(found.bars["A"]) == 119
    assert "a dividend of 780 after a close of" in found.rejected[0].reason


@pytest.mark.parametrize(("ratio", "text"), [(7.0, "7.0"), (2.0, "2:1"), (0.1, "1:10"), (1.5, "3/2")])
@pytest.mark.parametrize("name", ["split", "Stock Splits"])
def test_a_split_by_which_the_price_moved_is_taken_out(tmp_path, ratio, text, name):
    bars = walk(start=200.0)
    rows = []
    for at, (date, *values, volume) in enumerate(bars.rows()):
        factor = ratio if at < 60 else 1.0
        rows.append((date, *(v * factor for v in values), volume / factor, text if at == 60 else "0"))
    found = read(put(tmp_path / "A.csv", csv(f"{HEADER},{name}", rows)))
    np.testing.assert_allclose(np.array([row[1:] for row in found.bars["A"]]), np.array([row[1:] for row in as_read(bars)]))
    assert [s for batch in found.batches["A"] for s in batch.split if s != 1.0] == pytest.approx([ratio])
    assert "split-adjusted here" in found.said


def test_a_split_by_which_the_price_did_not_move_is_not_used(tmp_path):
    bars = walk()
    found = read(
        put(tmp_path / "A.csv", csv(f"{HEADER},split", [(*row, 4 if at == 60 else 1) for at, row in enumerate(bars.rows())]))
    )
    assert found.bars == {"A": as_read(bars)}
    assert "splits not used, as the prices did not move by them (adjusted already): 4 on" in found.said


def test_of_two_bars_of_a_date_the_larger_volume_is_taken(tmp_path):
    bars = walk()
    date, opened, high, low, close, volume = bars.rows()[-1]
    rows = [*bars.rows(), (date, opened, high, low, round(close * 1.001, 2), volume - 1)]
    for order in (rows, rows[::-1]):
        found = read(put(tmp_path / "A.csv", csv(HEADER, order)))
        assert found.bars == {"A": as_read(bars)}
        assert [bar.reason for bar in found.rejected] == [f"2 bars of {date}; the bar with the larger volume is taken"]


def test_of_two_bars_of_a_date_that_differ_too_much_none_is_taken(tmp_path):
    bars = walk()
    date, *values, volume = bars.rows()[-1]
    found = read(put(tmp_path / "A.csv", csv(HEADER, [*bars.rows(), (date, *(3 * v for v in values), volume + 1)])))
    assert len(found.bars["A"]) == 119
    assert "with different values; none is taken" in found.rejected[0].reason


def test_a_file_written_twice_is_read_once(tmp_path):
    found = read(put(tmp_path / "A.csv", csv(HEADER, [*walk().rows(), *walk().rows()])))
    assert found.bars == {"A": as_read(walk())}
    assert "rows that stand twice, equal in every value" in found.said


@pytest.mark.parametrize("factor", [100.0, 1000.0, 1e-3, 1e6, 10.0, 0.1])
@pytest.mark.parametrize("bars", [1, 3])
def test_a_value_off_by_a_power_of_ten_is_held_out(tmp_path, factor, bars):
    rows = [
        (d, *(v * (factor if 50 <= at < 50 + bars else 1.0) for v in values), n)
        for at, (d, *values, n) in enumerate(walk().rows())
    ]
    found = read(put(tmp_path / "A.csv", csv(HEADER, rows)))
    assert [bar.date for bar in found.rejected] == [str(walk().date[at]) for at in range(50, 50 + bars)]
    assert len(found.bars["A"]) == 120 - bars


@pytest.mark.parametrize(("column", "factors"), [(2, (10.0, 100.0, 1e3)), (3, (0.1, 0.01, 1e-3))])
def test_a_high_or_a_low_alone_off_by_a_power_of_ten_is_held_out(tmp_path, column, factors):
    for factor in factors:
        rows = [[v * (factor if (at, i) == (50, column) else 1.0) if i else v for i, v in enumerate(row)] for at, row in enumerate(walk().rows())]  # fmt: skip
        found = read(put(tmp_path / "A.csv", csv(HEADER, rows)))
        assert [bar.reason.split(":")[0] for bar in found.rejected] == ["suspect, power_of_ten"]
        assert len(found.bars["A"]) == 119


@pytest.mark.parametrize("factor", [100.0, 1e-4, 1e3])
def test_a_level_that_lasts_is_another_unit(tmp_path, factor):
    rows = [(d, *(v * (factor if at >= 50 else 1.0) for v in values), n) for at, (d, *values, n) in enumerate(walk().rows())]
    found = read(put(tmp_path / "A.csv", csv(HEADER, rows)))
    np.testing.assert_allclose([row[4] for row in found.bars["A"]], np.array(walk().close) * factor)


@pytest.mark.parametrize("start", [3e-7, 4e10])
def test_tiny_coins_and_huge_currencies(tmp_path, start):
    bars = walk(start=start, seven=True, digits=12)
    assert read(put(tmp_path / "PEPE-IDR.csv", plain(bars))).bars == {"PEPE-IDR": as_read(bars)}


@pytest.mark.parametrize("fill", ["the close alone", "the whole row", "the prices"])
def test_weekends_that_repeat_the_bar_before_are_left_out(tmp_path, fill):
    rows = []
    for row in walk().rows():
        rows.append(row)
        for after in (1, 2) if row[0].weekday() == 4 else ():
            day = row[0] + dt.timedelta(after)
            filled = {"the close alone": (*[row[4]] * 4, 0), "the whole row": row[1:], "the prices": (*row[1:5], 0)}
            rows.append((day, *filled[fill]))
    found = read(put(tmp_path / "AAPL.csv", csv("Date,Open,High,Low,Close,Volume", rows)))
    assert found.bars == {"AAPL": as_read(walk())}
    assert "48 bars at weekends repeat the bar before: left out" in found.said


def padded(bars: Walk, days: tuple[int, ...], sessions: tuple[dt.date, ...], *, volumes: bool = True):
    """The rows of a table filled up on these weekdays, with true sessions on some of the days; and what they are without filling."""
    rows, true = [], []
    for row in bars.rows():
        if row[0].weekday() in days and row[0] not in sessions:
            rows.append((row[0], *[rows[-1][4]] * 4, 0) if rows else row)
            continue
        kept = row if volumes else (*row[:5], 0)
        rows.append(kept)
        true.append(kept)
    return rows, [(str(row[0]), *map(float, row[1:])) for row in true]


@pytest.mark.parametrize(
    ("ticker", "days", "sessions"),
    [
        ("AAPL", (5, 6), (dt.date(2025, 1, 18),)),
        ("RELIANCE.NS", (5, 6), (dt.date(2025, 2, 1), dt.date(2024, 11, 3), dt.date(2024, 11, 9))),
        ("XYZ", (5,), (dt.date(2025, 1, 18),)),
        ("2222.SR", (4, 5), (dt.date(2025, 1, 18),)),
    ],
)
@pytest.mark.parametrize("volumes", [True, False])
def test_sessions_at_weekends_stay_where_weekends_are_filled_up(tmp_path, ticker, days, sessions, volumes):
    bars = walk(bars=150, seven=True)
    if days == (5,):
        bars = Walk(*map(list, zip(*(row for row in bars.rows() if row[0].weekday() != 6), strict=True)))
    rows, true = padded(bars, days, sessions, volumes=volumes)
    found = read(put(tmp_path / f"{ticker}.csv", csv(HEADER, rows)))
    assert found.bars == {ticker: true}
    assert f"{len(rows) - len(true)} bars at weekends repeat the bar before: left out; {len(sessions)} there" in found.said


@pytest.mark.parametrize("share", [2, 3])
def test_weekends_of_which_many_bars_move_are_bars(tmp_path, share):
    rows = [
        (*row[:1], *[before[4]] * 4, 0) if row[0].weekday() > 4 and at % share else row
        for at, (row, before) in enumerate(zip(walk(seven=True).rows()[1:], walk(seven=True).rows(), strict=False))
    ]
    assert len(read(put(tmp_path / "XYZ-USD.csv", csv(HEADER, rows))).bars["XYZ-USD"]) == len(rows)


def test_weekends_that_move_are_bars(tmp_path):
    bars = walk(seven=True)
    assert read(put(tmp_path / "BTC-USD.csv", plain(bars))).bars == {"BTC-USD": as_read(bars)}


@pytest.mark.parametrize("ticker", ["CA", "KW", "BH", "OM", "QA", "AE"])
def test_a_symbol_without_a_suffix_is_of_no_exchange_whose_suffix_it_spells(tmp_path, ticker):
    """CA is a share of New York, and Cairo's suffix: it had been refused for its Fridays."""
    bars = walk(bars=300)
    assert read(put(tmp_path / f"{ticker}.csv", plain(bars))).bars == {ticker: as_read(bars)}


@pytest.mark.parametrize("zone", ["America/New_York", "America/Los_Angeles", "Asia/Tokyo"])
def test_a_coins_midnights_in_utc_are_its_days_in_whatever_zone_they_are_written(tmp_path, zone):
    """A chart writes its own zone's time, with its offset: in summer and winter, in the west on the evening before."""
    bars = walk(seven=True)
    there = zoneinfo.ZoneInfo(zone)
    stamps = [dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).astimezone(there).isoformat() for day in bars.date]
    rows = [(stamp, *row[1:]) for stamp, row in zip(stamps, bars.rows(), strict=True)]
    found = read(put(tmp_path / "BTC-USD.csv", csv("time,open,high,low,close,volume", rows)))
    assert found.bars == {"BTC-USD": as_read(bars)}
