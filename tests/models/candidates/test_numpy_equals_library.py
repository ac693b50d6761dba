"""The NumPy evaluations against the libraries that fitted the models."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.candidates.arima import ARIMA
from models.candidates.arma import ArmaProcess
from models.candidates.learning import learning_set
from models.candidates.lstm import SEQUENCE, LSTMModel, fit_net
from models.candidates.xgb import XGBoostModel, boost
from models.market.trees import TreeEnsemble
from tests.models.windows import simulated_window

STEPS = 21


def statsmodels_forecast(process: ArmaProcess, series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and error variances by statsmodels' Kalman filter at the given parameters."""
    from statsmodels.tsa.arima import model as statsmodels_arima

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the index
        reference = statsmodels_arima.ARIMA(series, order=(len(process.ar), 0, len(process.ma)), trend="c")
        result = reference.filter([process.mean, *process.ar, *process.ma, process.variance])
        prediction = result.get_forecast(STEPS)
    return np.asarray(prediction.predicted_mean), np.asarray(prediction.var_pred_mean)


@pytest.mark.parametrize(
    ("ar", "ma"), [((), ()), ((0.3,), ()), ((0.95,), (-0.7,)), ((1.2, -0.25), (-0.85,)), ((0.3, 0.1, 0.1, 0.05, 0.1), ())]
)
def test_arma_forecasts_equal_statsmodels(ar: tuple[float, ...], ma: tuple[float, ...], rng: np.random.Generator) -> None:
    process = ArmaProcess(-9.0, np.array(ar), np.array(ma), 0.6)
    series = -9.0 + np.convolve(rng.standard_normal(800), 0.9 ** np.arange(30))[:756]
    means, variances = statsmodels_forecast(process, series)
    np.testing.assert_allclose(process.forecast(series, STEPS), means, rtol=1e-9)
    np.testing.assert_allclose(process.error_variance(STEPS), variances, rtol=1e-8)


def test_trained_arima_forecasts_equal_statsmodels() -> None:
    window = simulated_window(756, seed=2)
    model = ARIMA.train(window, STEPS, seed=0)
    series = np.log(np.maximum(window.range_variance, model.floor))
    means, _ = statsmodels_forecast(model.log_variance, series)
    np.testing.assert_allclose(model.log_variance.forecast(series, STEPS), means, rtol=1e-6)
    means, _ = statsmodels_forecast(model.returns, window.log_return)
    np.testing.assert_allclose(model.returns.forecast(window.log_return, STEPS), means, rtol=1e-6, atol=1e-9)


def test_arima_variance_beats_the_mean_where_variance_persists(rng: np.random.Generator) -> None:
    """A known ARMA(1,1) of log variance: the fitted process forecasts it nearly as well as the true one."""
    true = ArmaProcess(-9.0, np.array([0.95]), np.array([-0.7]), 0.5)
    noise = rng.standard_normal(3000) * np.sqrt(true.variance)
    series = np.empty(3000)
    deviation = 0.0
    for i in range(3000):
        deviation = 0.95 * deviation + noise[i] - 0.7 * (noise[i - 1] if i else 0.0)
        series[i] = -9.0 + deviation
    from models.candidates.arima import VARIANCE_ORDERS, _fit

    fitted = _fit(series[:1500], VARIANCE_ORDERS, "SIM")
    losses = {}
    for name, process in (("true", true), ("fitted", fitted)):
        path = process.forecast_path(series, process.innovations(series), 5)[4]
        losses[name] = np.mean((series[1505:] - path[1500:-5]) ** 2)
    assert losses["fitted"] < 1.02 * losses["true"]
    assert losses["true"] < 0.95 * series[1505:].var()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_trees_equal_xgboost(seed: int) -> None:
    import xgboost

    data = learning_set(simulated_window(756, seed=seed), 21)
    inputs, targets = data.inputs[data.labelled], data.targets[data.labelled]
    booster = boost(inputs, targets[:, 1], seed)
    expected = booster.predict(xgboost.DMatrix(inputs.astype(np.float32)))
    ensemble = TreeEnsemble.of_booster(booster)
    assert expected.std() > 0.01, "trees that split on nothing would test nothing"
    np.testing.assert_allclose([ensemble.predict(row) for row in inputs], expected, rtol=1e-5, atol=2e-6)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), cut=st.sampled_from([0.0, 0.5, -1.25]))
def test_trees_send_ties_the_way_xgboost_does(seed: int, cut: float) -> None:
    """Inputs of few values: many lie exactly on a threshold."""
    import xgboost

    rng = np.random.default_rng(seed)
    inputs = rng.integers(-3, 4, (80, 3)) / 2 + cut
    booster = boost(np.repeat(inputs, 4, axis=0), np.repeat(np.sin(inputs.sum(axis=1)), 4), seed)
    expected = booster.predict(xgboost.DMatrix(inputs.astype(np.float32)))
    ensemble = TreeEnsemble.of_booster(booster)
    np.testing.assert_allclose([ensemble.predict(row) for row in inputs], expected, rtol=1e-5, atol=2e-6)


def test_lstm_equals_torch() -> None:
    import torch

    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((60, SEQUENCE, 7)), rng.standard_normal((60, 2))
    y[:, 0] += 3 * x[:, -1, 0]
    net = fit_net(x, y, x, y, seed=5)
    assert np.abs(net.head_weight).max() > 0.01, "an untrained head would test nothing"
    units = net.state_weight.shape[1]
    lstm = torch.nn.LSTM(7, units, batch_first=True)
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(torch.from_numpy(net.input_weight))
        lstm.weight_hh_l0.copy_(torch.from_numpy(net.state_weight))
        lstm.bias_ih_l0.copy_(torch.from_numpy(net.bias))
        lstm.bias_hh_l0.zero_()
        hidden = lstm(torch.from_numpy(x.astype(np.float32)))[0][:, -1].numpy()
    expected = hidden @ net.head_weight.T + net.head_bias
    np.testing.assert_allclose([net.forward(sequence) for sequence in x], expected, atol=1e-6)


def test_lstm_learns_what_can_be_learnt() -> None:
    """A target that the last inputs determine: the best weights are better than the baseline they start from."""
    rng = np.random.default_rng(0)
    x, stop_x = rng.standard_normal((120, SEQUENCE, 4)), rng.standard_normal((40, SEQUENCE, 4))
    y, stop_y = (np.column_stack([part[:, -1, 0], part[:, -1, 1]]) for part in (x, stop_x))
    net = fit_net(x, y, stop_x, stop_y, seed=1)
    error = np.mean((np.array([net.forward(s) for s in stop_x]) - stop_y) ** 2)
    assert error < 0.8 * np.mean(stop_y**2)


def test_training_leaves_torch_random_state_alone() -> None:
    import torch

    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    LSTMModel.train(simulated_window(400, seed=0), 21, seed=9)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_another_seed_is_another_learner() -> None:
    window = simulated_window(756, seed=0)
    for model in (XGBoostModel, LSTMModel):
        assert model.train(window, 21, seed=1).to_bytes() != model.train(window, 21, seed=2).to_bytes()
