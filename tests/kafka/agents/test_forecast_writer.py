"""A worker's rows: damaged or failing models leave a row with the reason, and only a missing training is requested."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from errors import StateCorruptError
from history.ticker_state import DueTraining
from models.results import TrainedTicker
from models.serving import LoadedTicker, load_trained
from records import Forecast
from streams.kafka.agents.forecast_writer import ForecastWriter
from tests.streams.scenarios import CHEAP
from tests.streams.trained import state, trained


class Tables:
    """The tables of a ticker: its stored result, and the rows that were written."""

    def __init__(self, stored: TrainedTicker | None, error: StateCorruptError | None = None, *, loads: bool = True) -> None:
        self.stored = stored
        self.error = error
        self.loads = loads
        self.rows: list[Forecast] = []

    def peek_model(self, _ticker: str) -> tuple[TrainedTicker, float] | None:
        if self.error is not None:
            raise self.error
        return None if self.stored is None else (self.stored, 0.0)

    def load_models(self, stored: TrainedTicker, stored_at: float) -> LoadedTicker:
        if not self.loads:
            raise StateCorruptError("garbage")
        return load_trained(stored)

    def forecast(self, _ticker: str) -> Forecast | None:
        return None

    def save_forecast(self, row: Forecast) -> None:
        self.rows.append(row)


def written(tables: Any, failure: str | None = None) -> tuple[Forecast, list[DueTraining]]:
    """The row that the writer makes, and the trainings that it requests."""
    asked: list[DueTraining] = []
    requests: Any = SimpleNamespace(failure=lambda _, __: failure, request=lambda _, due: asked.append(due))
    noted: list[Forecast] = []
    ForecastWriter(CHEAP, tables, requests, noted.append).refresh(state())
    (row,) = tables.rows
    assert noted == tables.rows
    return row, asked


def test_a_trained_ticker_is_served() -> None:
    row, asked = written(Tables(trained()))
    assert (row.fallback, asked) == (None, [])


def test_an_untrained_ticker_requests_its_training() -> None:
    row, asked = written(Tables(None))
    assert row.fallbacks[0].reason == "not trained yet"
    assert asked == [state().due]


def test_a_failed_training_leaves_its_reason_whatever_is_stored() -> None:
    row, _ = written(Tables(trained()), "out of memory")
    assert row.fallbacks[0].reason == "out of memory"


def test_a_damaged_result_is_trained_again(caplog: pytest.LogCaptureFixture) -> None:
    row, asked = written(Tables(None, StateCorruptError("a hole")))
    assert row.fallback is not None
    assert asked == [state().due]
    assert "stored models unreadable, trained again ticker=ABC" in caplog.text


def test_models_that_fail_leave_a_row_and_no_dead_letter(caplog: pytest.LogCaptureFixture) -> None:
    row, asked = written(Tables(trained(), loads=False))
    assert row.fallbacks[0].reason == "its trained models failed: StateCorruptError: garbage"
    assert asked == []
    assert "models failed ticker=ABC" in caplog.text
