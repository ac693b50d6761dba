"""Messages of another producer with the mistakes that a source would have mended: found in the history, and held back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.serving import HELD_BACK
from records import Bars, Forecast, date_of, decode_batch, decode_forecast
from settings import DoubtfulSeries, Settings
from tests.made.bars import walk
from tests.streams.scenarios import CHEAP, export

TICKER = "ABC"
SERVE = Settings(**{**CHEAP.model_dump(), "doubtful_series": DoubtfulSeries.SERVE})


def message(bars: Bars, *, factor: float = 1.0, as_of: str | None = None, **more: str) -> bytes:
    """JSON as another program writes it: the columns that must be there, prices times `factor`, and `more` fields."""
    prices = {name: [round(float(v) * factor, 4) for v in getattr(bars, name)] for name in ("open", "high", "low", "close")}
    dates = [date_of(day).isoformat() for day in bars.day]
    fields = {"schema_version": 1, "ticker": TICKER, "source": "foreign", "as_of": as_of or dates[-1], "date": dates}
    return json.dumps({**fields, "volume": [1000.0] * len(bars), **prices, **more}).encode()


def weekly() -> list[bytes]:
    return [message(walk(600)[::5])]


def two_series() -> list[bytes]:
    bars = walk(600)
    return [message(bars[at : at + 1], factor=1.0 if at % 2 else 7.0) for at in range(560, 600)]


def thousandfold() -> list[bytes]:
    bars = walk(600)
    return [message(bars[:590]), message(bars[590:591], factor=1000.0), message(bars[591:])]


def another_unit() -> list[bytes]:
    bars = walk(600)
    return [message(bars[:500]), message(bars[500:], factor=100.0)]


def two_currencies() -> list[bytes]:
    bars = walk(600)
    return [message(bars[:500], currency="EUR"), message(bars[500:], currency="USD")]


MISTAKES = {
    weekly: "weekly bars, one every 7 days",
    two_series: "the level jumps to and fro: several series under one name",
    thousandfold: "is 1000 times the close of",
    another_unit: "closes are 100 times the close of",
    two_currencies: "on in USD: publish them again in one currency",
}


def row_of(engine, messages: list[bytes], folder: Path, settings: Settings = CHEAP) -> Forecast:
    engine.run([decode_batch(payload, key=TICKER.encode()) for payload in messages], folder, settings)
    return decode_forecast(export(folder).rows[TICKER])


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_held_back_with_its_reason(engine, tmp_path, mistake):
    row = row_of(engine, mistake(), tmp_path)
    assert row.annual_volatility is None
    assert [step.model for step in row.fallbacks] == [HELD_BACK]
    assert MISTAKES[mistake] in row.fallbacks[0].reason


def test_a_corrected_bar_brings_the_forecast_back(engine, tmp_path):
    bars = walk(600)
    row = row_of(engine, [*thousandfold(), message(bars[590:591], as_of=str(date_of(bars.day[-1])))], tmp_path)
    assert row.annual_volatility is not None
    assert row.annual_volatility < 1.0


def test_a_setting_serves_what_is_doubted(engine, tmp_path):
    row = row_of(engine, thousandfold(), tmp_path, SERVE)
    assert row.annual_volatility is not None
    assert HELD_BACK not in [step.model for step in row.fallbacks]
