"""Correlations from weighted histories of unequal length, shrunk so that they can be inverted.

Ledoit and Wolf's shrinkage towards a constant correlation ("Honey, I shrunk the sample covariance matrix", Journal of
Portfolio Management 30, 2004), on standardised returns, since volatilities come from the forecasts. The weight of the
target is the share of sampling error in the spread of the sample correlations around it. Days may have weights w: the
sampling error of a pair is then that of (Σw)² / Σw² equal days (Kish 1965), summed over the days that both traded. So a
young ticker leans on the average correlation and takes nothing from the others. With complete histories there is one weight
of the target for all pairs; with equal weights of the days as well it is that of the paper.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from records import Floats

_TINY: Final = 1e-300
#: The smallest eigenvalue that is kept: the condition of a correlation matrix of 500 stays below 1e7.
SMALLEST_EIGENVALUE: Final = 1e-4


def shrunk_correlation(returns: Floats, weight: Floats | None = None, minimum_days: int = 1) -> Floats:
    """Correlation matrix (n, n), positive definite with a unit diagonal, of returns (T, n); NaN means no observation.

    `weight` (T,) holds the weights of the days, any positive numbers; None weighs all alike. A pair with fewer than
    `minimum_days` common days gets the average correlation of the others; where all pairs are such, the result is the
    identity (`common_days` says so before).
    """
    n = returns.shape[1]
    observed = np.isfinite(returns)
    w = np.ones(len(returns)) if weight is None else weight / weight.max(initial=_TINY)
    score = _standardised(returns, observed, w)
    sample, size = _pairwise(score, observed, w, minimum_days)
    np.fill_diagonal(sample, 0.0)
    np.fill_diagonal(size, 0.0)
    if not size.any():
        return np.eye(n)
    target = float((size * sample).sum() / size.sum())
    # What one day adds to the sampling error of a correlation: E z_i² z_j² - r², over days and pairs, each day by w².
    both = size > 0
    error_of_a_day = _error_of_a_day(score, sample, both, w, observed)
    error = np.divide(error_of_a_day, size, out=np.full_like(size, np.inf), where=both)
    # Pairs count by their effective days: a pair with few would bring little but its error.
    spread = float((size * (sample - target) ** 2).sum() - error_of_a_day * both.sum()) / float(size.sum())
    # error / (error + spread), written so that an infinite error gives 1.
    share = 1.0 / (1.0 + max(0.0, spread) / np.maximum(error, _TINY))
    shrunk = share * target + (1.0 - share) * sample
    np.fill_diagonal(shrunk, 1.0)
    return _positive_definite(shrunk)


def common_days(returns: Floats) -> Floats:
    """The number of days on which both of a pair have a return, (n, n); on the diagonal, the days of each."""
    observed = np.isfinite(returns)
    if observed.all():
        return np.full((returns.shape[1], returns.shape[1]), float(len(returns)))
    mask = observed.astype(np.float64)
    days: Floats = mask.T @ mask
    return days


def _standardised(returns: Floats, observed: np.ndarray, w: Floats) -> Floats:
    """Each column less its weighted mean, over its weighted deviation; 0 where nothing was observed or nothing moves."""
    total = np.maximum(w @ observed, _TINY)
    # In place: three years of 500 tickers take 3 MB, and several requests compute at once.
    score: Floats = np.where(observed, returns, 0.0)
    score -= (w @ score) / total
    score[~observed] = 0.0
    deviation = np.sqrt((w @ score**2) / total)
    score /= np.where(deviation > 0, deviation, 1.0)
    return score


def _pairwise(score: Floats, observed: np.ndarray, w: Floats, minimum_days: int) -> tuple[Floats, Floats]:
    """Weighted correlation of each pair over the days that both have, and the effective number of those days, both (n, n).

    Both are 0 for a pair with fewer than `minimum_days` common days.
    """
    weighted = score * w[:, None]
    products = score.T @ weighted
    if observed.all():
        if len(score) < minimum_days:
            return np.zeros_like(products), np.zeros_like(products)
        weights = float(w.sum())
        return products / max(weights, _TINY), np.full_like(products, weights**2 / max(float(w @ w), _TINY))
    mask = observed.astype(np.float64)
    squares = (score * weighted).T @ mask  # of i over the days that j has too
    scale = np.sqrt(squares * squares.T)
    enough = mask.T @ mask >= minimum_days
    sample = np.divide(products, scale, out=np.zeros_like(products), where=(scale > 0) & enough)
    total = mask.T @ (mask * w[:, None])
    size = np.divide(total**2, mask.T @ (mask * w[:, None] ** 2), out=np.zeros_like(total), where=enough & (total > 0))
    return sample, size


def _error_of_a_day(score: Floats, sample: Floats, both: np.ndarray, w: Floats, observed: np.ndarray) -> float:
    """Mean of (z_i z_j)² - r_ij² over the pairs in `both` and their common days, weighted by w²."""
    square = score**2
    if observed.all() and both.sum() == len(both) * (len(both) - 1):
        of_a_day = float(w @ w)
        products = float(w**2 @ (square.sum(axis=1) ** 2 - (square**2).sum(axis=1)))
        return max(0.0, (products - of_a_day * float((sample**2).sum())) / (of_a_day * float(both.sum())))
    squared = (w**2)[:, None]
    mask = observed.astype(np.float64)
    days = (mask.T @ (mask * squared)) * both
    products = float(((square.T @ (square * squared)) * both).sum())
    return max(0.0, (products - float((days * sample**2).sum())) / float(days.sum()))


def _positive_definite(correlation: Floats) -> Floats:
    """The matrix itself if it is well positive definite, else with its eigenvalues raised to the smallest.

    Only unequal histories, or fewer days than tickers, lead outside; the diagonal is brought back to 1 afterwards.
    """
    n = len(correlation)
    try:
        np.linalg.cholesky(correlation - SMALLEST_EIGENVALUE * np.eye(n))
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(correlation)
        raised = (vectors * np.maximum(values, 2.0 * SMALLEST_EIGENVALUE)) @ vectors.T
        deviation = np.sqrt(np.diag(raised))
        correlation = raised / np.outer(deviation, deviation)
    return correlation
