"""How far a forecast departs from the safe baseline: as far as paired walk-forward errors carry, and no further.

A plain choice of each ticker's best candidate in validation forecasts worse than one default for all: with some thirty noisy
origins the best is mostly the luckiest. So a candidate gets weight only where the combination of it and the baseline (Bates and
Granger 1969) beats the baseline by more than chance would.

A candidate that follows the market model brings a prior: the weight that its cross-validation found, on tickers and dates which
its fit had not seen. Prior and evidence are joined as two normal estimates of one weight, each with its precision. So a single
ticker is served by the prior, and a table of many by what its own errors say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from models.market.model import market_model
from models.selection.walkforward import Realised, WalkForward
from records import Evidence, Floats

#: In standard errors of the weight. With overlapping horizons and the best of three candidates to judge, luck alone
#: clears two in about one ticker of ten.
BAR: Final = 3.0
#: Likewise with a prior: it was found elsewhere, and is not the luckiest of several.
PRIOR_BAR: Final = 2.0
#: Origins are half a horizon apart, so each error shares bars with two neighbours; one more to be safe.
OVERLAP: Final = 3
#: A prior is known no better than this: other years and other tickers are not those of the cross-validation.
LEAST_PRIOR_DEVIATION: Final = 0.25
_TINY: Final = 1e-300


class Prior(NamedTuple):
    """A candidate's weight before any evidence, and the standard deviation of that belief."""

    weight: float
    deviation: float


def prior_of(model: str) -> Prior | None:
    """The prior of a candidate that follows the market model; None for the others."""
    score = market_model().record.scores.get(model)
    if score is None:
        return None
    deviation = max(score.error, score.block_spread, LEAST_PRIOR_DEVIATION)
    return Prior(min(max(score.weight, 0.0), 1.0), deviation)


def return_evidence(candidate: WalkForward, baseline: WalkForward, truth: Realised, horizon: int) -> Evidence:
    """Evidence on the horizon's return, in units of the deviation that the baseline expects."""
    deviation = np.sqrt(horizon * baseline.daily_variance)
    shift = (candidate.horizon_return - baseline.horizon_return) / deviation
    error = (truth.horizon_return - baseline.horizon_return) / deviation
    return _evidence(shift, error)


def variance_evidence(
    candidate: WalkForward, baseline: WalkForward, truth: Realised, unseen: np.ndarray | None = None
) -> Evidence:
    """Evidence on the variance, in logs, from the origins that the mask `unseen` leaves (default: all).

    A common error in level is no evidence for a candidate, so errors are centred.
    """
    rows = slice(None) if unseen is None else unseen
    shift = np.log(candidate.daily_variance / baseline.daily_variance)[rows]
    error = np.log(truth.daily_variance / baseline.daily_variance)[rows]
    if len(shift) < 2:
        return Evidence(square=0.0, product=0.0, error=0.0)
    return _evidence(shift - shift.mean(), error - error.mean())


def _evidence(shift: Floats, error: Floats) -> Evidence:
    product = shift * error
    return Evidence(square=float(shift @ shift), product=float(product.sum()), error=float(newey_west(product)))


def newey_west(values: Floats) -> Floats:
    """Standard error of the sum of a series that is correlated over OVERLAP steps (Newey and West 1987).

    `values` (…, n) are series along the last axis; shape (…).
    """
    centred = values - values.mean(axis=-1, keepdims=True)
    variance = (centred * centred).sum(axis=-1)
    for lag in range(1, min(OVERLAP, centred.shape[-1] - 1) + 1):
        variance = variance + 2.0 * (1.0 - lag / (OVERLAP + 1)) * (centred[..., lag:] * centred[..., :-lag]).sum(axis=-1)
    error: Floats = np.sqrt(np.maximum(variance, 0.0))
    return error


def pooled(evidence: Iterable[Evidence]) -> Evidence:
    """Evidence of several tickers as one, without the ticker that speaks most for the candidate.

    Their errors are added as if they were perfectly correlated, which markets nearly make them: a bound, so that many tickers
    of one market month do not count as many months. Without its strongest ticker, because one ticker alone, bad bars above all,
    must not give the others' forecasts to a candidate.
    """
    parts = list(evidence)
    if len(parts) < 2:
        return _sum(parts)
    total = _sum(parts)
    rest = (
        Evidence(square=total.square - part.square, product=total.product - part.product, error=total.error - part.error)
        for part in parts
    )
    least = min(range(len(parts)), key=[each.product / max(each.error, _TINY) for each in rest].__getitem__)
    return _sum([*parts[:least], *parts[least + 1 :]])


def _sum(parts: Sequence[Evidence]) -> Evidence:
    return Evidence(
        square=sum(part.square for part in parts),
        product=sum(part.product for part in parts),
        error=sum(part.error for part in parts),
    )


def significance(evidence: Evidence, prior: Prior | None = None) -> float:
    """The weight in standard errors; 0 when nothing can be said."""
    estimate = joint_estimate(evidence, prior)
    return 0.0 if estimate is None else estimate.weight / estimate.deviation


def weight(evidence: Evidence, prior: Prior | None = None) -> float:
    """Weight of the candidate in [0, 1]: 0 unless its significance clears the bar."""
    estimate = joint_estimate(evidence, prior)
    if estimate is None or estimate.weight <= (BAR if prior is None else PRIOR_BAR) * estimate.deviation:
        return 0.0
    return min(1.0, estimate.weight)


def joint_estimate(evidence: Evidence, prior: Prior | None) -> Prior | None:
    """The least-squares weight with its standard error, joined with the prior; None without either."""
    if not (evidence.error > 0.0 and evidence.square > 0.0):
        return prior
    found = Prior(evidence.product / evidence.square, evidence.error / evidence.square)
    if prior is None:
        return found
    precision = 1.0 / prior.deviation**2 + 1.0 / found.deviation**2
    mean = (prior.weight / prior.deviation**2 + found.weight / found.deviation**2) / precision
    return Prior(mean, precision**-0.5)
