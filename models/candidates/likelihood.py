"""Exact Gaussian likelihood of ARMA(1, 1) and ARMA(2, 1), fast enough to fit thousands: SciPy's filter does the long part."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.candidates.arma import ArmaProcess
from records import Floats

#: Relative tolerance of the search; a tighter one moves no forecast visibly.
TOLERANCE: Final = 1e-8
#: An innovation's variance this near to its limit is taken for it.
CONVERGED: Final = 1e-12
#: Roots nearer to the unit circle than this are taken to lie on it.
LEAST_DISTANCE: Final = 1e-6
#: Residual of parameters that are outside the stationary and invertible region: the search turns back.
OUTSIDE: Final = 1e3


def maximum_likelihood(series: Floats, start: ArmaProcess) -> ArmaProcess:
    """The process of the same order (p ≤ 2, q = 1) with the greatest likelihood, searched from `start`.

    `start` is kept where the search finds nothing better inside the stationary and invertible region.
    """
    from scipy.optimize import least_squares  # noqa: PLC0415 - only training loads it

    deviation = series - start.mean
    p = len(start.ar)

    def errors(parameters: Floats) -> Floats:
        return scaled_errors(deviation, parameters[:p], float(parameters[p]))

    first = np.concatenate([start.ar, start.ma])
    fit = least_squares(errors, first, method="lm", ftol=TOLERANCE, xtol=TOLERANCE)
    best = errors(fit.x)
    if not float(best @ best) < float(errors(first) @ errors(first)):
        return start
    variance = float(np.mean(standard_errors(deviation, fit.x[:p], float(fit.x[p]))[0] ** 2))
    return ArmaProcess(start.mean, fit.x[:p].copy(), fit.x[p:].copy(), variance)


def scaled_errors(deviation: Floats, ar: Floats, ma: float) -> Floats:
    """Values, shape (n,), whose sum of squares is least where the likelihood is greatest: concentrated over the variance."""
    if not (abs(ma) < 1.0 - LEAST_DISTANCE and _is_stationary(ar)):
        return np.full(len(deviation), OUTSIDE)
    errors, log_variance = standard_errors(deviation, ar, ma)
    scaled: Floats = errors * np.exp(0.5 * log_variance)
    return scaled


def standard_errors(deviation: Floats, ar: Floats, ma: float) -> tuple[Floats, float]:
    """One-step errors ÷ √r, shape (n,), and the mean of log r; r are their variances in units of the innovations'.

    The innovations algorithm (Brockwell and Davis 2016, 5.2) until r has converged to 1, after that the plain recursion.
    """
    from scipy.signal import lfilter  # noqa: PLC0415 - only training loads it

    p, n = len(ar), len(deviation)
    gamma = _autocovariances(ar, ma)
    values = deviation.tolist()
    weights = ar.tolist()
    ratio = [gamma[0]]
    found = [values[0]]
    if p == 2:
        ratio.append(gamma[0] - gamma[1] ** 2 / gamma[0])
        found.append(values[1] - gamma[1] / gamma[0] * values[0])
    while len(found) < n and abs(ratio[-1] - 1.0) > CONVERGED:
        t = len(found)
        expected = sum(weight * values[t - lag] for lag, weight in enumerate(weights, start=1)) + ma / ratio[-1] * found[-1]
        ratio.append(1.0 + ma * ma - ma * ma / ratio[-1])
        found.append(values[t] - expected)
    done = len(found)
    if done < n:
        driven = deviation[done:].copy()
        for lag, weight in enumerate(weights, start=1):
            driven -= weight * deviation[done - lag : n - lag]
        rest, _ = lfilter([1.0], [1.0, ma], driven, zi=[-ma * found[-1]])
        found = [*found, *rest.tolist()]
    spread = np.ones(n)
    spread[:done] = ratio
    return np.array(found) / np.sqrt(spread), float(np.log(spread).mean())


def _autocovariances(ar: Floats, ma: float) -> tuple[float, float]:
    """γ₀ and γ₁ in units of the innovations' variance."""
    first, second = (float(ar[0]), float(ar[1])) if len(ar) == 2 else (float(ar[0]), 0.0)
    # γ₁ (1 − φ₂) = φ₁ γ₀ + θ, and γ₀ = φ₁ γ₁ + φ₂ γ₂ + 1 + θ (φ₁ + θ) with γ₂ = φ₁ γ₁ + φ₂ γ₀
    share, rest = first / (1.0 - second), ma / (1.0 - second)
    noise = 1.0 + ma * (first + ma)
    zero = (noise + first * (1.0 + second) * rest) / (1.0 - second**2 - first * (1.0 + second) * share)
    return zero, share * zero + rest


def _is_stationary(ar: Floats) -> bool:
    if len(ar) == 1:
        return bool(abs(ar[0]) < 1.0 - LEAST_DISTANCE)
    inside = 1.0 - LEAST_DISTANCE
    return bool(abs(ar[1]) < inside and ar[1] + ar[0] < inside and ar[1] - ar[0] < inside)
