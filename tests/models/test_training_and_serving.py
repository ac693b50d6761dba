"""From a job to a row: determinism, storage, fallbacks, intervals."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from dataclasses import fields, replace

import msgspec
import numpy as np
import pytest
from scipy.stats import t as student

from errors import DegenerateSeriesError, SchemaError, StateCorruptError, TooFewBarsError
from models import ARIMA, LSTMModel, ModelSelector, XGBoostModel
from models.candidates.har import HarModel
from models.candidates.registry import MODELS
from models.contract import HorizonForecast, Window
from models.historical import historical_estimate, shrunk_mean
from models.intervals import empirical_tails, return_bounds
from models.results import TrainedTicker, TrainingJob, decode_trained, encode_trained
from models.serving import load_trained, make_forecast
from models.training import train_ticker
from records import Forecast, decode_forecast, encode_forecast
from tests.conftest import ROOT
from tests.models.windows import simulated_window, window_of_columns
from tests.waiting import PATIENCE_SECONDS

#: What makes OpenBLAS choose other kernels than the processor suggests: the last digits are those of the kernels.
KERNELS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")

HORIZON = 21


def job(window: Window, models: tuple[str, ...] = tuple(MODELS)) -> TrainingJob:
    return TrainingJob(
        window=window, digest=b"digest", horizon=HORIZON, seed=0, models=models, minimum_bars=504, settings_hash="hash"
    )


def serve(window: Window, trained: TrainedTicker | None, reason: str | None = None) -> Forecast:
    return make_forecast(window, trained, horizon=HORIZON, settings_hash="hash", minimum_bars=504, reason=reason)


@pytest.fixture(scope="module")
def history() -> Window:
    return simulated_window(900, seed=8)


@pytest.fixture(scope="module")
def trained(history: Window) -> TrainedTicker:
    return train_ticker(job(history.until(756)))


class TestTraining:
    def test_all_candidates_are_kept(self, trained: TrainedTicker, history: Window) -> None:
        assert list(trained.models) == list(MODELS)
        assert trained.failures == ()
        assert trained.combination is not None
        assert trained.combination.names <= set(MODELS)
        assert trained.cutoff == history.day[755]
        assert trained.bars_used == 756

    @pytest.mark.slow
    def test_equal_jobs_give_equal_bytes_in_any_process(self, trained: TrainedTicker) -> None:
        """Two fresh interpreters with hash seeds of their own, one with the threads that the pool does not give."""
        code = """
import hashlib
from tests.models.windows import simulated_window
from tests.models.test_training_and_serving import job
from models.results import encode_trained
from models.training import train_ticker
print(hashlib.sha256(encode_trained(train_ticker(job(simulated_window(900, seed=8).until(756))))).hexdigest())
"""
        digests = set()
        for hash_seed in ("1", "2"):
            kernels = {name: value for name, value in os.environ.items() if name in KERNELS}
            environment = kernels | {"PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": hash_seed}
            run = subprocess.run(
                [sys.executable, "-c", code],
                check=True,
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                timeout=PATIENCE_SECONDS,
            )
            digests.add(run.stdout)
        digests.add(hashlib.sha256(encode_trained(trained)).hexdigest() + "\n")
        assert len(digests) == 1

    def test_equal_jobs_give_equal_bytes(self, trained: TrainedTicker) -> None:
        again = train_ticker(job(simulated_window(900, seed=8).until(756)))
        assert encode_trained(again) == encode_trained(trained)

    def test_a_short_history_is_a_result_with_reasons(self) -> None:
        result = train_ticker(job(simulated_window(300)))
        assert result.combination is None
        assert {step.model for step in result.failures} == set(MODELS)
        assert all("300 bars" in step.reason for step in result.failures)

    def test_a_constant_price_is_a_result_with_reasons(self) -> None:
        flat = np.full(800, 20.0)
        window = window_of_columns("FLAT", 14_000 + np.arange(800), flat, flat, flat, flat, flat)
        result = train_ticker(job(window))
        assert result.models == {}
        assert {step.model for step in result.failures} == set(MODELS)

    def test_stored_and_read_back(self, trained: TrainedTicker) -> None:
        payload = encode_trained(trained)
        assert encode_trained(decode_trained(payload)) == payload

    def test_newer_and_damaged_are_refused(self, trained: TrainedTicker) -> None:
        document = msgspec.msgpack.decode(encode_trained(trained)) | {"schema_version": 99, "surprise": 1}
        with pytest.raises(SchemaError, match="99"):
            decode_trained(msgspec.msgpack.encode(document))
        with pytest.raises(StateCorruptError, match="train them again"):
            decode_trained(encode_trained(trained)[:100])


class TestServing:
    def test_row_of_the_selected_models(self, trained: TrainedTicker, history: Window) -> None:
        window = history.until(756)
        row = serve(window, trained)
        assert row.fallback is None
        assert trained.combination is not None
        names = (trained.combination.return_model, trained.combination.volatility_model)
        assert (row.return_model, row.volatility_model) == names
        by_return, by_volatility = (MODELS[name].from_bytes(trained.models[name]) for name in names)
        assert row.annual_return == pytest.approx(by_return.forecast(window).horizon_return * 252 / HORIZON)
        own = MODELS["har"].from_bytes(trained.models["har"]).forecast(window).daily_variance
        share = trained.combination.volatility_weight if trained.combination.volatility_model != "har" else 1.0
        served = own * (by_volatility.forecast(window).daily_variance / own) ** share
        assert row.annual_volatility == pytest.approx(math.sqrt(252 * served))
        assert row.as_of == window.as_of
        assert row.last_close == window.close[-1]
        assert row.candidates == trained.candidates
        assert decode_forecast(encode_forecast(row)) == row

    def test_bounds_are_nested_around_the_expectation(self, trained: TrainedTicker, history: Window) -> None:
        row = serve(history, trained)
        bounds = [row.lower_95, row.lower_80, (row.annual_return or 0) * HORIZON / 252, row.upper_80, row.upper_95]
        assert bounds == sorted(bounds)
        assert (row.lower_95 or -1) > -1.0

    def test_row_is_refreshed_by_new_bars_without_training(self, trained: TrainedTicker, history: Window) -> None:
        loaded = load_trained(encode_trained(trained))
        rows = [
            make_forecast(history.until(stop), loaded, horizon=HORIZON, settings_hash="hash", minimum_bars=504)
            for stop in (756, 770, 900)
        ]
        assert len({row.annual_volatility for row in rows}) == 3
        assert len({row.annual_return for row in rows}) == 3
        assert {row.training_cutoff for row in rows} == {rows[0].as_of}

    def test_young_ticker_gets_the_historical_estimate_and_the_reason(self, caplog: pytest.LogCaptureFixture) -> None:
        window = simulated_window(196, warm=0)
        row = serve(window, None)
        expected = historical_estimate(window.log_return)
        assert row.annual_return == 252 * shrunk_mean(window.log_return).daily_return
        assert row.annual_volatility == expected.annual_volatility
        assert row.fallback == row.return_model == row.volatility_model == "historical"
        assert row.fallbacks[0].reason == "196 bars, training needs 504"
        assert "196 bars" in caplog.text

    def test_given_reason_stands_in_the_row(self, history: Window) -> None:
        assert serve(history, None, reason="training timed out").fallbacks[0].reason == "training timed out"

    def test_newborn_ticker_has_no_numbers_but_reasons(self) -> None:
        row = serve(simulated_window(5, warm=0), None)
        assert row.annual_return is None
        assert row.upper_95 is None
        assert row.fallback is None
        assert [step.model for step in row.fallbacks] == ["trained", "historical"]

    def test_failing_candidates_lead_to_the_fallback(self) -> None:
        window = simulated_window(600)
        result = train_ticker(job(simulated_window(300)))
        row = serve(window, result)
        assert row.fallback == "historical"
        assert {step.model for step in row.fallbacks} == set(MODELS)

    @pytest.mark.parametrize(
        "answer", [HorizonForecast(float("nan"), 1e-4), HorizonForecast(0.01, float("inf")), HorizonForecast(0.01, 0.0)]
    )
    def test_an_answer_that_is_no_number_is_not_served(
        self, trained: TrainedTicker, history: Window, answer: HorizonForecast
    ) -> None:
        class Broken(HarModel):
            def forecast(self, window: Window) -> HorizonForecast:
                return answer

        loaded = load_trained(trained)
        sound = loaded.models["har"]
        broken = Broken(**{field.name: getattr(sound, field.name) for field in fields(sound)})
        row = serve(history, replace(loaded, models=loaded.models | {"har": broken}))
        assert row.fallback == "historical"
        assert any("har produced a NaN or infinite forecast" in step.reason for step in row.fallbacks)
        assert row.annual_return is not None
        assert abs(row.annual_return) < 1.0

    def test_frozen_price_falls_back_with_the_models_reason(self, trained: TrainedTicker, history: Window) -> None:
        log_return = history.log_return.copy()
        log_return[-30:] = 0.0
        frozen = Window("SIM", history.day, history.close, log_return, *_rest(history))
        row = serve(frozen, trained)
        assert row.fallback == "historical"
        assert {step.model for step in row.fallbacks} == set(MODELS)
        assert "not moved" in row.fallbacks[-1].reason


def _rest(window: Window) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    return window.range_variance, window.features, window.feature_names


class TestBaseline:
    def test_estimate_by_hand(self, rng: np.random.Generator) -> None:
        log_return = rng.normal(0.0005, 0.01, 500)
        annual_return, annual_volatility, standard_error = historical_estimate(np.concatenate([[np.nan], log_return]))
        assert annual_return == pytest.approx(252 * np.expm1(log_return).mean())
        assert annual_volatility == pytest.approx(log_return.std(ddof=1) * math.sqrt(252))
        assert standard_error == pytest.approx(np.expm1(log_return).std(ddof=1) / math.sqrt(500) * 252)

    def test_too_few_and_constant_are_refused(self) -> None:
        with pytest.raises(TooFewBarsError, match="19 returns"):
            historical_estimate(np.full(19, 0.01))
        with pytest.raises(DegenerateSeriesError):
            historical_estimate(np.zeros(100))

    def test_the_more_is_known_the_less_is_shrunk(self, rng: np.random.Generator) -> None:
        log_return = rng.normal(0.001, 0.02, 4000)
        weights = [shrunk_mean(log_return[:n]).weight for n in (100, 756, 4000)]
        assert 0 < weights[0] < weights[1] < weights[2] < 1
        estimate = shrunk_mean(log_return)
        assert estimate.daily_return == pytest.approx(estimate.weight * np.expm1(log_return).mean())


class TestBounds:
    def test_students_without_residuals(self) -> None:
        lower, upper, _, _ = return_bounds(0.01, 1e-4, 21, None)
        deviation = math.sqrt(21e-4)
        assert math.log1p(upper) - math.log1p(lower) == pytest.approx(2 * student.ppf(0.9, 8) * math.sqrt(6 / 8) * deviation)
        assert (math.log1p(upper) + math.log1p(lower)) / 2 == pytest.approx(math.log(1.01) - deviation**2 / 2)

    def test_few_residuals_say_nothing(self, rng: np.random.Generator) -> None:
        assert empirical_tails(tuple(rng.standard_normal(19))) is None

    def test_wider_with_fat_tailed_residuals(self, rng: np.random.Generator) -> None:
        normal = return_bounds(0.01, 1e-4, 21, None)
        fat = return_bounds(0.01, 1e-4, 21, empirical_tails(tuple(rng.standard_t(2, 40))))
        assert fat[2] < normal[2] < normal[3] < fat[3]

    def test_errors_without_measure_give_finite_bounds(self) -> None:
        """A pegged price that wakes leaves errors of hundreds of the deviations that its calm promised."""
        _, _, lower, upper = return_bounds(0.01, 1e-2, 21, empirical_tails((0.1,) * 20 + (800.0,) * 20))
        assert -1.0 < lower < upper < 10.0

    @pytest.mark.parametrize("variance", [1e-4, 4e-4])
    def test_they_cover_what_they_say(self, variance: float, rng: np.random.Generator) -> None:
        """On average over validations of 36 origins each, where errors of the volatility make the tails fat."""
        errors = math.sqrt(6 / 8) * rng.standard_t(8, (201, 2000))
        growth = np.expm1(-0.5 * 21 * variance + math.sqrt(21 * variance) * errors[0])[:, None]
        tails = [empirical_tails(tuple(part[:36])) for part in errors[1:]]
        bounds = np.array([return_bounds(0.0, variance, 21, tail) for tail in tails])
        for lower, upper, coverage in ((0, 1, 0.80), (2, 3, 0.95)):
            inside = (growth > bounds[:, lower]) & (growth < bounds[:, upper])
            assert inside.mean() == pytest.approx(coverage, abs=0.02)


def test_the_names_of_the_specification_train_and_forecast(history: Window) -> None:
    for model in (LSTMModel, ARIMA, XGBoostModel, ModelSelector):
        assert np.isfinite(model.train(history, HORIZON, 0).forecast(history).horizon_return)
