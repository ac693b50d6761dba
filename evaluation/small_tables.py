"""Small tables: what a few tickers alone would have been served, over random draws of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from evaluation.origins import TickerResult
from evaluation.panel import SERVED, WITHOUT, build_panel
from evaluation.scores import scored
from models.selection.metrics import qlike_losses

SIZES: Final = (1, 2, 5, 10, 30)
DRAWS: Final = 5


class TableScore(NamedTuple):
    """QLIKE served ÷ without any weight, over all forecasts of `draws` tables of `tickers`, and the worst table's."""

    tickers: int
    draws: int
    ratio: float
    worst: float


def table_scores(results: Sequence[TickerResult], seed: int = 0) -> list[TableScore]:
    """One per size that the tickers suffice for; the same draws for the same tickers."""
    rng = np.random.default_rng(seed)
    found = []
    for size in SIZES:
        if size > len(results):
            continue
        losses = []
        for _ in range(DRAWS):
            chosen = rng.choice(len(results), size, replace=False)
            panel = build_panel([results[k] for k in sorted(chosen)])
            rows = scored(panel)
            pair = [
                qlike_losses(panel.variances[name][rows], panel.realised_variance[rows]).sum() for name in (SERVED, WITHOUT)
            ]
            losses.append(pair)
        # A ticker that is too young for a trained model has nothing to compare.
        total = np.array([pair for pair in losses if pair[1] > 0.0])
        if not len(total):
            continue
        ratios = total[:, 0] / total[:, 1]
        found.append(TableScore(size, len(total), float(total[:, 0].sum() / total[:, 1].sum()), float(ratios.max())))
    return found
