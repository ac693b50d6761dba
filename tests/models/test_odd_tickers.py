"""Tickers as they come: halted, delisted, split by mistake, illiquid, wild. None may give a number that is none or absurd."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.candidates.registry import MODELS
from models.pooling.pool import pool
from models.results import TrainingJob
from models.serving import make_forecast
from models.training import train_ticker
from records import Forecast
from tests.models.windows import simulated_columns, simulated_window, window_of_columns

BARS = 1016
Columns = list[np.ndarray]


def history(level: float = 0.01) -> Columns:
    return [np.array(column) for column in simulated_columns(BARS, seed=1, level=level)]


def fall(columns: Columns, at: int, factor: float = 0.2) -> Columns:
    for column in columns[1:5]:
        column[at:] *= factor
    return columns


def halt(columns: Columns, start: int, stop: int = BARS) -> Columns:
    close = columns[4][start - 1]
    for column in columns[1:5]:
        column[start:stop] = close
    columns[5][start:stop] = 0.0
    return columns


def penny() -> Columns:
    """Below thirty cents, quoted in cents: most of what it moves is the tick."""
    columns = history(level=0.02)
    close = np.maximum(np.round(columns[4] / columns[4].max() * 0.30, 2), 0.01)
    open_ = np.concatenate([close[:1], close[:-1]])
    return [columns[0], open_, np.maximum(open_, close), np.minimum(open_, close), close, columns[5]]


def close_only() -> Columns:
    columns = history()
    for k in (1, 2, 3):
        columns[k] = columns[4].copy()
    return columns


def no_volume() -> Columns:
    columns = history()
    columns[5][:] = 0.0
    return columns


ODD: dict[str, tuple[Callable[[], Columns], bool]] = {
    # name: (bars, whether trained models serve)
    "fell by 80 % long ago": (lambda: fall(history(), 500), True),
    "fell by 80 % this week": (lambda: fall(history(), BARS - 3), True),
    "rose fivefold overnight": (lambda: fall(history(), 600, 5.0), True),
    "halted for 200 days": (lambda: halt(history(), 400, 600), True),
    "halted now": (lambda: halt(history(), BARS - 10), True),
    "delisted, frozen at one price": (lambda: halt(history(), BARS - 60), False),
    "no volume": (no_volume, True),
    "closes only": (close_only, True),
    "a bill": (lambda: history(level=0.0002), True),
    "wild": (lambda: history(level=0.10), True),
    "penny stock": (penny, True),
}


@pytest.fixture(scope="module")
def rows() -> dict[str, Forecast]:
    found = {}
    for name, (columns, _) in ODD.items():
        window = window_of_columns(name, *columns()).last(756)
        job = TrainingJob(
            window=window, digest=b"", horizon=21, seed=0, models=tuple(MODELS), minimum_bars=504, settings_hash="hash"
        )
        with np.errstate(divide="raise", invalid="raise", over="raise"):
            trained = train_ticker(job)
            found[name] = make_forecast(window, trained, horizon=21, settings_hash="hash", minimum_bars=504)
    return found


def check(row: Forecast) -> None:
    numbers = [row.lower_95, row.lower_80, row.upper_80, row.upper_95]
    assert None not in numbers
    assert numbers == sorted(numbers, key=float)  # type: ignore[arg-type]
    assert float(row.lower_95 or 0.0) > -1.0
    assert abs(float(row.annual_return or 0.0)) < 1.0
    # The upper end is a fall of 80 % in a day, three days ago: 560 % a year of realised volatility in the last month.
    assert 0.002 < float(row.annual_volatility or 0.0) < 5.0


@pytest.mark.parametrize("name", list(ODD))
def test_alone(rows: dict[str, Forecast], name: str) -> None:
    check(rows[name])
    assert (rows[name].fallback is None) == ODD[name][1], rows[name].fallbacks


@pytest.mark.parametrize("name", list(ODD))
def test_pooled_with_the_others(rows: dict[str, Forecast], name: str) -> None:
    pooled = {row.ticker: row for row in pool(list(rows.values()))}
    check(pooled[name])


@pytest.mark.parametrize("bars", [2, 20, 21, 30, 63, 125, 126, 251, 252, 300, 400, 503])
def test_young_ones_say_why_and_give_no_absurd_number(bars: int) -> None:
    columns = simulated_columns(bars, seed=7, level=0.03)
    window = window_of_columns("YOUNG", *columns)
    row = make_forecast(window, None, horizon=21, settings_hash="hash", minimum_bars=504)
    assert row.fallbacks[0].reason == f"{bars} bars, training needs 504"
    if row.annual_return is None:
        assert bars <= 20
    else:
        check(row)


def test_with_a_low_minimum_models_that_need_more_are_no_candidates() -> None:
    window = simulated_window(300, warm=0)
    job = TrainingJob(
        window=window, digest=b"", horizon=21, seed=0, models=tuple(MODELS), minimum_bars=252, settings_hash="hash"
    )
    trained = train_ticker(job)
    row = make_forecast(window, trained, horizon=21, settings_hash="hash", minimum_bars=252)
    assert {step.model for step in row.fallbacks} >= {"xgboost", "lstm"}
    assert all("bars" in step.reason for step in row.fallbacks)
    check(row)
