"""Correlations from histories of unequal length, shrunk so that they can be inverted.

Ledoit and Wolf's shrinkage towards a constant correlation ("Honey, I shrunk the sample covariance matrix", Journal of
Portfolio Management 30, 2004), on standardised returns, since volatilities come from the forecasts. The weight of the
target is the share of sampling error in the spread of the sample correlations around it. Each pair is measured on the days
that both have, and sampling error goes with 1 / days: a young ticker leans on the average correlation and takes nothing from
the others. With equal histories that is one weight for all, as in the paper.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from records import Floats

_TINY: Final = 1e-300
#: The smallest eigenvalue that is kept: the condition of a correlation matrix of 500 stays below 1e7.
SMALLEST_EIGENVALUE: Final = 1e-4


def shrunk_correlation(log_returns: Floats) -> Floats:
    """Correlation matrix (n, n), positive definite with a unit diagonal, of returns (T, n) in which NaN means no observation.

    A pair that never traded on the same day gets the average correlation of the others.
    """
    n = log_returns.shape[1]
    observed = np.isfinite(log_returns)
    score = _standardised(log_returns, observed)
    sample, days = _pairwise(score, observed)
    np.fill_diagonal(sample, 0.0)
    np.fill_diagonal(days, 0.0)
    if not days.any():
        return np.eye(n)
    target = float((days * sample).sum() / days.sum())
    # E z_i² z_j² - r², summed over pairs: what one day adds to the sampling error of a correlation.
    square = score**2
    products = float((square.sum(axis=1) ** 2).sum() - (square**2).sum())
    error_of_a_day = max(0.0, (products - float((days * sample**2).sum())) / float(days.sum()))
    both = days > 0
    error = np.divide(error_of_a_day, days, out=np.full_like(days, np.inf), where=both)
    # Pairs count by their days: a pair with few would bring little but its error.
    spread = float((days * (sample - target) ** 2).sum() - error_of_a_day * both.sum()) / float(days.sum())
    # error / (error + spread), written so that an infinite error gives 1.
    weight = 1.0 / (1.0 + max(0.0, spread) / np.maximum(error, _TINY))
    shrunk = weight * target + (1.0 - weight) * sample
    np.fill_diagonal(shrunk, 1.0)
    return _positive_definite(shrunk)


def _standardised(log_returns: Floats, observed: np.ndarray) -> Floats:
    """Each column less its mean, over its deviation; 0 where nothing was observed or nothing moves."""
    days = np.maximum(observed.sum(axis=0), 1)
    # In place: five years of 500 tickers take 5 MB, and several requests compute at once.
    score: Floats = np.where(observed, log_returns, 0.0)
    score -= score.sum(axis=0) / days
    score[~observed] = 0.0
    deviation = np.sqrt((score**2).sum(axis=0) / days)
    score /= np.where(deviation > 0, deviation, 1.0)
    return score


def _pairwise(score: Floats, observed: np.ndarray) -> tuple[Floats, Floats]:
    """Correlation of each pair over the days that both have, and the number of those days, both (n, n)."""
    products = score.T @ score
    if observed.all():
        return products / max(1, len(score)), np.full_like(products, float(len(score)))
    mask = observed.astype(np.float64)
    days = mask.T @ mask
    squares = (score**2).T @ mask  # of i over the days that j has too
    scale = np.sqrt(squares * squares.T)
    return np.divide(products, scale, out=np.zeros_like(products), where=scale > 0), days


def _positive_definite(correlation: Floats) -> Floats:
    """The matrix itself if it is well inside the positive definite ones, else with its eigenvalues raised to the smallest.

    Only unequal histories (and fewer than no degrees of freedom) lead outside; the diagonal is brought back to 1 afterwards.
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
