"""Nothing after an origin enters its forecast: labels, scalers, pooled statistics and calibration all end there."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np
import pytest

from evaluation.dates import origin_dates
from evaluation.origins import TickerResult
from evaluation.panel import build_panel
from models.contract import Window
from models.pooling.terms import training_panel
from models.results import TrainedTicker, TrainingJob
from models.training import train_ticker
from records import encode_forecast
from settings import Settings
from tests.evaluation.samples import evaluated
from tests.models.windows import simulated_columns, window_of_columns

HORIZON: Final = 21
BARS: Final = 1100
ORIGINS: Final = 4
SETTINGS = Settings(models=("har", "xgboost", "lstm"), _env_file=None)  # type: ignore[call-arg]
#: Bars after the second of four origins: those two must not change, the other two must.
CUT: Final = int(origin_dates([np.arange(BARS, dtype=np.int32)], HORIZON, ORIGINS)[1]) + 1
#: Tickers and the bars that they have; the last ticker is too young for a trained model and lives off the others' rows.
HISTORIES: Final = {"T0": BARS, "T1": BARS, "T2": BARS, "T3": BARS, "YOUNG": 320}

CANDIDATES: Final = ("har", "arima", "xgboost", "lstm")

Columns = list[np.ndarray]
Alteration = Callable[[Columns, int, np.random.Generator], Columns]


def truncated(columns: Columns, cut: int, _: np.random.Generator) -> Columns:
    return [column[:cut] for column in columns]


def scaled(columns: Columns, cut: int, rng: np.random.Generator) -> Columns:
    """Later prices and volumes many times as large."""
    day, *others = columns
    factor = rng.uniform(2.0, 9.0)
    return [day, *(np.concatenate([column[:cut], factor * column[cut:]]) for column in others)]


def shuffled(columns: Columns, cut: int, rng: np.random.Generator) -> Columns:
    """Later bars in another order, on the same days."""
    day, *others = columns
    order = np.concatenate([np.arange(cut), cut + rng.permutation(len(day) - cut)])
    return [day, *(column[order] for column in others)]


def another_market(columns: Columns, cut: int, rng: np.random.Generator) -> Columns:
    """Later bars of a market five times as wild."""
    day, *others = columns
    _, *wild = simulated_columns(len(day), seed=int(rng.integers(1000)), level=0.05)
    return [day, *(np.concatenate([column[:cut], other[cut:]]) for column, other in zip(others, wild, strict=True))]


ALTERATIONS: Final = (truncated, scaled, shuffled, another_market)


def windows(alteration: Alteration | None = None) -> list[Window]:
    """Whole histories, their features computed after the alteration."""
    found = []
    for k, (ticker, bars) in enumerate(HISTORIES.items()):
        columns = [column[-bars:] for column in simulated_columns(BARS, seed=k, level=0.008 + 0.003 * k)]
        if alteration is not None:
            columns = alteration(columns, CUT - (BARS - bars), np.random.default_rng(k))
        found.append(window_of_columns(ticker, *columns))
    return found


def served(results: list[TickerResult]) -> dict[tuple[str, int], bytes]:
    return {(row.ticker, row.as_of.toordinal()): encode_forecast(row) for row in build_panel(results).rows}


@pytest.fixture(scope="module")
def whole() -> dict[tuple[str, int], bytes]:
    return served(evaluated(windows(), ORIGINS, SETTINGS))


@pytest.mark.parametrize("alteration", [scaled, shuffled, another_market])
def test_served_forecasts_do_not_know_what_follows(alteration: Alteration, whole: dict[tuple[str, int], bytes]) -> None:
    """The whole way, pooling included: forecasts before the alteration are the same to the byte, those after it are not."""
    altered = served(evaluated(windows(alteration), ORIGINS, SETTINGS))
    dates = sorted({date for _, date in whole})
    same = {date: [altered[key] == value for key, value in whole.items() if key[1] == date] for date in dates}
    assert [all(same[date]) for date in dates] == [True, True, False, False]
    assert not any(same[dates[3]])


def test_served_forecasts_of_a_file_that_ends_there(whole: dict[tuple[str, int], bytes]) -> None:
    """The bars up to two horizons before the end hold what the first two origins are judged on, and no more."""
    ends = [window.until(len(window) - 2 * HORIZON) for window in windows()]
    short = served(evaluated(ends, ORIGINS - 2, SETTINGS))
    assert len(short) == 2 * len(HISTORIES)
    assert short.items() <= whole.items()


def trained(window: Window, models: tuple[str, ...]) -> TrainedTicker:
    return train_ticker(
        TrainingJob(window=window, digest=b"", horizon=HORIZON, seed=0, models=models, minimum_bars=504, settings_hash="hash")
    )


@pytest.fixture(scope="module")
def known() -> TrainedTicker:
    return trained(windows()[0].until(CUT).last(756), CANDIDATES)


@pytest.mark.slow
@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_a_training_with_all_candidates_does_not_know_what_follows(alteration: Alteration, known: TrainedTicker) -> None:
    altered = trained(windows(alteration)[0].until(CUT).last(756), CANDIDATES)
    assert msgspec.msgpack.encode(altered) == msgspec.msgpack.encode(known)


@pytest.mark.parametrize("part", ["models", "candidates", "residuals", "panel"])
def test_every_part_of_a_training_would_show_a_leak(part: str) -> None:
    """The counter-check: one bar within the window moves scalers and coefficients, scores, calibration and pooled labels."""
    day, *columns = simulated_columns(BARS, seed=0)
    whole = trained(window_of_columns("T0", day, *columns).until(CUT).last(756), ("har", "xgboost"))
    for column in columns[:4]:
        column[CUT - 15 :] *= 1.3
    moved = trained(window_of_columns("T0", day, *columns).until(CUT).last(756), ("har", "xgboost"))
    assert getattr(whole, part) != getattr(moved, part)


def test_evidence_on_the_market_model_would_show_a_leak() -> None:
    """δ of the panel's rows moves with the bars before them; those of the last horizon have no row."""
    window = windows()[0].until(CUT).last(756)
    known = trained(window, ("har", "xgboost")).deltas["xgboost"]
    for back, same in ((15, True), (60, False)):
        features = window.features.copy()
        features[-back:] += 0.01
        moved = trained(dataclasses.replace(window, features=features), ("har", "xgboost")).deltas["xgboost"]
        assert (moved == known) is same


def test_pooled_labels_end_a_horizon_before_the_origin() -> None:
    """The rows that a ticker adds to the pool are those of a shorter history and then newer rows: none is labelled early."""
    window = windows()[1]
    longer, shorter = (training_panel(window.until(stop), HORIZON) for stop in (CUT, CUT - 2 * HORIZON))
    count = len(shorter.weeks)
    assert count < len(longer.weeks)
    np.testing.assert_array_equal(longer.weeks[:count], shorter.weeks)
    np.testing.assert_array_equal(longer.values[:count], shorter.values)
    last = np.flatnonzero((window.day.astype(np.int64) + 3) // 7 == longer.weeks[-1])[-1]
    assert last + HORIZON < CUT
