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
_TINY: Final = 1e-300


class JointPanel(NamedTuple):
    """m rows of n tickers: calendar weeks (m,), targets (m,), terms (m, k), each ticker's number of rows (n,).

    `weight` (m,) is that of the row's ticker (`influence.ticker_weights`).
    """

    weeks: np.ndarray
    target: Floats
    terms: Floats
    counts: np.ndarray
    weight: Floats


def statistics_of(row: Forecast) -> PoolStatistics:
    """The statistics of a row that is known to have them."""
    assert row.pool is not None, "the row was chosen for its statistics"
    return row.pool


def row_terms(row: Forecast) -> Floats:
    """The terms at the row's bar, shape (k,)."""
    return np.frombuffer(statistics_of(row).terms, dtype="<f4").astype(np.float64)


def joint_panel(members: Sequence[Forecast]) -> JointPanel:
    """The panel of rows with trained models, in their order."""
    weeks = [np.frombuffer(statistics_of(row).weeks, dtype="<i4") for row in members]
    panel = np.frombuffer(b"".join(statistics_of(row).panel for row in members), dtype="<f4").reshape(-1, 1 + len(TERM_NAMES))
    values = panel.astype(np.float64)
    counts = np.array([len(part) for part in weeks])
    return JointPanel(np.concatenate(weeks), values[:, 0], values[:, 1:], counts, np.ones(len(values)))


def slopes_within_weeks(panel: JointPanel) -> Floats:
    """Slopes of the target on the terms within weeks, shape (k,); 0 where the panel has no rows."""
    if not len(panel.target):
        return np.zeros(panel.terms.shape[1])
    root = np.sqrt(panel.weight)
    terms = within(panel.terms, panel.weeks, panel.weight) * root[:, None]
    target = within(panel.target, panel.weeks, panel.weight) * root
    return shrunk_slopes(target, terms, np.zeros(terms.shape[1]), RIDGE)


def residual_within_weeks(panel: JointPanel, slopes: Floats) -> Floats:
    """What the regression within weeks, with `slopes` (k,), leaves of the target, shape (m,)."""
    return within(panel.target - panel.terms @ slopes, panel.weeks, panel.weight)


def delta_evidence(members: Sequence[Forecast], panel: JointPanel, residual: Floats, model: str) -> Evidence | None:
    """Evidence on the δ of a candidate that follows the market model, from all tickers; None where a ticker has no δ.

    δ and the `residual` (m,) of the regression within weeks are compared within weeks, so that a shock to all tickers is no
    evidence; weeks, not rows, are what the standard error counts. Labels that the fit of the market model has seen are left
    out.
    """
    parts = [np.frombuffer(statistics_of(row).deltas.get(model, b""), dtype="<f4") for row in members]
    if [len(part) for part in parts] != panel.counts.tolist():
        return None
    market = market_model()
    fitted = frozenset(market.record.tickers)
    seen = np.zeros(len(panel.weeks), dtype=bool)
    for row, count, end in zip(members, panel.counts.tolist(), np.cumsum(panel.counts).tolist(), strict=True):
        if row.ticker in fitted:
            seen[end - count : end] = market.has_seen(row.ticker, panel.weeks[end - count : end])
    weeks, weight = panel.weeks[~seen], panel.weight[~seen]
    if not len(weeks):
        return Evidence(square=0.0, product=0.0, error=0.0)
    error = np.clip(within(residual[~seen], weeks, weight), -LARGEST_ERROR, LARGEST_ERROR)
    shift = within(np.concatenate(parts).astype(np.float64)[~seen], weeks, weight)
    counted = weight * shift
    product: Floats = np.bincount(week_places(weeks), counted * error).astype(np.float64)
    return Evidence(square=float(counted @ shift), product=float(product.sum()), error=newey_west(product))


def week_places(weeks: np.ndarray) -> np.ndarray:
    """The place of each week (m,) among the different weeks: as `np.unique` has it, without sorting."""
    if not len(weeks):
        return weeks
    since = weeks - weeks.min()
    places: np.ndarray = (np.cumsum(np.bincount(since) > 0) - 1)[since]
    return places


def within(values: Floats, groups: np.ndarray, weight: Floats | None = None) -> Floats:
    """Values less the mean of their group, weighted if `weight` (n,) is given; shape as given, (n,) or (n, k).

    `groups` (n,) are numbers close together, such as weeks.
    """
    index = groups - groups.min() if len(groups) else groups
    total = np.maximum(np.bincount(index, weight), _TINY)
    less = np.empty(values.shape)
    # Column by column: bincount adds in the order of the rows, as a loop would, and takes a tenth of its time.
    # `atleast_2d` of the transposed: columns, also where there are no rows.
    for column, result in zip(np.atleast_2d(values.T), np.atleast_2d(less.T), strict=True):
        sums = np.bincount(index, column if weight is None else weight * column)
        result[:] = column - (sums / total)[index]
    return less
