"""The labelled rows of many tickers together: what the regression within dates is estimated on, and what judges δ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from models.candidates.regression import shrunk_slopes
from models.market.model import market_model
from models.pooling.terms import CLOSES_ONLY, CLOSES_SLOPES, TERM_NAMES, USUAL_SEASONS, USUAL_SLOPES
from models.selection.evidence import Prior, joint_estimate, newey_west, prior_of
from records import Evidence, Floats, Forecast, PoolStatistics

#: Ridge penalty per row on the terms within dates: ten collinear terms, and no prior.
RIDGE: Final = 0.02
#: Up to so many tickers a table has no slopes of its own: one bad ticker would move them, and they would be no better.
FEWEST_FOR_SLOPES: Final = 60
#: Up to so few tickers are no evidence on a candidate: one bad ticker's noise would be most of it.
FEWEST_FOR_EVIDENCE: Final = 10
ENOUGH_FOR_EVIDENCE: Final = 30
#: Tickers that slopes from elsewhere count for beside a table's own.
USUAL_TICKERS: Final = 240
#: Errors further out than this, in logs, count as this: one event is seen through many overlapping labels.
LARGEST_ERROR: Final = 2.0
_TINY: Final = 1e-300
_LOG_OF_MEAN: Final = TERM_NAMES.index("range_variance_252")
_SEASON_COLUMNS: Final = [TERM_NAMES.index(name) for name in USUAL_SEASONS]
_MEAN_OF_LOGS: Final = TERM_NAMES.index("log_range_variance_252")


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
    known = np.concatenate(weeks)
    return JointPanel(known, values[:, 0], with_usual_seasons(values[:, 1:]), counts, np.ones(len(values)))


def with_usual_seasons(terms: Floats) -> Floats:
    """Terms (m, k), with the usual seasons where there are no volumes.

    Such a season is exactly 0, which would be a quiet season. Other tickers' seasons have no part in it.
    """
    absent = terms[:, _SEASON_COLUMNS[0]] == 0.0
    if not absent.any():
        return terms
    filled = terms.copy()
    filled[np.ix_(absent, _SEASON_COLUMNS)] = tuple(USUAL_SEASONS.values())
    return filled


def slopes_within_weeks(panel: JointPanel) -> Floats:
    """Slopes of the target on the terms within weeks for each ticker, shape (n, k).

    The usual slopes for bars of its kind, and in large tables a share of what the table itself adds to them.
    """
    usual = usual_slopes(panel)
    share = own_share(len(panel.counts))
    if share == 0.0 or not len(panel.target):
        return usual
    root = np.sqrt(panel.weight)
    terms = within(panel.terms, panel.weeks, panel.weight) * root[:, None]
    rest = residual_within_weeks(panel, usual) * root
    return usual + share * shrunk_slopes(rest, terms, np.zeros(terms.shape[1]), RIDGE)


def usual_slopes(panel: JointPanel) -> Floats:
    """The usual slopes of each ticker, shape (n, k): those for closes alone where its bars have hardly a range."""
    closes, usual = tuple(CLOSES_SLOPES.values()), tuple(USUAL_SLOPES.values())
    return np.asarray(np.where(only_closes(panel)[:, None], closes, usual))


def only_closes(panel: JointPanel) -> np.ndarray:
    """Whether each ticker's bars have hardly a range, shape (n,)."""
    gap = panel.terms[:, _LOG_OF_MEAN] - panel.terms[:, _MEAN_OF_LOGS]
    mean = np.bincount(tickers_of(panel), gap, minlength=len(panel.counts)) / np.maximum(panel.counts, 1)
    return np.asarray(mean > CLOSES_ONLY)


def tickers_of(panel: JointPanel) -> np.ndarray:
    """The place of each row's ticker, shape (m,)."""
    return np.repeat(np.arange(len(panel.counts)), panel.counts)


def own_share(tickers: int) -> float:
    """How far the slopes of a table of so many tickers count beside slopes from elsewhere, in [0, 1)."""
    return max(0, tickers - FEWEST_FOR_SLOPES) / (tickers + USUAL_TICKERS)


def residual_within_weeks(panel: JointPanel, slopes: Floats) -> Floats:
    """What the regression within weeks, with each ticker's `slopes` (n, k), leaves of the target, shape (m,)."""
    return within(without_terms(panel, slopes), panel.weeks, panel.weight)


def without_terms(panel: JointPanel, slopes: Floats) -> Floats:
    """The target less the terms' part by each ticker's `slopes` (n, k), shape (m,)."""
    rest: Floats = panel.target - (panel.terms * slopes[tickers_of(panel)]).sum(axis=1)
    return rest


def delta_evidence(members: Sequence[Forecast], panel: JointPanel, residual: Floats, model: str) -> Evidence | None:
    """Evidence on the δ of a candidate that follows the market model, from all tickers that have its δ; None without any.

    δ and the `residual` (m,) of the regression within weeks are compared within weeks, so that a shock to all tickers is no
    evidence; weeks, not rows, are what the standard error counts. Labels that the fit of the market model has seen are left
    out.
    """
    parts = [np.frombuffer(statistics_of(row).deltas.get(model, b""), dtype="<f4") for row in members]
    if not any(model in statistics_of(row).deltas for row in members):
        return None
    market = market_model()
    fitted = frozenset(market.record.tickers)
    seen = np.zeros(len(panel.weeks), dtype=bool)
    counts, ends = panel.counts.tolist(), np.cumsum(panel.counts).tolist()
    for place, (row, count, end) in enumerate(zip(members, counts, ends, strict=True)):
        rows = slice(end - count, end)
        if len(parts[place]) != count:
            # One ticker without δ must not decide what the others' evidence is.
            parts[place] = np.zeros(count, dtype="<f4")
            seen[rows] = True
        elif row.ticker in fitted:
            seen[rows] = market.has_seen(row.ticker, panel.weeks[rows])
    weeks, weight = panel.weeks[~seen], panel.weight[~seen]
    if not len(weeks):
        return Evidence(square=0.0, product=0.0, error=0.0)
    error = np.clip(within(residual[~seen], weeks, weight), -LARGEST_ERROR, LARGEST_ERROR)
    shift = within(np.concatenate(parts).astype(np.float64)[~seen], weeks, weight)
    ticker = tickers_of(panel)[~seen]
    return _without_the_loudest(ticker, week_places(weeks), weight * shift * shift, weight * shift * error, prior_of(model))


def evidence_share(tickers: int) -> float:
    """How far so many tickers are evidence on a candidate, in [0, 1]: a share of 1 ÷ 4 doubles its standard error."""
    return min(1.0, max(0, tickers - FEWEST_FOR_EVIDENCE) / (ENOUGH_FOR_EVIDENCE - FEWEST_FOR_EVIDENCE))


def _without_the_loudest(
    ticker: np.ndarray, week: np.ndarray, square: Floats, product: Floats, prior: Prior | None
) -> Evidence:
    """The evidence of rows (m,), without the ticker that takes the weight furthest from the prior.

    One ticker with wrong bars must not decide on the others' weight. Up to FEWEST_FOR_EVIDENCE tickers are no evidence; from
    there to ENOUGH_FOR_EVIDENCE its standard error counts for more. Without a prior all rows count.
    """
    # Those alone that have rows here: whether a ticker without rows counts must not depend on its name.
    present, ticker = np.unique(ticker, return_inverse=True)
    tickers, weeks = len(present), int(week.max()) + 1
    products = np.bincount(ticker * weeks + week, product, minlength=tickers * weeks).reshape(tickers, weeks)
    squares = np.bincount(ticker, square, minlength=tickers)
    total = products.sum(axis=0)
    everything = Evidence(square=float(squares.sum()), product=float(total.sum()), error=float(newey_west(total)))
    if prior is None:
        return everything
    share = evidence_share(tickers)
    if share == 0.0:
        return Evidence(square=0.0, product=0.0, error=0.0)
    rest = total - products
    errors = (newey_west(rest) / np.sqrt(share)).tolist()
    found = [
        Evidence(square=each, product=by_week, error=error)
        for each, by_week, error in zip((squares.sum() - squares).tolist(), rest.sum(axis=1).tolist(), errors, strict=True)
    ]
    distances = [abs(joint.weight - prior.weight) for each in found if (joint := joint_estimate(each, prior)) is not None]
    return found[int(np.argmin(distances))]


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
