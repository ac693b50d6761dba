"""What the parts of the market model's weight are worth: prior, evidence, and what a ticker's own past would add.

All variants are variance × exp(weight × δ) on the same pooled variance, so that only the weight differs:

- `prior and evidence`: as served. `evidence alone`: 0 until the table's own evidence clears its bar. `prior alone`: the weight
  of the market model's cross-validation.
- `own scale`: each ticker's weight is estimated on its own earlier origins, shrunk towards the served one.
- `larger for all`: LARGER times the served weight for all tickers. It says whether an own scale is more than a larger one.
- `own level`: each ticker's mean error on its earlier origins, shrunk towards 0, is added to the log variance.

Own scale and level are adaptations of the market model to a ticker, in closed form. They are not served: they would have to
prove themselves here first (docs/ablations.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from evaluation.panel import WITHOUT, Panel
from evaluation.scores import date_t, scored
from models.candidates.xgb import XGBoostModel
from models.pooling.pool import LARGEST_AGE_DAYS, pool_estimates
from models.selection.combination import BASELINE
from models.selection.evidence import prior_of, weight
from models.selection.metrics import qlike_losses
from records import Floats, Forecast

#: Origins whose weight the shrinkage of a ticker's own scale and level has: three years of months.
SHRINKAGE: Final = 36.0
LARGER: Final = 1.4
CANDIDATE: Final = XGBoostModel.name


class AblationScore(NamedTuple):
    """QLIKE ÷ without any weight over n forecasts, and Diebold and Mariano's t against the served weight (> 0: worse)."""

    name: str
    forecasts: int
    ratio: float
    t_served: float


def ablation_scores(panel: Panel) -> list[AblationScore]:
    """A score for each variant, the served one first; none where no row has the candidate and its prior."""
    prior = prior_of(CANDIDATE)
    delta = np.array([_delta(row) for row in panel.rows])
    rows = scored(panel) & np.isfinite(delta)
    if prior is None or not rows.any():
        return []
    served = np.array([row.volatility_weight if row.volatility_model == CANDIDATE else 0.0 for row in panel.rows])
    without = np.log(panel.variances[WITHOUT])
    scale, level = _own_past(panel, rows, delta, served)
    variants = {
        "prior and evidence": served * delta,
        "evidence alone": _evidence_weights(panel.alone) * delta,
        "prior alone": prior.weight * delta,
        "own scale": scale * delta,
        "larger for all": LARGER * served * delta,
        "own level": served * delta + level,
    }
    truth, date = panel.realised_variance[rows], panel.date[rows]
    losses = {name: qlike_losses(np.exp((without + shift)[rows]), truth) for name, shift in variants.items()}
    base = qlike_losses(np.exp(without[rows]), truth).mean()
    usual = losses["prior and evidence"]
    return [
        AblationScore(name, int(rows.sum()), float(each.mean() / base), date_t(each - usual, date))
        for name, each in losses.items()
    ]


def _delta(row: Forecast) -> float:
    variances = {opinion.model: opinion.daily_variance for opinion in row.opinions}
    if CANDIDATE not in variances or BASELINE not in variances:
        return float("nan")
    return float(np.log(variances[CANDIDATE] / variances[BASELINE]))


def _evidence_weights(alone: Sequence[Forecast]) -> Floats:
    """The weight by the table's evidence without the prior, for each row; as pooled on its date."""
    by_date: dict[object, list[int]] = defaultdict(list)
    for k, row in enumerate(alone):
        by_date[row.as_of].append(k)
    weights = np.zeros(len(alone))
    newest: dict[str, Forecast] = {}
    for date in sorted({row.as_of for row in alone}):
        newest |= {alone[k].ticker: alone[k] for k in by_date[date]}
        estimates = pool_estimates([row for row in newest.values() if (date - row.as_of).days <= LARGEST_AGE_DAYS])
        tilt = None if estimates is None else estimates.variance_tilt
        if tilt is not None and tilt.model == CANDIDATE and tilt.evidence is not None:
            weights[by_date[date]] = weight(tilt.evidence)
    return weights


def _own_past(panel: Panel, rows: np.ndarray, delta: Floats, served: Floats) -> tuple[Floats, Floats]:
    """Weight and level of each ticker from its earlier origins alone, shape (n,) each."""
    error = np.log(panel.realised_variance / panel.variances[WITHOUT])
    scale, level = served.copy(), np.zeros(len(served))
    squares: dict[str, float] = defaultdict(float)
    products: dict[str, float] = defaultdict(float)
    sums: dict[str, float] = defaultdict(float)
    counts: dict[str, int] = defaultdict(int)
    seen = total = 0.0
    for date in np.unique(panel.date):
        now = np.flatnonzero((panel.date == date) & rows)
        usual = SHRINKAGE * total / max(seen, 1.0)
        for k in now:
            ticker = panel.ticker[k]
            if usual > 0.0:
                scale[k] = (products[ticker] + usual * served[k]) / (squares[ticker] + usual)
            level[k] = sums[ticker] / (counts[ticker] + SHRINKAGE)
        if len(now) < 2:
            continue
        # Origins are a horizon apart: at the next date all of these are over. A date's common error is no ticker's.
        shift, miss = (values[now] - values[now].mean() for values in (delta, error))
        seen, total = seen + len(now), total + float(shift @ shift)
        for k, own, found in zip(now, shift.tolist(), miss.tolist(), strict=True):
            ticker = panel.ticker[k]
            squares[ticker] += own * own
            products[ticker] += own * found
            sums[ticker] += found - served[k] * own
            counts[ticker] += 1
    return scale, level
