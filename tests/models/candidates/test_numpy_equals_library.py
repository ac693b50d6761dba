"""The NumPy evaluations against the libraries that fitted the models."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from models.candidates.arima import ARIMA
from models.candidates.arma import ArmaProcess
from models.candidates.likelihood import maximum_likelihood, scaled_errors, standard_errors
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


@pytest.mark.parametrize("bars", [6, 7, 64, 755, 756])
@pytest.mark.parametrize("ar", [[], [0.9], [0.5, 0.3], [0.2, 0.1, 0.1, 0.1, 0.1]])
@pytest.mark.parametrize("ma", [[], [-0.87], [0.4, -0.2], [0.3, -0.2, 0.1]])
def test_the_forecast_after_the_last_value_has_the_bytes_of_the_forecasts_after_each(
    bars: int, ar: list[float], ma: list[float], rng: np.random.Generator
) -> None:
    process = ArmaProcess(-9.0, np.array(ar), np.array(ma), 0.5)
    series = rng.standard_normal(bars) - 9.0
    path = process.forecast_path(series, process.innovations(series), STEPS)
    assert process.forecast(series, STEPS).tobytes() == path[:, -1].tobytes()


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


@pytest.mark.parametrize("order", [(1, 1), (2, 1)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_likelihood_equals_statsmodels(order: tuple[int, int], seed: int) -> None:
    """The value at given parameters, and the parameters at its maximum."""
    from statsmodels.tsa.arima.estimators.innovations import innovations_mle
    from statsmodels.tsa.innovations.arma_innovations import arma_loglike

    window = simulated_window(500, seed=seed)
    series = np.log(window.range_variance)
    deviation = series - series.mean()
    n = len(series)
    ar, ma = (np.array([0.9]), -0.6) if order[0] == 1 else (np.array([1.2, -0.25]), -0.7)
    errors, log_variance = standard_errors(deviation, ar, ma)
    ours = -0.5 * (n * np.log(2 * np.pi) + n * log_variance + float(errors @ errors))
    expected = arma_loglike(deviation, ar_params=ar, ma_params=np.array([ma]), sigma2=1.0)
    assert ours == pytest.approx(expected, rel=1e-9)
    fitted = maximum_likelihood(series, ArmaProcess(float(series.mean()), ar, np.array([ma]), 1.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = innovations_mle(deviation, order=(order[0], 0, 1), demean=False)[0]
    best, theirs = (
        float(np.sum(scaled_errors(deviation, np.asarray(a), float(b)) ** 2))
        for a, b in ((fitted.ar, fitted.ma[0]), (reference.ar_params, reference.ma_params[0]))
    )
    assert best <= theirs * (1 + 1e-6)
