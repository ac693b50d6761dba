"""The market model as it is shipped: its file, its bounds, and what it leaves alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import SettingsError, StateCorruptError
from models.candidates.learned import LearnedModel
from models.candidates.xgb import XGBoostModel
from models.market.model import LARGEST_DELTA, RISE, SHIPPED, MarketModel, market_model, restrained
from settings import load_settings
from tests.models.windows import simulated_window


def test_the_shipped_file_is_small_read_back_to_the_byte_and_says_what_it_was_fitted_to() -> None:
    payload = SHIPPED.read_bytes()
    model = MarketModel.from_bytes(payload)
    assert len(payload) < 300_000
    assert model.to_bytes() == payload
    record = model.record
    assert record.rows > 1000
    assert len(record.tickers) > 50
    assert {"xgboost", "lstm", "ridge", "trees"} <= set(record.scores)
    assert record.return_score is not None
    assert b"pickle" not in payload


def test_a_model_of_other_inputs_is_refused() -> None:
    other = dataclasses.replace(market_model(), input_names=("something",))
    with pytest.raises(StateCorruptError, match="pretrain"):
        MarketModel.from_bytes(other.to_bytes())


def test_a_file_that_is_missing_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MARKET_MODEL", str(tmp_path / "none"))
    market_model.cache_clear()
    try:
        with pytest.raises(SettingsError, match=r"MARKET_MODEL.*none.*pretrain"):
            market_model()
    finally:
        market_model.cache_clear()


def test_settings_know_a_market_model_by_its_content(tmp_path) -> None:
    names = [tmp_path / name for name in ("a", "b", "c")]
    for path, content in zip(names, (b"one", b"one", b"two"), strict=True):
        path.write_bytes(content)
    first, second, third = (load_settings(market_model=path).forecast_hash for path in names)
    assert first == second != third
    assert load_settings().forecast_hash not in {first, third}


def test_a_row_alone_is_scaled_and_restrained_as_among_others(rng: np.random.Generator) -> None:
    values, deltas = 2.0 * rng.standard_normal(200), rng.standard_normal(200)
    values[:3] = np.nan, np.inf, -np.inf
    scaled = market_model().standard.scale_one(RISE, values)
    together = restrained(deltas, scaled)
    for value, delta, rise, found in zip(values, deltas, scaled, together, strict=True):
        assert market_model().standard.scale_one(RISE, np.array([value])).tobytes() == rise.tobytes()
        assert restrained(np.array([delta]), np.array([rise])).tobytes() == found.tobytes()


@given(st.floats(-5, 5), st.floats(-3, 3))
def test_delta_is_bounded_and_lowers_nothing_where_variance_has_risen(delta: float, rise: float) -> None:
    found = float(restrained(np.array([delta]), np.array([rise]))[0])
    assert abs(found) <= LARGEST_DELTA
    assert found * delta >= 0.0
    if rise >= 1.5:
        assert found >= 0.0
    if delta >= 0.0 or rise <= 0.5:
        assert found == np.clip(delta, -LARGEST_DELTA, LARGEST_DELTA)


def test_both_parts_are_restrained_by_the_same_rise() -> None:
    window = simulated_window(700, seed=3)
    rows = np.arange(560, 700, 20)
    model = market_model()
    high = dataclasses.replace(model.standard, center=model.standard.center.copy())
    high.center[RISE] -= 100.0
    raised = dataclasses.replace(model, standard=high)
    assert (raised.tree_deltas(window, rows) >= 0.0).all()
    assert (raised.net_deltas(window, rows) >= 0.0).all()


def test_only_own_labels_within_the_span_of_the_fit_are_seen() -> None:
    model = market_model()
    record = model.record
    weeks = np.array(
        [record.first_week - 6, record.first_week - 3, record.last_week, record.last_week + 4, record.last_week + 6]
    )
    assert model.has_seen(record.tickers[0], weeks).tolist() == [False, True, True, True, False]
    assert not model.has_seen("NOT A TICKER", weeks).any()


def test_another_horizon_is_refused_with_what_to_do() -> None:
    from errors import TrainingError

    with pytest.raises(TrainingError, match="21 bars ahead, HORIZON is 5"):
        XGBoostModel.train(simulated_window(600), 5, seed=0)


def test_the_candidate_is_the_own_regression_times_the_models_delta() -> None:
    window = simulated_window(756, seed=4)
    model = XGBoostModel.train(window, 21, seed=0)
    assert isinstance(model, LearnedModel)
    own = model.regression.log_variance(window) + model.regression.log_scale
    delta = market_model().tree_deltas(window, np.array([755]))[0]
    assert np.log(model.forecast(window).daily_variance) == pytest.approx(own + delta)
    assert delta != 0.0
