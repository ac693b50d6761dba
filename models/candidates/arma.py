"""An ARMA process in plain NumPy: its innovations, its forecasts and their error variance, from given parameters."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from records import Floats

#: Coefficients below this change no value of a series.
_TINY: Final = 1e-20


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
        return _without_moving_average(self._without_autoregression(series - self.mean), self.ma.tolist())

    def forecast(self, series: Floats, steps: int) -> Floats:
        """Expectation of the next `steps` values after the series' last, shape (steps,); to the bit as `forecast_path`'s."""
        ar, ma = self._weights()
        if not (ar or ma):
            return np.full(steps, self.mean)
        deviation = (series if ma else series[max(0, len(series) - len(ar)) :]) - self.mean
        past = deviation[: -len(ar) - 1 : -1].tolist()
        errors = []
        if len(ma) == 1:
            errors = [_last_without_moving_average(self._without_autoregression(deviation), ma[0])]
        elif ma:
            errors = _without_moving_average(self._without_autoregression(deviation), ma)[: -len(ma) - 1 : -1].tolist()
        past += [0.0] * (len(ar) - len(past))  # as before the first value
        errors += [0.0] * (len(ma) - len(errors))
        return np.array(_path(past, errors, ar, ma, steps)) + self.mean

    def forecast_path(self, series: Floats, innovations: Floats, steps: int, rows: Sequence[int] | None = None) -> Floats:
        """Expectation of the next `steps` values after the values in `rows` (default: after each), shape (steps, m)."""
        deviation = series - self.mean
        chosen = np.arange(len(series)) if rows is None else np.array(rows, dtype=np.intp)
        past = [_lagged(deviation, chosen, lag) for lag in range(len(self.ar))]
        errors = [_lagged(innovations, chosen, lag) for lag in range(len(self.ma))]
        zero = np.zeros(len(chosen))
        return np.stack([zero + value for value in _path(past, errors, *self._weights(), steps)]) + self.mean

    def _without_autoregression(self, deviation: Floats) -> Floats:
        """What the AR part leaves of the deviations from the mean, shape (n,); 0 at the first p."""
        error = deviation.copy()
        for lag, weight in enumerate(self.ar.tolist(), start=1):
            later = error[lag:]
            later -= weight * deviation[:-lag]
        error[: len(self.ar)] = 0.0
        return error

    def _weights(self) -> tuple[list[float], list[float]]:
        return self.ar.tolist(), self.ma.tolist()

    def error_variance(self, steps: int) -> Floats:
        """Variance of the error of forecasts 1 … `steps` ahead, (steps,): σ² times the summed squares of the ψ weights."""
        ar, ma = self._weights()
        psi, newest = [1.0], deque([1.0], maxlen=len(ar))
        for step in range(1, steps):
            value = ma[step - 1] if step <= len(ma) else 0.0
            for weight, earlier in zip(ar, newest):  # noqa: B905 - fewer at first
                value += weight * earlier
            psi.append(value)
            newest.appendleft(value)
        accumulated: Floats = self.variance * np.add.accumulate(np.array(psi) ** 2)
        return accumulated


def _path(past: Iterable[Any], errors: list[Any], ar: list[float], ma: list[float], steps: int) -> list[Any]:
    """Expected deviations 1 … `steps` ahead, from the newest p deviations and q errors, the newest first: floats or arrays."""
    path: list[Any] = []
    if len(ar) <= 2:
        # Nearly always so, and without the inner loop in a third of its time; a missing weight is 0.
        (first, second), (last, before) = ([*values, 0.0, 0.0][:2] for values in (ar, past))
        for step in range(steps):
            last, before = first * last + second * before, last
            if step < len(ma):
                for weight, error in zip(ma[step:], errors, strict=False):
                    last = last + weight * error
            path.append(last)
        return path
    newest = deque(past, maxlen=len(ar))
    for step in range(steps):
        value = 0.0
        for weight, lagged in zip(ar, newest):  # noqa: B905 - of one length; the check takes a third of the time
            value = value + weight * lagged
        if step < len(ma):
            for weight, lagged in zip(ma[step:], errors, strict=False):
                value = value + weight * lagged
        path.append(value)
        newest.appendleft(value)
    return path


def _lagged(values: Floats, rows: np.ndarray, lag: int) -> Floats:
    """The values `lag` places before `rows`, 0 before the first."""
    return np.where(rows >= lag, values[np.maximum(rows - lag, 0)], 0.0)


def _without_moving_average(values: Floats, weights: list[float]) -> Floats:
    """The series e with e_t + Σ weights_j e_{t−j} = `values`_t, from e = 0 before the first; shape (n,).

    1 ÷ m(z) = m(−z) ÷ (m(z) m(−z)), and the new denominator has even powers only, the coefficients of Graeffe's root-squaring
    (1837). So each round doubles the lag, and a dozen rounds over the whole series take the place of a loop over its values.
    """
    result = values
    step = 1
    while step < len(values) and max(map(abs, weights), default=0.0) > _TINY:
        following = result.copy()
        for lag, weight in enumerate(weights, start=1):
            if lag * step < len(values):
                following[lag * step :] += (weight if lag % 2 == 0 else -weight) * result[: -lag * step]
        result = following
        weights = _root_squared(weights)
        step *= 2
    return result


def _last_without_moving_average(values: Floats, weight: float) -> float:
    """The last value of `_without_moving_average` of a single weight, to the bit; 0 of no values.

    Each round doubles the lag, so the last value rests on every second place of the round before.
    """
    weights: list[float] = []
    while 1 << len(weights) < len(values) and abs(weight) > _TINY:
        weights.append(weight)
        weight = -weight * weight
    # So many rounds reach back to the last 2^rounds values; before the first of all there are zeros.
    result = np.zeros(1 << len(weights))
    known = values[-len(result) :]
    result[len(result) - len(known) :] = known
    for factor in weights:
        result = result[1::2] - factor * result[::2]
    return float(result[0])


def _root_squared(weights: list[float]) -> list[float]:
    """Coefficients of m(z) m(−z) at the even powers of z, from 2 on; `weights` are those of m at z, z² and so on."""
    full = [1.0, *weights]
    count = len(full)
    return [
        sum(full[i] * full[2 * k - i] * (-1.0) ** i for i in range(max(0, 2 * k - count + 1), min(2 * k, count - 1) + 1))
        for k in range(1, count)
    ]
