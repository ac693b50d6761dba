"""An ARMA process in plain NumPy: its innovations, its forecasts and their error variance, from given parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from records import Floats


@dataclass(frozen=True, slots=True, eq=False)
class ArmaProcess:
    """y_t − mean = Σ ar_i (y_{t−i} − mean) + e_t + Σ ma_j e_{t−j}, e of variance `variance`; Box and Jenkins (1970).

    `ar` has shape (p,), `ma` (q,).
    """

    mean: float
    ar: Floats
    ma: Floats
    variance: float

    def innovations(self, series: Floats) -> Floats:
        """One-step errors given the series' own past, shape (n,), started from zero before the first value.

        The start is forgotten at the rate of the largest root of the MA part; with hundreds of values before the last, its
        trace is below rounding unless the process is all but non-invertible.
        """
        deviation = series - self.mean
        error = deviation.copy()
        for lag, weight in enumerate(self.ar, start=1):
            error[lag:] -= weight * deviation[:-lag]
        error[: len(self.ar)] = 0.0
        if len(self.ma):
            weights = self.ma.tolist()
            values = error.tolist()
            for t in range(1, len(values)):
                for lag, weight in enumerate(weights[:t], start=1):
                    values[t] -= weight * values[t - lag]
            error = np.array(values)
        return error

    def forecast(self, series: Floats, steps: int) -> Floats:
        """Expectation of the next `steps` values after the series' last, shape (steps,)."""
        path: Floats = self.forecast_path(series, self.innovations(series), steps)[:, -1]
        return path

    def forecast_path(self, series: Floats, innovations: Floats, steps: int) -> Floats:
        """Expectation of the next `steps` values after each value of the series, shape (steps, n)."""
        n = len(series)
        deviation = series - self.mean
        past = [_lagged(deviation, lag) for lag in range(len(self.ar))]
        errors = [_lagged(innovations, lag) for lag in range(len(self.ma))]
        path = np.empty((steps, n))
        for step in range(steps):
            value = np.zeros(n)
            for weight, lagged in zip(self.ar, past, strict=True):
                value += weight * lagged
            for weight, lagged in zip(self.ma[step:], errors, strict=False):
                value += weight * lagged
            path[step] = value
            past = [value, *past][: len(self.ar)]
        return path + self.mean

    def error_variance(self, steps: int) -> Floats:
        """Variance of the error of forecasts 1 … `steps` ahead, (steps,): σ² times the summed squares of the ψ weights."""
        psi = np.zeros(steps)
        psi[0] = 1.0
        for step in range(1, steps):
            psi[step] = self.ma[step - 1] if step <= len(self.ma) else 0.0
            for lag, weight in enumerate(self.ar[:step], start=1):
                psi[step] += weight * psi[step - lag]
        accumulated: Floats = self.variance * np.cumsum(psi**2)
        return accumulated


def _lagged(values: Floats, lag: int) -> Floats:
    """`values` moved `lag` places later, zeros before."""
    return np.concatenate([np.zeros(lag), values[: len(values) - lag]])
