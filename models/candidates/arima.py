"""ARIMA of returns and of log range-based variance: started by statsmodels, fitted by SciPy, filtered forward without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final, Self

import numpy as np

from errors import TrainingError
from models.candidates.arma import ArmaProcess
from models.candidates.likelihood import maximum_likelihood
from models.candidates.regression import LEAST_VARIANCE, LEAST_VARIANCE_SHARE, log_level_correction
from models.conditions import require_finite, require_moving, require_trainable
from models.contract import HorizonForecast, Model, Window, horizon_variances
from records import Floats

#: Cheap and enough: daily returns hardly have any memory.
RETURN_ORDERS: Final = ((0, 0), (1, 0), (2, 0))
#: A persistent component in noise is an ARMA(1,1); with a second, faster one an ARMA(2,1); AR(5) is a week's memory.
VARIANCE_ORDERS: Final = ((1, 1), (2, 1), (5, 0))


@dataclass(frozen=True, slots=True, eq=False)
class ARIMA(Model):
    """Two ARMA processes: of daily log returns, and of the log of the day's range-based variance.

    The horizon's expected simple return is exp(Σ expected log returns + half of the horizon's variance) − 1. The expected
    variance is the mean over the horizon of the log-normal expectation exp(m + s²/2), with s² the variance of the forecast
    error. It is multiplied by the ratio of squared returns to range-based variance found in training.
    """

    name: ClassVar[str] = "arima"
    version: ClassVar[int] = 1
    minimum_bars: ClassVar[int] = 189
    context_bars: ClassVar[int] = 756
    preload: ClassVar[tuple[str, ...]] = ("statsmodels.tsa.arima.model",)

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
        path = _expected_variance(
            process.forecast_path(series, process.innovations(series), horizon), _half_error_variance(process, horizon)
        )
        realised = horizon_variances(window.log_return, horizon)[1:]
        # The filter needs some bars to forget its start.
        rows = np.isfinite(realised) & (np.arange(len(realised)) >= horizon)
        least = LEAST_VARIANCE_SHARE * realised[rows].mean()
        residual = np.log(np.maximum(realised[rows], least)) - np.log(path[rows])
        return cls(horizon, returns, process, floor, log_level_correction(residual))

    def forecast(self, window: Window) -> HorizonForecast:
        """See `Model.forecast`."""
        require_moving(window, self.name)
        known = _from_second(window.last(self.context_bars))
        require_finite(known, self.name)
        path = self.log_variance.forecast(self._log_variances(known), self.horizon)
        variance = _expected_variance(path, self._half_error) * self._scale
        return self._forecast(np.add.reduce(self.returns.forecast(known.log_return, self.horizon)), float(variance))

    def forecasts(self, window: Window, rows: Sequence[int]) -> list[HorizonForecast]:
        """See `Model.forecasts`; one pass of the filters serves all rows that see the window's first bar."""
        if len(window) > self.context_bars:
            return super().forecasts(window, rows)
        for row in rows:
            require_moving(window.until(row + 1), self.name)
        known = _from_second(window)
        require_finite(known, self.name)
        return self._forecasts(known, [row - (len(window) - len(known)) for row in rows])

    def _forecasts(self, known: Window, rows: Sequence[int]) -> list[HorizonForecast]:
        """After each of the bars `rows` of a window without a missing return."""
        series = self._log_variances(known)
        path = self.log_variance.forecast_path(series, self.log_variance.innovations(series), self.horizon, rows)
        variances = _expected_variance(path, self._half_error) * self._scale
        innovations = self.returns.innovations(known.log_return)
        totals = self.returns.forecast_path(known.log_return, innovations, self.horizon, rows).sum(axis=0)
        return [self._forecast(total, variance) for total, variance in zip(totals, variances, strict=True)]

    @cached_property
    def _half_error(self) -> Floats:
        """The same for every row that this model forecasts."""
        return _half_error_variance(self.log_variance, self.horizon)

    @cached_property
    def _scale(self) -> float:
        return float(np.exp(self.log_scale))

    def _log_variances(self, known: Window) -> Floats:
        return np.log(np.maximum(known.range_variance, self.floor))

    def _forecast(self, total: float, variance: float) -> HorizonForecast:
        """From the sum of expected log returns over the horizon and the expected daily variance."""
        return HorizonForecast(float(np.expm1(total + 0.5 * self.horizon * variance)), float(variance))


def _from_second(window: Window) -> Window:
    """The window without a history's first bar, which has no return."""
    return window if np.isfinite(window.log_return[0]) else window.part(1, len(window))


def _half_error_variance(process: ArmaProcess, horizon: int) -> Floats:
    """Half of the variance of the forecast error 1 … `horizon` bars ahead, shape (horizon,)."""
    half: Floats = 0.5 * process.error_variance(horizon)
    return half


def _expected_variance(log_path: Floats, half_error: Floats) -> Floats:
    """Mean over the horizon of the expected daily variance, shape (…), from expected logs of shape (horizon, …)."""
    error = half_error if log_path.ndim == 1 else half_error[:, None]
    variance: Floats = np.add.reduce(np.exp(log_path + error), axis=0) / len(log_path)
    return variance


def _fit(series: Floats, orders: tuple[tuple[int, int], ...], ticker: str) -> ArmaProcess:
    """The process of the order with the least AICc among cheap estimates; with an MA part, then by exact maximum likelihood.

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
    return maximum_likelihood(series, best) if len(best.ma) else best


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
