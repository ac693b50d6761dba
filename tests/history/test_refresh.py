"""What a refreshed row rests on: less work than a training's window takes, and the same bytes."""

from __future__ import annotations

import numpy as np
import pytest

from history.features import FEATURE_NAMES, MARK_FEATURES
from history.forecasting import training_job
from history.ticker_state import BLOCK_BARS
from history.windows import window_of
from models.serving import FEATURE_BARS, MARK_BARS, load_trained, make_forecast
from models.training import train_ticker
from records import encode_forecast
from settings import Settings
from tests.made.bars import scaled, walk
from tests.made.histories import SMALL, backfill, due_of


@pytest.mark.parametrize("count", [30, 126, 400, 1300])
def test_a_window_with_late_features_alone_has_the_same_bits(count: int) -> None:
    state = backfill(scaled(walk(count), slice(count // 2, None), 0.2))
    for bars in (20, 126, 250):
        whole, late = window_of(state, 250), window_of(state, 250, feature_bars=bars)
        for name in ("day", "close", "log_return", "range_variance"):
            assert getattr(late, name).tobytes() == getattr(whole, name).tobytes(), name
        assert late.features[-bars:].tobytes() == whole.features[-bars:].tobytes()
        assert np.isnan(late.features[:-bars]).all()


@pytest.mark.parametrize("count", [30, 126, 400, 1300])
@pytest.mark.parametrize("bars", [20, 126])
def test_earlier_bars_may_have_marks_alone(count: int, bars: int) -> None:
    state = backfill(scaled(walk(count), slice(count // 2, None), 0.2))
    whole, late = window_of(state, 250), window_of(state, 250, feature_bars=bars, mark_bars=220)
    assert late.features[-bars:].tobytes() == whole.features[-bars:].tobytes()
    for name in MARK_FEATURES:
        assert late.column(name)[-220:].tobytes() == whole.column(name)[-220:].tobytes(), name
    others = [name for name in FEATURE_NAMES if name not in MARK_FEATURES]
    assert np.isnan(late.columns(others)[: -bars - BLOCK_BARS]).all()
    assert np.isnan(late.features[:-220]).all()
    for name in ("log_return", "range_variance"):
        assert getattr(late, name).tobytes() == getattr(whole, name).tobytes(), name


@pytest.mark.slow
def test_no_model_looks_at_earlier_features_when_it_forecasts() -> None:
    chosen = Settings(lookback=630, minimum_bars=630, history_bars=882)
    state = backfill(walk(700, 3), chosen)
    loaded = load_trained(train_ticker(training_job(state, due_of(state), chosen)))
    assert set(loaded.models) == set(chosen.models)
    rows = {
        encode_forecast(make_forecast(window, loaded, horizon=21, settings_hash="hash", minimum_bars=630))
        for window in (window_of(state, 630), window_of(state, 630, feature_bars=FEATURE_BARS, mark_bars=MARK_BARS))
    }
    assert len(rows) == 1


def test_a_row_without_a_model_needs_no_more() -> None:
    state = backfill(walk(400, 3))
    rows = {
        encode_forecast(make_forecast(window, None, horizon=21, settings_hash="hash", minimum_bars=504))
        for window in (
            window_of(state, SMALL.history_bars),
            window_of(state, SMALL.history_bars, feature_bars=FEATURE_BARS, mark_bars=MARK_BARS),
        )
    }
    assert len(rows) == 1
