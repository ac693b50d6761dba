"""What every model must fulfil, one check at a time over all of them."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from errors import DegenerateSeriesError, SchemaError, StateCorruptError, TooFewBarsError
from models.candidates.registry import CONTEXT_BARS, MODELS
from models.contract import Model, Window
from models.packing import pack
from tests.conftest import ROOT
from tests.models.windows import simulated_columns, simulated_window, window_of_columns
from tests.waiting import PATIENCE_SECONDS

HORIZON = 21


@pytest.fixture(scope="module")
def history() -> Window:
    """900 bars: models are trained on the first 756 and asked later, too."""
    return simulated_window(900, seed=1)


@pytest.fixture(scope="module", params=list(MODELS))
def model_type(request: pytest.FixtureRequest) -> type[Model]:
    return MODELS[request.param]


@pytest.fixture(scope="module")
def model(model_type: type[Model], history: Window) -> Model:
    return model_type.train(history.until(756), HORIZON, seed=3)


def test_forecast_is_finite_positive_and_sane(model: Model, history: Window) -> None:
    for stop in (756, 757, 800, 900):
        answer = model.forecast(history.until(stop))
        assert -0.5 < answer.horizon_return < 0.5
        annual_volatility = math.sqrt(answer.daily_variance * 252)
        assert 0.02 < annual_volatility < 2.0


def test_many_rows_at_once_are_forecast_as_one_by_one(model: Model, history: Window) -> None:
    known = history.until(756)
    rows = [400, 410, 600, 755]
    together = model.forecasts(known, rows)
    for row, found in zip(rows, together, strict=True):
        alone = model.forecast(known.until(row + 1))
        assert found.horizon_return == pytest.approx(alone.horizon_return, rel=1e-10)
        assert found.daily_variance == pytest.approx(alone.daily_variance, rel=1e-10)


def test_name_and_needs_are_declared(model_type: type[Model]) -> None:
    assert MODELS[model_type.name] is model_type
    assert 63 < model_type.minimum_bars <= 252, "a window of the least trainable length must leave half to validate on"
    assert model_type.context_bars <= CONTEXT_BARS <= 756, "a refresh gets no more than the look-back"


def test_too_short_history_is_refused_by_name(model_type: type[Model]) -> None:
    with pytest.raises(TooFewBarsError, match=r"SIM: \d+ bars.*needs \d+"):
        model_type.train(simulated_window(model_type.minimum_bars - 1), HORIZON, seed=0)


def test_shortest_young_history_trains_or_says_too_few(model_type: type[Model]) -> None:
    """A history that begins with the window: long features are missing at its start."""
    young = simulated_window(model_type.minimum_bars + 40, warm=0)
    try:
        answer = model_type.train(young, HORIZON, seed=0).forecast(young)
    except TooFewBarsError:
        return
    assert np.isfinite([answer.horizon_return, answer.daily_variance]).all()
    assert answer.daily_variance > 0


def test_young_history_of_two_years_trains(model_type: type[Model]) -> None:
    young = simulated_window(504, warm=0)
    answer = model_type.train(young, HORIZON, seed=0).forecast(young)
    assert 0.02 < math.sqrt(answer.daily_variance * 252) < 2.0


def test_constant_price_is_degenerate(model_type: type[Model]) -> None:
    n = 800
    flat = np.full(n, 20.0)
    window = window_of_columns("FLAT", 14_000 + np.arange(n), flat, flat, flat, flat, np.full(n, 1000.0))
    with pytest.raises(DegenerateSeriesError, match="FLAT"):
        model_type.train(window, HORIZON, seed=0)


def test_frozen_price_is_not_forecast(model: Model) -> None:
    """Delisted or halted: an ordinary history, then one price for two months."""
    columns = list(simulated_columns(1000, seed=1))
    for column in columns[1:5]:
        column[960:] = columns[4][959]
    window = window_of_columns("SIM", *columns)
    with pytest.raises(DegenerateSeriesError, match=r"SIM.*not moved"):
        model.forecast(window)


def test_missing_returns_are_refused(model_type: type[Model], history: Window) -> None:
    log_return = history.log_return.copy()
    log_return[100] = np.nan
    with pytest.raises(DegenerateSeriesError, match="not a number"):
        model_type.train(dataclasses.replace(history, log_return=log_return), HORIZON, seed=0)


def test_same_seed_same_bytes(model_type: type[Model], model: Model, history: Window) -> None:
    assert model_type.train(history.until(756), HORIZON, seed=3).to_bytes() == model.to_bytes()


def test_training_ends_with_its_window(model_type: type[Model], model: Model) -> None:
    """What comes later, however wild, changes neither the model nor its forecast by a bit."""
    columns = list(simulated_columns(900 + 260, seed=1))
    rng = np.random.default_rng(5)
    for column in columns[1:]:
        column[260 + 756 :] *= rng.uniform(2.0, 3.0)
    altered = window_of_columns("SIM", *columns).last(900)
    again = model_type.train(altered.until(756), HORIZON, seed=3)
    assert again.to_bytes() == model.to_bytes()
    assert again.forecast(altered.until(756)) == model.forecast(simulated_window(900, seed=1).until(756))


def test_inputs_are_not_mutated(model_type: type[Model], history: Window) -> None:
    names = ("day", "close", "log_return", "range_variance", "features")
    before = {name: getattr(history, name).tobytes() for name in names}
    model_type.train(history, HORIZON, seed=0).forecast(history)
    assert {name: getattr(history, name).tobytes() for name in names} == before


def test_read_only_arrays_are_enough(model_type: type[Model]) -> None:
    window = simulated_window(756, seed=1)
    for name in ("day", "close", "log_return", "range_variance", "features"):
        array = getattr(window, name).copy()
        array.flags.writeable = False
        window = dataclasses.replace(window, **{name: array})
    model_type.train(window, HORIZON, seed=0).forecast(window)


def test_saved_and_loaded_to_the_bit(model_type: type[Model], model: Model, history: Window) -> None:
    payload = model.to_bytes()
    loaded = model_type.from_bytes(payload)
    assert loaded.to_bytes() == payload
    for stop in (756, 900):
        assert loaded.forecast(history.until(stop)) == model.forecast(history.until(stop))
    assert loaded.to_bytes() == payload, "what a forecast keeps for the next is no part of the model"


def test_newer_schema_is_refused(model_type: type[Model], model: Model) -> None:
    document = msgspec.msgpack.decode(model.to_bytes())
    document["schema_version"] += 1
    with pytest.raises(SchemaError, match="upgrade"):
        model_type.from_bytes(msgspec.msgpack.encode(document))


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b"\xc1" + b[1:], lambda b: b"\x80"])
def test_damaged_bytes_are_refused(model_type: type[Model], model: Model, damage) -> None:
    with pytest.raises(StateCorruptError, match="train it again"):
        model_type.from_bytes(damage(model.to_bytes()))


def test_another_models_bytes_are_refused(model_type: type[Model], history: Window) -> None:
    other = next(m for m in MODELS.values() if m is not model_type)
    payload = other.train(history.until(756), HORIZON, seed=3).to_bytes()
    with pytest.raises(StateCorruptError, match="expected"):
        model_type.from_bytes(payload)


def test_context_bars_suffice(model: Model, history: Window) -> None:
    for stop in (780, 900):
        known = history.until(stop)
        assert model.forecast(known.last(model.context_bars)) == model.forecast(known)


def test_forecast_depends_on_what_it_is_given(model: Model, history: Window) -> None:
    answers = [model.forecast(history.until(stop)) for stop in range(756, 900, 12)]
    assert len({a.horizon_return for a in answers}) == len(answers)
    assert len({a.daily_variance for a in answers}) == len(answers)


def test_forecast_follows_a_rise_in_volatility(model: Model) -> None:
    columns = list(simulated_columns(1000, seed=1))
    calm = model.forecast(window_of_columns("SIM", *columns)).daily_variance
    open_, high, low, close = (np.log(c) for c in columns[1:5])
    center = close[960]
    for values in (open_, high, low, close):
        values[960:] = center + 3.0 * (values[960:] - center)
    wild = window_of_columns("SIM", columns[0], *(np.exp(v) for v in (open_, high, low, close)), columns[5])
    assert model.forecast(wild).daily_variance > 1.5 * calm


def test_one_outlier_does_not_set_the_level(model_type: type[Model]) -> None:
    """A fall of 80 % two years ago: forecasts stay within a factor of two in volatility."""
    columns = list(simulated_columns(1016, seed=1))
    before = window_of_columns("SIM", *columns).last(756)
    for column in columns[1:5]:
        column[500:] *= 0.2
    after = window_of_columns("SIM", *columns).last(756)
    usual = model_type.train(before, HORIZON, seed=0).forecast(before)
    shaken = model_type.train(after, HORIZON, seed=0).forecast(after)
    assert 0.25 < shaken.daily_variance / usual.daily_variance < 4.0
    assert abs(shaken.horizon_return * 252 / HORIZON) < 1.0


def test_forecasting_loads_no_training_library(model_type: type[Model], model: Model, history: Window, tmp_path: Path) -> None:
    stored, known = tmp_path / "model", tmp_path / "window"
    stored.write_bytes(model.to_bytes())
    known.write_bytes(pack("window", 1, history))
    code = f"""
import sys
from models.candidates.registry import MODELS
from models.contract import Window
from models.packing import unpack
model = MODELS[{model_type.name!r}].from_bytes(open({str(stored)!r}, "rb").read())
model.forecast(unpack(open({str(known)!r}, "rb").read(), "window", 1, Window))
heavy = {{"torch", "xgboost", "statsmodels", "pandas", "scipy", "sklearn", "numba"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=PATIENCE_SECONDS)
