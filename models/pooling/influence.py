"""Weights of tickers in what is estimated together: none moves the others much further than the usual ticker does.

An error in one ticker's bars (a hundredfold close, prices in two units) is an outlier in every term of the regressions, and
least squares follow outliers. So a ticker's rows count less the more they would pull, a bounded-influence regression (Krasker
and Welsch 1982) with a ticker in the place of an observation:

- *leverage*: how far its terms lie from the mean of the same weeks, in the scatter of the quieter half of the tickers. A
  minority of bad tickers cannot move that (as in Rousseeuw's minimum covariance determinant, 1985);
- *pull*: the norm of Σ terms × residual over its rows, which is what moves the slopes.

Up to LARGEST times the median over tickers a weight is 1; beyond that it falls with the square, so that a wild ticker moves the
others less than a slightly odd one. Where nothing is wrong, nearly all weights are 1.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from models.pooling.joint_panel import RIDGE, JointPanel, week_places
from records import Floats

#: Leverage and pull, in medians over the tickers, up to which a ticker counts fully.
LARGEST: Final = 3.0
#: Fewer tickers do not say which of them is the odd one.
FEWEST_TICKERS: Final = 3
#: Rounds in which weights and slopes follow each other.
_ROUNDS: Final = 3
_TINY: Final = 1e-12


def ticker_weights(panel: JointPanel) -> Floats:
    """Weight of each ticker's rows, shape (n,), in [0, 1]."""
    weight = np.ones(len(panel.counts))
    if len(weight) < FEWEST_TICKERS:
        return weight
    values, present = _by_ticker(panel)
    for _ in range(_ROUNDS):
        total = np.maximum(weight @ present, _TINY)
        distance = values - np.tensordot(weight, values, axes=1) / total[:, None]
        distance *= present[:, :, None]
        scatter = distance.transpose(0, 2, 1) @ distance
        inverse = np.linalg.inv(_quiet_scatter(scatter[:, 1:, 1:]))
        by_leverage = _weights(np.tensordot(scatter[:, 1:, 1:], inverse, axes=2))
        slopes = _ridge_slopes(np.tensordot(np.minimum(weight, by_leverage), scatter, axes=1))
        score = scatter[:, 1:, 0] - scatter[:, 1:, 1:] @ slopes
        pull = np.sqrt(np.maximum(((score @ inverse) * score).sum(axis=1), 0.0))
        weight = by_leverage * _weights(pull)
    return weight


def _by_ticker(panel: JointPanel) -> tuple[Floats, Floats]:
    """Target and terms by ticker and week, (n, w, 1 + k), 0 where a ticker has no row; and 1 where it has, (n, w)."""
    place = week_places(panel.weeks)
    ticker = np.repeat(np.arange(len(panel.counts)), panel.counts)
    present = np.zeros((len(panel.counts), int(place.max(initial=-1)) + 1))
    present[ticker, place] = 1.0
    values = np.zeros((*present.shape, 1 + panel.terms.shape[1]))
    values[ticker, place, 0] = panel.target
    values[ticker, place, 1:] = panel.terms
    return values, present


def _ridge_slopes(scatter: Floats) -> Floats:
    """Slopes (k,) of the first variable on the others, from their scatter (1 + k, 1 + k), as `shrunk_slopes` has them."""
    own = np.diag(scatter[1:, 1:])
    ridge = np.where(own > 0.0, RIDGE * own, 1.0)
    return np.asarray(np.linalg.solve(scatter[1:, 1:] + np.diag(ridge), scatter[1:, 0]))


def _quiet_scatter(scatter: Floats) -> Floats:
    """Mean scatter of the half of the tickers that lie closest, beside the ridge; shape (k, k)."""
    own = np.einsum("nii->ni", scatter)
    middle, mean = np.median(own, axis=0), own.mean(axis=0)
    # A term that most tickers lack (volumes) makes no outliers of the others.
    usual = np.where(middle > 0.01 * mean, middle, np.where(mean > 0.0, mean, 1.0))
    quiet = np.diag(usual)
    half = (len(scatter) + 1) // 2
    for _ in range(2):
        distance = np.tensordot(scatter, np.linalg.inv(quiet), axes=2)
        nearest = np.argsort(distance, kind="stable")[:half]
        quiet = scatter[np.sort(nearest)].mean(axis=0)
        kept = np.diag(quiet)
        quiet += np.diag(np.where(kept > 0.1 * usual, RIDGE * kept, usual))
    return quiet


def _weights(sizes: Floats) -> Floats:
    """1 up to LARGEST times the median of the sizes (n,), beyond that falling with the square."""
    usual = LARGEST * float(np.median(sizes))
    return (
        np.asarray(np.minimum(1.0, (usual / np.maximum(sizes, max(usual, _TINY))) ** 2)) if usual > 0.0 else np.ones(len(sizes))
    )
