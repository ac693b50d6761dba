"""ARIMA of returns and of log range-based variance, fitted by statsmodels, filtered forward without it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np

from errors import TrainingError
from models.candidates.arma import ArmaProcess
from models.candidates.regression import LEAST_VARIANCE, LEAST_VARIANCE_SHARE, log_level_correction
from models.conditions import require_finite, require_moving, require_trainable
from models.contract import HorizonForecast, Model, Window, horizon_variances
from records import Floats

#: Cheap and enough: daily returns hardly have any memory.
RETURN_ORDERS: Final = ((0, 0), (1, 0), (2, 0))
#: A persistent component in noise is an ARMA(1,1); with a second, faster one an ARMA(2,1); AR(5) is a week's memory.
VARIANCE_ORDERS: Final = ((1, 1), (2, 1), (5, 0))
#: Relative tolerance of the likelihood's optimum; a tighter one doubles the cost and moves no forecast visibly.
LIKELIHOOD_TOLERANCE: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class ARIMA(Model):
    """Two ARMA processes: of daily log returns, and of the log of the day's range-based variance.

    The horizon's expected simple return is exp(Σ expected log returns + half of the horizon's variance) − 1; the expected
    variance is the mean over the horizon of the log-normal expectation exp(m + s²/2), s² being the forecast error's variance,
    times the ratio of squared returns to range-based variance found in training.
    """

    name: ClassVar[str] = "arima"
    version: ClassVar[int] = 1
    minimum_bars: ClassVar[int] = 189
    context_bars: ClassVar[int] = 756

    horizon: int
    returns: ArmaProcess
    log_variance: ArmaProcess
    floor: float
    log_scale: float

    @classmethod
    def train(cls, window: Window, horizon: int, seed: int) -> Self:  # noqa: ARG003 - nothing random here
        """See `Model.train`."""
        require_trainable(window, cls.minimum_bars, cls.name)
        returns = _fit(window.log_return[1:], RETURN_ORDERS, window.ticker)
        floor = max(LEAST_VARIANCE, LEAST_VARIANCE_SHARE * float(np.median(window.range_variance[1:])))
        series = np.log(np.maximum(window.range_variance[1:], floor))
        process = _fit(series, VARIANCE_ORDERS, window.ticker)
        path = _expected_variance(process, process.forecast_path(series, process.innovations(series), horizon))
        realised = horizon_variances(window.log_return, horizon)[1:]
        # The filter needs some bars to forget its start.
        rows = np.isfinite(realised) & (np.arange(len(realised)) >= horizon)
        least = LEAST_VARIANCE_SHARE * realised[rows].mean()
        residual = np.log(np.maximum(realised[rows], least)) - np.log(path[rows])
        return cls(horizon, returns, process, floor, log_level_correction(residual))

    def forecast(self, window: Window) -> HorizonForecast:
        """See `Model.forecast`."""
        require_moving(window, self.name)
        known = window.last(self.context_bars)
        if not np.isfinite(known.log_return[0]):
            known = known.part(1, len(known))
        require_finite(known, self.name)
        series = np.log(np.maximum(known.range_variance, self.floor))
        expected = _expected_variance(self.log_variance, self.log_variance.forecast(series, self.horizon)[:, None])
        daily_variance = float(expected[0] * np.exp(self.log_scale))
        total = float(self.returns.forecast(known.log_return, self.horizon).sum())
        return HorizonForecast(float(np.expm1(total + 0.5 * self.horizon * daily_variance)), daily_variance)


def _expected_variance(process: ArmaProcess, log_path: Floats) -> Floats:
    """Mean over the horizon of the expected daily variance, shape (n,), from expected logs of shape (horizon, n)."""
    error = process.error_variance(len(log_path))
    variance: Floats = np.exp(log_path + 0.5 * error[:, None]).mean(axis=0)
    return variance


def _fit(series: Floats, orders: tuple[tuple[int, int], ...], ticker: str) -> ArmaProcess:
    """The process of the order with the least AICc among cheap estimates; with an MA part, then by maximum likelihood.

    The cheap estimates are Burg's for AR and Hannan-Rissanen's (1982) for ARMA; AICc: Hurvich and Tsai (1989).
    Raises TrainingError when no order can be fitted.
    """
    best: ArmaProcess | None = None
    least = np.inf
    for order in orders:
        process = _cheap_estimate(series, order)
        if process is None:
            continue
        score = _aicc(process, series, skip=max(max(order) for order in orders))
        if score < least:
            best, least = process, score
    if best is None:
        raise TrainingError(f"{ticker}: no ARMA of orders {orders} could be fitted; the other models go on without it")
    return _by_likelihood(series, best) if len(best.ma) else best


def _cheap_estimate(series: Floats, order: tuple[int, int]) -> ArmaProcess | None:
    """Estimate of that order, or None where the method ends outside the stationary and invertible region."""
    from statsmodels.tsa.arima.estimators.burg import burg  # noqa: PLC0415 - only training loads it
    from statsmodels.tsa.arima.estimators.hannan_rissanen import hannan_rissanen  # noqa: PLC0415 - only training loads it

    p, q = order
    mean = float(series.mean())
    if p == q == 0:
        return ArmaProcess(mean, np.empty(0), np.empty(0), float(series.var()))
    try:
        estimate = (burg(series - mean, p, demean=False) if q == 0 else hannan_rissanen(series - mean, p, q, demean=False))[0]
    except (ValueError, np.linalg.LinAlgError):
        return None
    if not (estimate.is_stationary and estimate.is_invertible and np.isfinite(estimate.params).all()):
        return None
    return ArmaProcess(mean, np.array(estimate.ar_params), np.array(estimate.ma_params), float(estimate.sigma2))


def _aicc(process: ArmaProcess, series: Floats, skip: int) -> float:
    """AICc with the conditional Gaussian likelihood of all values but the first `skip`, the same for every order."""
    errors = process.innovations(series)[skip:]
    n = len(errors)
    parameters = len(process.ar) + len(process.ma) + 2
    return n * float(np.log(np.mean(errors**2))) + 2.0 * parameters * n / (n - parameters - 1)


def _by_likelihood(series: Floats, start: ArmaProcess) -> ArmaProcess:
    """Exact Gaussian maximum likelihood by the innovations algorithm (Brockwell and Davis 2016, 5.2), started from `start`."""
    from statsmodels.tsa.arima.estimators.innovations import innovations_mle  # noqa: PLC0415 - only training loads it

    order = (len(start.ar), 0, len(start.ma))
    parameters = np.concatenate([start.ar, start.ma, [start.variance]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the optimizer's; whether it got anywhere is checked below
        estimate = innovations_mle(
            series - start.mean,
            order=order,
            demean=False,
            start_params=parameters,
            minimize_kwargs={"options": {"ftol": LIKELIHOOD_TOLERANCE}},
        )[0]
    fitted = ArmaProcess(start.mean, np.array(estimate.ar_params), np.array(estimate.ma_params), float(estimate.sigma2))
    if not (estimate.is_stationary and estimate.is_invertible and np.isfinite(estimate.params).all()):
        return start
    return fitted
