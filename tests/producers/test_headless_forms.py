"""Lists and files without names of columns, in the orders of exchanges' services; what leaves two readings is refused."""

from __future__ import annotations

import datetime as dt
import json
import zoneinfo

import pytest

from errors import SourceError
from tests.producers.forms_made import as_read, csv, german, put, read, walk

COINS = walk(seven=True, start=43_000.0)
TINY = walk(seven=True, start=1.23e-5, digits=11)
SHARES = walk()


def _seconds(day: dt.date) -> int:
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp())


def _text(value: float) -> str:
    return f"{value:.11f}"


#: Exchange → its row of one bar.
LISTS = {
    "Kraken": lambda d, o, h, lo, c, v: [_seconds(d), *map(_text, (o, h, lo, c, (h + lo) / 2, v)), 99],
    "OKX": lambda d, o, h, lo, c, v: [str(1000 * _seconds(d)), *map(_text, (o, h, lo, c, v, v * c, v * c)), "1"],
    "Bybit": lambda d, o, h, lo, c, v: [str(1000 * _seconds(d)), *map(_text, (o, h, lo, c, v, v * c))],
    "Coinbase": lambda d, o, h, lo, c, v: [_seconds(d), lo, h, o, c, v],
    "Bitfinex": lambda d, o, h, lo, c, v: [1000 * _seconds(d), o, c, h, lo, v],
    "KuCoin": lambda d, o, h, lo, c, v: [str(_seconds(d)), *map(_text, (o, c, h, lo, v, v * c))],
}


@pytest.mark.parametrize("exchange", LISTS)
@pytest.mark.parametrize("is_newest_first", [True, False])
@pytest.mark.parametrize("bars", [COINS, TINY], ids=["dollars", "parts of a cent"])
def test_lists_of_exchanges(tmp_path, exchange, is_newest_first, bars):
    rows = [LISTS[exchange](*row) for row in bars.rows()]
    answer = {"error": [], "result": {"XXBTZUSD": rows[:: -1 if is_newest_first else 1], "last": 1}}
    assert read(put(tmp_path / "BTC-USD.json", json.dumps(answer))).bars == {"BTC-USD": as_read(bars)}


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%m/%d/%Y", "%d-%b-%Y", "%d.%m.%Y"])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 3, 1, 2)], ids=["open, high, low, close", "open, close, high, low"])
def test_shares_of_any_dates(tmp_path, form, order):
    rows = [(f"{row[0]:{form}}", *[row[1 + at] for at in order], row[5]) for row in SHARES.rows()]
    assert read(put(tmp_path / "KO.csv", csv("", rows).lstrip())).bars == {"KO": as_read(SHARES)}


@pytest.mark.parametrize("order", [(3, 2, 1, 0), (3, 1, 2, 0), (1, 2, 0, 3)])
def test_orders_that_no_service_writes_are_refused(tmp_path, order):
    rows = [(row[0], *[row[1 + at] for at in order], row[5]) for row in SHARES.rows()]
    with pytest.raises(SourceError, match="has no header row, and"):
        read(put(tmp_path / "KO.csv", csv("", rows).lstrip()))


@pytest.mark.parametrize("rows", [2, 5, 9])
def test_few_bars_decide_no_other_order(tmp_path, rows):
    lists = [LISTS["Bitfinex"](*row) for row in COINS.rows()[:rows]]
    with pytest.raises(SourceError, match="are not open, high, low, close"):
        read(put(tmp_path / "BTC-USD.json", json.dumps(lists)))


def test_a_volume_before_another_column_is_no_mean_price(tmp_path):
    lists = [[_seconds(r[0]), *r[1:], 7, 99] for r in COINS.rows()]
    with pytest.raises(SourceError, match="no mean price, and may be the volume"):
        read(put(tmp_path / "BTC-USD.json", json.dumps(lists)))


@pytest.mark.parametrize("unit", [1e4, 1e5, 1e6])
def test_prices_in_ten_thousandths_are_refused(tmp_path, unit):
    rows = [(f"{r[0]:%Y%m%d} 00:00", *[round(unit * p) for p in r[1:5]], r[5]) for r in SHARES.rows()]
    with pytest.raises(SourceError, match="ten-thousandths of a dollar"):
        read(put(tmp_path / "aapl.csv", csv("", rows).lstrip()))


@pytest.mark.parametrize("period", ["D", "1D", "daily"])
@pytest.mark.parametrize("has_time", [True, False])
def test_metastock_without_names(tmp_path, period, has_time):
    rows = [
        ("KO", period, f"{r[0]:%Y%m%d}", *(["000000"] if has_time else []), *r[1:], *([0] if has_time else []))
        for r in SHARES.rows()
    ]
    assert read(put(tmp_path / "x.txt", csv("", rows).lstrip())).bars == {"KO": as_read(SHARES)}


@pytest.mark.parametrize("period", ["W", "M", "Nasdaq"])
def test_metastock_of_another_period_is_refused(tmp_path, period):
    rows = [("KO", period, f"{r[0]:%Y%m%d}", *r[1:]) for r in SHARES.rows()]
    with pytest.raises(SourceError, match="its second column names no bars of a day"):
        read(put(tmp_path / "x.txt", csv("", rows).lstrip()))


@pytest.mark.parametrize(
    ("number", "factor"),
    [(lambda p: str(p).replace(".", ","), 1), (lambda p: german(100 * p), 100), (lambda p: f"{100 * p:,.2f} €", 100)],
    ids=["decimal commas", "German", "English with euros"],
)
def test_numbers_as_people_write_them_without_names(tmp_path, number, factor):
    rows = [("FR0000121014", f"{r[0]:%d/%m/%y}", *[number(p) for p in r[1:5]], r[5]) for r in SHARES.rows()]
    found = read(put(tmp_path / "x.txt", csv("", rows, ";").lstrip())).bars["FR0000121014"]
    assert [bar[1:5] for bar in found] == [pytest.approx(bar[1:5]) for bar in as_read(SHARES, factor)]


@pytest.mark.parametrize("hour", [15, 16])
@pytest.mark.parametrize("unit", [1, 1000])
def test_coins_days_that_begin_in_east_asia(tmp_path, hour, unit):
    """Such a bar ends at that hour of the next day: under its first day it would look ahead."""
    rows = [(unit * (_seconds(r[0]) - (24 - hour) * 3600), *r[1:]) for r in COINS.rows()]
    found = read(put(tmp_path / "BTC-USDT.csv", csv("ts,open,high,low,close,volume", rows)))
    assert found.bars == {"BTC-USDT": as_read(COINS)}
    assert "each is of the next day" in found.said


@pytest.mark.parametrize("name", ["id", "ticks", "key"])
@pytest.mark.parametrize("unit", [1, 1000])
def test_seconds_under_any_name_are_the_dates(tmp_path, name, unit):
    rows = [(unit * _seconds(r[0]), *r[1:], 1_234_567_890) for r in COINS.rows()]
    assert read(put(tmp_path / "BTC-USDT.csv", csv(f"{name},open,high,low,close,volume,amount", rows))).bars == {
        "BTC-USDT": as_read(COINS)
    }


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Africa/Cairo", "America/New_York"])
@pytest.mark.parametrize("says", ["next", "written"])
def test_coins_times_of_the_evening_have_two_readings(tmp_path, zone, says):
    """Midnights of Europe, or the end of New York's day, both in UTC: a day apart."""
    time = dt.time(16) if zone == "America/New_York" else dt.time()
    moments = [dt.datetime.combine(day, time, zoneinfo.ZoneInfo(zone)) for day in COINS.date]
    rows = [(int(moment.timestamp()), *row[1:]) for moment, row in zip(moments, COINS.rows(), strict=True)]
    path = put(tmp_path / "BTC-EUR.csv", csv("time,open,high,low,close,volume", rows))
    with pytest.raises(SourceError, match="--read-as days=next or --read-as days=written"):
        read(path)
    first = moments[0].astimezone(dt.UTC).date() + dt.timedelta(days=says == "next")
    assert read(path, f"days={says}").bars["BTC-EUR"][0][0] == str(first)


@pytest.mark.parametrize("time", [dt.time(0), dt.time(8), dt.time(12), dt.time(23, 59, 59)])
def test_coins_times_of_other_hours_are_of_their_day(tmp_path, time):
    rows = [(f"{r[0]} {time}", *r[1:]) for r in COINS.rows()]
    assert read(put(tmp_path / "BTC-EUR.csv", csv("time,open,high,low,close,volume", rows))).bars == {"BTC-EUR": as_read(COINS)}
