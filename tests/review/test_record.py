"""The record of what was served: nothing twice, nothing changed later, readable by several processes."""

from __future__ import annotations

import datetime as dt
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from errors import SchemaError, StateCorruptError
from review.record import RECORD, ForecastRecord
from review.served import ServedForecast, served_forecast
from tests.made.bars import walk
from tests.made.rows import forecast, too_young
from tests.review.made import served

NOW = dt.datetime(2024, 1, 2, 22, tzinfo=dt.UTC)
BARS = walk(300)


def at(row: int, variance: float = 1e-4, ticker: str = "A") -> ServedForecast:
    return served(ticker, BARS, row, variance)


@pytest.fixture
def record(tmp_path: Path):
    with ForecastRecord(tmp_path) as opened:
        yield opened


def kept(record: ForecastRecord) -> list[ServedForecast]:
    return [each.forecast for each in record.since(dt.date.min)]


def test_the_last_forecast_before_the_next_bar_is_kept(record):
    assert record.add([at(5), at(5, ticker="B")], NOW) == 2
    assert record.add([at(5), at(5, ticker="B")], NOW) == 0
    assert record.add([at(5, 2e-4)], NOW) == 1
    assert record.add([at(6)], NOW) == 1
    assert kept(record) == [at(5, 2e-4), at(6), at(5, ticker="B")]
    assert record.span() == (at(5).as_of, at(6).as_of)


def test_what_was_served_is_not_changed_by_a_rebuild(record):
    """A rebuild derives every row again, from the first date on."""
    record.add([at(5)], NOW)
    record.add([at(6)], NOW)
    for row in range(7):
        record.add([at(row, 9e-4)], NOW)
    assert kept(record) == [at(5), at(6, 9e-4)]


def test_a_ticker_that_lags_is_not_moved_by_the_later_bars_of_others(record):
    record.add([at(5), at(5, ticker="B")], NOW)
    record.add([at(5, 9e-4), at(9, ticker="B")], NOW)
    assert kept(record)[0] == at(5)
    record.add([at(20, ticker="C"), at(40, ticker="B")], NOW)
    assert {each.ticker for each in kept(record)} == {"A", "B"}


def test_old_forecasts_are_forgotten(record):
    record.add([at(5)], NOW)
    record.add([at(50)], NOW)
    assert record.forget_before(at(50).as_of) == 1
    assert kept(record) == [at(50)]


def test_several_processes_add_at_once(tmp_path):
    def add(number: int) -> int:
        with ForecastRecord(tmp_path) as own:
            return sum(own.add([at(row, ticker=f"T{number % 2}")], NOW) for row in range(10))

    with ThreadPoolExecutor(4) as executor:
        assert sum(executor.map(add, range(4))) >= 20
    with ForecastRecord(tmp_path) as whole:
        assert all(forecast.daily_variance == 1e-4 for forecast in kept(whole))


def test_a_newer_version_and_a_damaged_file_are_refused_with_advice(tmp_path):
    with ForecastRecord(tmp_path):
        pass
    connection = sqlite3.connect(tmp_path / RECORD)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(SchemaError, match="upgrade"):
        ForecastRecord(tmp_path)
    (tmp_path / RECORD).write_bytes(b"no database at all" * 100)
    with pytest.raises(StateCorruptError, match="delete it"):
        ForecastRecord(tmp_path)


def test_what_is_kept_of_a_row():
    row = forecast("A", annual_return=0.12)
    found = served_forecast(row)
    assert found is not None
    assert found.horizon_return == pytest.approx(0.12 * 21 / 252)
    assert found.daily_variance == pytest.approx(0.2**2 / 252)
    assert found.base_variance == found.daily_variance
    assert (found.model, found.is_fallback, found.mean_return) == ("har", False, None)
    assert served_forecast(msgspec.structs.replace(too_young("B"), annual_return=None)) is None
