"""Walk-forward validation, metrics and selection."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from errors import TooFewBarsError
from models.candidates.har import HarModel
from models.candidates.registry import MODELS
from models.contract import HorizonForecast, Window, horizon_returns, horizon_variances
from models.selection.combination import best_in_validation
from models.selection.metrics import out_of_sample_r2, qlike, qlike_losses, rmse, strategy_sharpe
from models.selection.selector import ModelSelector, mixed_seed
from models.selection.walkforward import plan_folds, realised, walk_forward
from tests.models.windows import simulated_columns, simulated_window, window_of_columns

HORIZON = 21
positive = st.floats(1e-6, 1e-2)


class TestFolds:
    @given(bars=st.integers(300, 3000), horizon=st.integers(1, 63))
    def test_no_origin_before_its_training_ends_and_none_without_a_whole_horizon(self, bars: int, horizon: int) -> None:
        try:
            folds = plan_folds(bars, horizon)
        except TooFewBarsError:
            assert bars / 2 < 5 * horizon
            return
        origins = [origin for fold in folds for origin in fold.origins]
        assert origins == sorted(set(origins))
        assert origins[-1] + horizon == bars - 1, "the newest judged horizon ends with the window"
        assert all(len(fold.origins) > 1 for fold in folds)
        for fold in folds:
            # A label of the training part ends at the latest on its last bar: the embargo of one horizon.
            assert min(fold.origins) >= fold.stop - 1
        for fold, following in itertools.pairwise(folds):
            assert max(fold.origins) < following.stop - 1, "the newer model takes over as soon as it is trained"

    def test_too_short_says_so(self) -> None:
        with pytest.raises(TooFewBarsError, match="150 bars"):
            plan_folds(150, HORIZON)

    def test_realised_is_what_came_after(self) -> None:
        window = simulated_window(756)
        folds = plan_folds(756, HORIZON)
        truth = realised(window, HORIZON, folds)
        for k, origin in enumerate(truth.origin):
            assert truth.horizon_return[k] == pytest.approx(window.close[origin + HORIZON] / window.close[origin] - 1)
            following = window.log_return[origin + 1 : origin + 1 + HORIZON]
            assert truth.daily_variance[k] == pytest.approx(np.mean(following**2))


class TestNoLookAhead:
    @pytest.mark.parametrize("name", list(MODELS))
    def test_altered_later_bars_leave_earlier_validation_forecasts_alone(self, name: str) -> None:
        columns = list(simulated_columns(1016, seed=3))
        window = window_of_columns("SIM", *columns).last(756)
        folds = plan_folds(756, HORIZON)
        cut = folds[1].origins[2]
        rng = np.random.default_rng(0)
        for column in columns[1:]:
            column[260 + cut + 1 :] *= rng.uniform(1.5, 2.5)
        altered = window_of_columns("SIM", *columns).last(756)
        walks = [walk_forward(MODELS[name], w, HORIZON, 0, folds) for w in (window, altered)]
        known = len(folds[0].origins) + 3
        for field in ("horizon_return", "daily_variance"):
            first, second = (getattr(walk, field) for walk in walks)
            assert first[:known].tobytes() == second[:known].tobytes()
            assert (first[known:] != second[known:]).all()

    @given(hnp.arrays(np.float64, st.integers(30, 80), elements=st.floats(-0.2, 0.2)), st.integers(1, 25))
    def test_labels_are_the_following_bars_and_nothing_else(self, log_return: np.ndarray, horizon: int) -> None:
        returns, variances = horizon_returns(log_return, horizon), horizon_variances(log_return, horizon)
        for t in range(len(log_return)):
            if t + horizon < len(log_return):
                assert returns[t] == pytest.approx(math.expm1(log_return[t + 1 : t + horizon + 1].sum()), abs=1e-12)
                assert variances[t] == pytest.approx(np.mean(log_return[t + 1 : t + horizon + 1] ** 2), abs=1e-15)
            else:
                assert np.isnan(returns[t])
                assert np.isnan(variances[t])


class TestMetrics:
    @given(hnp.arrays(np.float64, 12, elements=positive), hnp.arrays(np.float64, 12, elements=positive))
    def test_qlike_is_zero_only_when_right(self, forecast: np.ndarray, truth: np.ndarray) -> None:
        losses = qlike_losses(forecast, truth)
        assert (losses >= -1e-12).all()
        np.testing.assert_allclose(qlike_losses(truth, truth), 0.0, atol=1e-12)

    def test_qlike_punishes_too_little_more_than_too_much(self) -> None:
        one = np.ones(1)
        assert qlike(one / 2, one) > qlike(one * 2, one)

    @given(hnp.arrays(np.float64, 30, elements=positive), st.floats(0.2, 5.0))
    def test_mean_ratio_is_the_best_scale(self, truth: np.ndarray, factor: float) -> None:
        forecast = np.full(30, 1e-4)
        best = forecast * np.mean(truth / forecast)
        assert qlike(best, truth) <= qlike(best * factor, truth) + 1e-12

    def test_r2_and_rmse_by_hand(self) -> None:
        truth, benchmark = np.array([1.0, -1.0, 3.0]), np.full(3, 1.0)
        assert rmse(benchmark, truth) == pytest.approx(math.sqrt(8 / 3))
        assert out_of_sample_r2(benchmark, truth, benchmark) == 0.0
        assert out_of_sample_r2(truth, truth, benchmark) == 1.0
        assert out_of_sample_r2(np.array([1.0, 1.0, 2.0]), truth, benchmark) == pytest.approx(1 - 5 / 8)
        assert out_of_sample_r2(truth, truth, truth) is None

    def test_sharpe_by_hand(self) -> None:
        truth = np.array([0.02, -0.01, 0.03])
        earned = np.array([0.02, 0.01, 0.03])
        expected = earned.mean() / earned.std(ddof=1) * math.sqrt(12)
        assert strategy_sharpe(np.array([1.0, -1.0, 1.0]), truth, 21) == pytest.approx(expected)
        assert strategy_sharpe(np.array([1.0]), truth[:1], 21) is None


class CrashingModel(HarModel):
    """Fails as a library would: with an error of its own."""

    name = "crashing"

    @classmethod
    def train(cls, window: Window, horizon: int, seed: int) -> HarModel:
        raise ZeroDivisionError("inside a library")


class NanModel(HarModel):
    name = "nan"

    def forecast(self, window: Window) -> HorizonForecast:
        return HorizonForecast(math.nan, 1e-4)


@pytest.fixture(scope="module")
def window() -> Window:
    return simulated_window(756, seed=6)


@pytest.fixture(scope="module")
def selector(window: Window) -> ModelSelector:
    return ModelSelector.train(window, HORIZON, 0)


class TestSelector:
    def test_every_candidate_is_scored_on_the_same_origins(self, selector: ModelSelector) -> None:
        assert [score.model for score in selector.candidates] == list(MODELS)
        assert len({score.origins for score in selector.candidates}) == 1
        assert selector.candidates[0].origins >= 2 * 9
        for score in selector.candidates:
            numbers = dataclasses_numbers(score)
            assert np.isfinite(numbers).all()
        assert selector.failures == ()

    def test_best_are_those_of_the_scores(self, selector: ModelSelector) -> None:
        assert selector.combination is not None
        by_return = min(selector.candidates, key=lambda s: s.return_rmse or math.inf).model
        by_qlike = min(selector.candidates, key=lambda s: s.qlike or math.inf).model
        assert best_in_validation(selector.candidates) == (by_return, by_qlike)
        combination = selector.combination
        assert combination.return_best == by_return or combination.return_weight > 0
        assert combination.volatility_best == by_qlike or combination.volatility_weight > 0

    def test_forecast_is_the_baseline_moved_by_the_weights(self, selector: ModelSelector, window: Window) -> None:
        plan = selector.combination
        assert plan is not None
        forecasts = {name: model.forecast(window) for name, model in selector.models.items()}
        base, best = forecasts["har"], forecasts[plan.return_best]
        expected = base.horizon_return + plan.return_weight * (best.horizon_return - base.horizon_return)
        assert selector.forecast(window).horizon_return == pytest.approx(expected)

    def test_only_the_baseline_has_no_evidence(self, selector: ModelSelector) -> None:
        for score in selector.candidates:
            assert (score.return_evidence is None) == (score.variance_evidence is None) == (score.model == "har")

    def test_residuals_are_of_order_one(self, selector: ModelSelector) -> None:
        assert len(selector.residuals) == selector.candidates[0].origins
        assert 0.3 < float(np.std(selector.residuals)) < 3.0

    @pytest.mark.parametrize("bad", [CrashingModel, NanModel])
    def test_a_failing_candidate_takes_no_other_along(self, bad, window: Window, monkeypatch, caplog) -> None:
        monkeypatch.setitem(MODELS, bad.name, bad)
        with caplog.at_level(logging.WARNING):
            selector = ModelSelector.train(window, HORIZON, 0, (bad.name, "har"))
        assert selector.combination is not None
        assert selector.combination.return_model == selector.combination.volatility_model == "har"
        assert [step.model for step in selector.failures] == [bad.name]
        assert selector.candidates[0].failure == selector.failures[0].reason
        assert f"model={bad.name}" in caplog.text

    def test_seed_is_mixed_with_ticker_cutoff_and_model(self, window: Window) -> None:
        other = dataclasses.replace(window, ticker="OTHER")
        seeds = {
            mixed_seed(0, window, "lstm"),
            mixed_seed(1, window, "lstm"),
            mixed_seed(0, window, "xgboost"),
            mixed_seed(0, other, "lstm"),
            mixed_seed(0, window.until(700), "lstm"),
        }
        assert len(seeds) == 5
        assert mixed_seed(0, window, "lstm") == mixed_seed(0, simulated_window(756, seed=6), "lstm")


def dataclasses_numbers(score: object) -> list[float]:
    names = ("return_r2", "return_rmse", "volatility_r2", "volatility_rmse", "qlike", "sharpe")
    return [float(getattr(score, name)) for name in names]
