"""A small market model: what is planted is found out of sample, what is not there gets no weight, equal panels equal bytes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from errors import TooFewBarsError
from marketdata.calendars import library_days
from models.market.input_names import INPUT_NAMES
from models.market.model import MarketModel, label_weeks
from models.market.sequences import SEQUENCE_NAMES, STEPS
from models.market.standard import Standard
from models.pooling.terms import TERM_NAMES
from models.pretraining.cross_validation import folds, scored
from models.pretraining.panel import FitPanel, fit_panel
from models.pretraining.pretraining import fitted_model
from tests.models.windows import simulated_window

WEEKS, TICKERS, HORIZON = 80, 24, 21


@pytest.fixture(scope="module")
def panel() -> FitPanel:
    """Log variances that the terms explain, a shock to each week, one input's effect, and noise."""
    rng = np.random.default_rng(0)
    n = WEEKS * TICKERS
    week = np.repeat(2 * np.arange(WEEKS) + 2200, TICKERS)
    inputs = rng.standard_normal((n, len(INPUT_NAMES)))
    terms = rng.standard_normal((n, len(TERM_NAMES)))
    shock = np.repeat(rng.standard_normal(WEEKS), TICKERS)
    target = terms[:, :3] @ np.array([0.3, 0.3, 0.2]) + shock + 0.3 * inputs[:, 5] + 0.5 * rng.standard_normal(n)
    return FitPanel(
        tuple(f"T{k}" for k in range(TICKERS)),
        np.tile(np.arange(TICKERS), WEEKS),
        week,
        7 * week + 31,
        inputs.astype(np.float32),
        rng.standard_normal((n, STEPS, len(SEQUENCE_NAMES))).astype(np.float32),
        terms,
        target,
        0.05 * rng.standard_normal(n),
        HORIZON,
    )


@pytest.fixture(scope="module")
def model(panel: FitPanel) -> MarketModel:
    return fitted_model(panel, ["made"], seed=0)


def test_no_judged_row_shares_a_ticker_or_a_horizon_with_a_fitted_one(panel: FitPanel) -> None:
    judged_rows = np.zeros(len(panel), dtype=int)
    for fitted, judged in folds(panel):
        judged_rows += judged
        assert not set(panel.ticker[fitted]) & set(panel.ticker[judged])
        gap = np.abs(panel.week[fitted][:, None] - np.unique(panel.week[judged])[None, :]).min()
        assert gap > label_weeks(panel.horizon)
    assert (judged_rows == 1).all()


@pytest.mark.parametrize("calendar", ["XNYS", "XLON"])
def test_no_label_ends_after_its_weeks(calendar: str) -> None:
    """Holidays were not counted: one in eight labels of 63 bars reached into weeks that it was judged on."""
    week = (library_days(calendar) + 3) // 7
    for horizon in range(1, 253):
        assert (week[horizon:] - week[:-horizon]).max() <= label_weeks(horizon), horizon


def test_what_is_planted_is_found_and_what_is_not_there_is_not(model: MarketModel) -> None:
    found = model.record.scores["xgboost"]
    assert found.weight / found.error > 5.0
    assert found.r2 > 0.1
    assert found.qlike_ratio is not None
    assert found.qlike_ratio < 0.95
    nothing = model.record.return_score
    assert nothing is not None
    assert nothing.weight < 3.0 * max(nothing.error, 0.05)


@pytest.mark.slow
def test_equal_panels_give_equal_bytes(panel: FitPanel, model: MarketModel) -> None:
    assert fitted_model(panel, ["made"], seed=0).to_bytes() == model.to_bytes()
    assert fitted_model(panel, ["made"], seed=1).to_bytes() != model.to_bytes()


def test_a_shock_to_all_tickers_is_nothing_to_learn(panel: FitPanel, model: MarketModel) -> None:
    """δ that only says which week it is has no weight: all is judged within weeks."""
    error = panel.log_variance
    score = scored(np.sin(panel.week.astype(np.float64)), error, panel.week)
    assert (score.weight, score.r2) == (0.0, 0.0)
    assert dataclasses.asdict(model.record)["rows"] == len(panel)


def test_panels_hold_only_labels_that_have_ended() -> None:
    windows = [dataclasses.replace(simulated_window(600, seed=k), ticker=f"T{k}") for k in range(5)]
    found = fit_panel(windows, 21)
    assert found.label_day.max() <= windows[0].day[-1]
    assert len(set(found.tickers)) == 5
    shorter = fit_panel([window.until(560) for window in windows], 21)
    part = found.part(found.week <= shorter.week.max())
    np.testing.assert_array_equal(part.inputs, shorter.inputs)
    np.testing.assert_allclose(part.log_variance, shorter.log_variance)


def test_the_model_says_the_horizon_that_its_labels_have(panel: FitPanel, model: MarketModel) -> None:
    """A model of a quarter's labels was taken for one of 21 bars: refused where it belonged, and used where it did not."""
    quarter = fitted_model(dataclasses.replace(panel, horizon=63), ["made"], seed=0)
    assert (model.horizon, quarter.horizon) == (HORIZON, 63)
    weeks = model.record.last_week + np.array([4, 10, 20])
    assert model.has_seen("T0", weeks).tolist() == [True, False, False]
    assert quarter.has_seen("T0", weeks).tolist() == [True, True, False]


def test_an_input_that_no_row_has_is_no_warning() -> None:
    """Fits to young tickers lack the longest lookbacks."""
    standard = Standard.fit(np.array([[np.nan, 1.0], [np.nan, 3.0]]))
    assert standard.scale(np.array([[5.0, 2.0], [np.nan, 9.0]])).tolist() == [[0.0, 0.0], [0.0, pytest.approx(1.0, abs=0.03)]]


def test_too_few_tickers_say_so() -> None:
    with pytest.raises(TooFewBarsError, match="several tickers"):
        fit_panel([simulated_window(600)], 21)
