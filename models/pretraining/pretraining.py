"""A market model from whole histories: panel, cross-validation, fit on all rows, record."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.market.input_names import INPUT_NAMES
from models.market.model import MarketModel, MarketRecord
from models.pretraining.cross_validation import cross_validate, return_score_of, scored, scores_of
from models.pretraining.fitting import fit_parts
from models.pretraining.panel import FitPanel

#: A weight that cross-validation finds is taken as a scale within these bounds.
SCALES: tuple[float, float] = (0.0, 1.5)


def fitted_model(panel: FitPanel, data: Sequence[str], seed: int) -> MarketModel:
    """The market model of a panel; the same bytes for the same panel, data and seed.

    Each candidate's δ is scaled by the weight that its cross-validation found, and scored again with that scale.
    """
    judged = cross_validate(panel, seed)
    scores = scores_of(judged)
    tree_scale, net_scale = (float(np.clip(scores[name].weight, *SCALES)) for name in ("xgboost", "lstm"))
    for name, scale in (("xgboost", tree_scale), ("lstm", net_scale)):
        scores[name] = scored(scale * judged.deltas[name], judged.residuals, judged.weeks)
    record = MarketRecord(
        tuple(data),
        tuple(sorted(panel.tickers)),
        int(panel.week.min()),
        int(panel.week.max()),
        len(panel),
        seed,
        scores,
        return_score_of(judged),
    )
    parts = fit_parts(panel, seed)
    assert parts.net is not None, "fitted with the net"
    return MarketModel(
        panel.horizon,
        INPUT_NAMES,
        parts.standard,
        parts.sequence_standard,
        parts.slopes,
        parts.trees,
        parts.net,
        tree_scale,
        net_scale,
        record,
    )
