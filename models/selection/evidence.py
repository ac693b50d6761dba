"""How far a forecast should depart from the safe baseline: as far as paired walk-forward errors carry, and no further.

A plain choice of each ticker's best candidate in validation forecasts worse than one default for all: with some thirty noisy
origins the best is mostly the luckiest. So a candidate gets weight only where the combination of it and the baseline (Bates and
Granger 1969) beats the baseline by more than chance would.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from models.selection.walkforward import Realised, WalkForward
from records import Evidence, Floats

#: In standard errors of the weight. With overlapping horizons and the best of three candidates to judge, luck alone
#: clears two in about one ticker of ten.
BAR: Final = 3.0
#: Origins are half a horizon apart, so each error shares bars with two neighbours; one more for good measure.
OVERLAP: Final = 3


def return_evidence(candidate: WalkForward, baseline: WalkForward, truth: Realised, horizon: int) -> Evidence:
    """Evidence on the horizon's return, in units of the deviation that the baseline expects."""
    deviation = np.sqrt(horizon * baseline.daily_variance)
    shift = (candidate.horizon_return - baseline.horizon_return) / deviation
    error = (truth.horizon_return - baseline.horizon_return) / deviation
    return _evidence(shift, error)


def variance_evidence(candidate: WalkForward, baseline: WalkForward, truth: Realised) -> Evidence:
    """Evidence on the variance, in logs; a common error in level is no evidence for a candidate, so errors are centred."""
    shift = np.log(candidate.daily_variance / baseline.daily_variance)
    error = np.log(truth.daily_variance / baseline.daily_variance)
    return _evidence(shift - shift.mean(), error - error.mean())


def _evidence(shift: Floats, error: Floats) -> Evidence:
    """Sums, with Newey and West's (1987) standard error of the product."""
    product = shift * error
    centred = product - product.mean()
    variance = float(centred @ centred)
    for lag in range(1, min(OVERLAP, len(centred) - 1) + 1):
        variance += 2.0 * (1.0 - lag / (OVERLAP + 1)) * float(centred[lag:] @ centred[:-lag])
    return Evidence(square=float(shift @ shift), product=float(product.sum()), error=float(np.sqrt(max(variance, 0.0))))


def pooled(evidence: Iterable[Evidence]) -> Evidence:
    """Evidence of several tickers as one.

    Their errors are added as if they were perfectly correlated, which markets nearly make them: a bound, so that many tickers
    of one market month do not count as many months.
    """
    parts = list(evidence)
    return Evidence(
        square=sum(part.square for part in parts),
        product=sum(part.product for part in parts),
        error=sum(part.error for part in parts),
    )


def significance(evidence: Evidence) -> float:
    """The least-squares weight in standard errors; 0 when nothing can be said."""
    return evidence.product / evidence.error if evidence.error > 0.0 else 0.0


def weight(evidence: Evidence) -> float:
    """Weight of the candidate in [0, 1]: 0 unless its significance clears the bar."""
    if significance(evidence) <= BAR or evidence.square <= 0.0:
        return 0.0
    return min(1.0, evidence.product / evidence.square)
