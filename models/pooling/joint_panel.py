"""The labelled rows of many tickers together: what the regression within dates is estimated on, and what judges δ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from models.candidates.regression import shrunk_slopes
from models.market.model import market_model
from models.pooling.terms import TERM_NAMES
from models.selection.evidence import newey_west
from records import Evidence, Floats, Forecast, PoolStatistics

#: Ridge penalty per row on the terms within dates: ten collinear terms, and no prior.
RIDGE: Final = 0.02
#: Errors further out than this, in logs, count as this: one event is seen through many overlapping labels.
LARGEST_ERROR: Final = 2.0


class JointPanel(NamedTuple):
    """m rows of several tickers: calendar weeks (m,), targets (m,), terms (m, k), and the rows' number by ticker."""

    weeks: np.ndarray
    target: Floats
    terms: Floats
    counts: tuple[int, ...]


def statistics_of(row: Forecast) -> PoolStatistics:
    """The statistics of a row that is known to have them."""
    assert row.pool is not None, "the row was chosen for its statistics"
    return row.pool


def joint_panel(members: Sequence[Forecast]) -> JointPanel:
    """The panel of rows with trained models, in their order."""
    weeks = [np.frombuffer(statistics_of(row).weeks, dtype="<i4") for row in members]
    width = 1 + len(TERM_NAMES)
    panel = np.concatenate([np.frombuffer(statistics_of(row).panel, dtype="<f4").reshape(-1, width) for row in members])
    counts = tuple(len(part) for part in weeks)
    return JointPanel(np.concatenate(weeks), panel[:, 0].astype(np.float64), panel[:, 1:].astype(np.float64), counts)


def slopes_within_weeks(panel: JointPanel) -> Floats:
    """Slopes of the target on the terms within weeks, shape (k,)."""
    terms = within(panel.terms, panel.weeks)
    return shrunk_slopes(within(panel.target, panel.weeks), terms, np.zeros(terms.shape[1]), RIDGE)


def residual_within_weeks(panel: JointPanel) -> Floats:
    """What the regression within weeks leaves of the target, shape (m,)."""
    return within(panel.target, panel.weeks) - within(panel.terms, panel.weeks) @ slopes_within_weeks(panel)


def delta_evidence(members: Sequence[Forecast], panel: JointPanel, residual: Floats, model: str) -> Evidence | None:
    """Evidence on the δ of a candidate that follows the market model, from all tickers; None where a ticker has no δ.

    δ and the `residual` (m,) of the regression within weeks are compared within weeks, so that a shock to all tickers is no
    evidence; weeks, not rows, are what the standard error counts. Labels that the fit of the market model has seen are left
    out.
    """
    parts = [np.frombuffer(statistics_of(row).deltas.get(model, b""), dtype="<f4") for row in members]
    if tuple(len(part) for part in parts) != panel.counts:
        return None
    market = market_model()
    starts = np.cumsum((0, *panel.counts))
    seen = np.concatenate(
        [market.has_seen(row.ticker, panel.weeks[a:b]) for row, a, b in zip(members, starts, starts[1:], strict=False)]
    )
    weeks = panel.weeks[~seen]
    if not len(weeks):
        return Evidence(square=0.0, product=0.0, error=0.0)
    error = np.clip(within(residual[~seen], weeks), -LARGEST_ERROR, LARGEST_ERROR)
    shift = within(np.concatenate(parts).astype(np.float64)[~seen], weeks)
    product: Floats = np.bincount(np.unique(weeks, return_inverse=True)[1], shift * error).astype(np.float64)
    return Evidence(square=float(shift @ shift), product=float(product.sum()), error=newey_west(product))


def within(values: Floats, groups: np.ndarray) -> Floats:
    """Values less their group's mean; shape as given, (n,) or (n, k)."""
    _, index, count = np.unique(groups, return_inverse=True, return_counts=True)
    sums = np.zeros((len(count), *values.shape[1:]))
    np.add.at(sums, index, values)
    means = sums / count.reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(values - means[index])
