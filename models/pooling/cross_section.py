"""What many tickers' rows say together: the mean return to shrink to, the date's level of variance, and who departs from it.

A ticker without a trained model, mostly with too short a history, gets the returns' centre, the date's level and the slopes
from the others, and adds nothing to them. `members` are rows with trained models, `untrained` those without.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from models.candidates.regression import PRIOR_SHARE, VARIANCE_FEATURES, log_level_correction, prior_slopes, shrunk_slopes
from models.pooling.influence import ticker_weights
from models.pooling.joint_panel import JointPanel, joint_panel, row_terms, slopes_within_weeks, statistics_of
from models.pooling.shrinkage import center_of_returns, shrunk_returns
from models.pooling.terms import NEAREST_TERM, TERM_NAMES
from models.selection.combination import BASELINE
from records import Floats, Forecast

#: A pooled variance stays within this factor of the log mean of own and pooled log-HAR: slopes are not for odd tickers.
LARGEST_FACTOR: Final = 2.5
#: Likewise pooled log-HAR beside own: after a crash of one ticker it extrapolates from days that the others never had.
LARGEST_DOUBT: Final = 4.0
#: Two tickers are needed to say anything within a week.
MINIMUM_TICKERS: Final = 2


class PooledReturns(NamedTuple):
    """The members' centre in annual decimals; mean daily returns shrunk towards it, of members and then the untrained, (n,)."""

    center: float
    served: Floats


class JointFit(NamedTuple):
    """The members' panel with the weights of its rows, those of the members (n,), and the slopes within weeks (k,)."""

    panel: JointPanel
    weight: Floats
    apart: Floats


class HarFit(NamedTuple):
    """One log-HAR for all tickers: `slopes` (4,) on the logs of VARIANCE_FEATURES, and the correction of its level."""

    slopes: Floats
    intercept: float
    correction: float


class VarianceSteps(NamedTuple):
    """How pooled variances come about, in logs of daily variances; shape (n,) unless stated otherwise.

    `own` is each ticker's own log-HAR, `terms` (n, k) its terms, `har` the pooled log-HAR, `pooled_har` its forecast within its
    bound, `level` the mean of both. `apart` (k,) are the slopes within weeks, `gap` is a ticker's level less its terms' part,
    `middle` the members' median gap, `share` how far the distance between the two counts.
    """

    own: Floats
    terms: Floats
    har: HarFit
    pooled_har: Floats
    level: Floats
    apart: Floats
    gap: Floats
    middle: float
    share: float


class PooledVariances(NamedTuple):
    """Mean daily variances over the horizon, of members and then the untrained, shape (n,).

    By pooled log-HAR, by its log mean with the ticker's own (by itself where there is no own), and as served. `steps` say how,
    None where the members' panels are too short to pool and each ticker's own variance is served.
    """

    pooled_har: Floats
    mixed_har: Floats
    served: Floats
    steps: VarianceSteps | None = None


def joint_fit(members: Sequence[Forecast]) -> JointFit:
    """What is estimated on the members' panel, in which each ticker has a bounded influence."""
    panel = joint_panel(members)
    weight = ticker_weights(panel)
    panel = panel._replace(weight=np.repeat(weight, panel.counts))
    return JointFit(panel, weight, slopes_within_weeks(panel))


def pooled_returns(members: Sequence[Forecast], untrained: Sequence[Forecast] = ()) -> PooledReturns:
    """Mean daily simple returns of members and then the untrained, shrunk towards the members' centre."""
    statistics = [statistics_of(row) for row in (*members, *untrained)]
    periods = np.array([float(row.periods_per_year) for row in (*members, *untrained)])
    own = periods * np.array([each.mean_return for each in statistics])
    error = periods * np.sqrt([each.mean_return_variance for each in statistics])
    center = center_of_returns(own[: len(members)], error[: len(members)])
    return PooledReturns(center, shrunk_returns(own, error, center) / periods)


def pooled_variances(
    members: Sequence[Forecast], untrained: Sequence[Forecast] = (), fit: JointFit | None = None
) -> PooledVariances:
    """The variances of rows that belong together (`pooling.pool_members`, `pooling.untrained_rows`).

    `fit` is the `joint_fit` of the members, for callers that have it.
    """
    fit = fit or joint_fit(members)
    count = len(members)
    own = np.log([_own_variance(row) for row in (*members, *untrained)])
    now = np.array([row_terms(row) for row in members])
    now = np.vstack([now, *(_filled(row_terms(row), now.mean(axis=0)) for row in untrained)])
    if len(fit.panel.target) < 2 * (1 + len(TERM_NAMES)):
        alone: Floats = np.exp(own)
        return PooledVariances(alone, alone, alone)
    doubt = math.log(LARGEST_DOUBT)
    har = _fitted_har(fit.panel)
    pooled_har = np.clip(_pooled_har(har, now), own - doubt, own + doubt)
    level = np.append(0.5 * (own + pooled_har)[:count], pooled_har[count:])
    # Row by row: a matrix product may round a row by how many there are.
    gap = level - (now * fit.apart).sum(axis=1)
    share = 1.0 - MINIMUM_TICKERS / count
    # The middle gap, not the mean: a crash or an error in one ticker's bars is no level of the others.
    middle = float(np.median(gap[:count]))
    spread = share * (middle - gap)
    limit = math.log(LARGEST_FACTOR)
    steps = VarianceSteps(own, now, har, pooled_har, level, fit.apart, gap, middle, share)
    return PooledVariances(np.exp(pooled_har), np.exp(level), np.exp(level + np.clip(spread, -limit, limit)), steps)


def _own_variance(row: Forecast) -> float:
    """Mean daily variance by the ticker's own log-HAR, or what stands in for it in an untrained row."""
    for opinion in row.opinions:
        if opinion.model == BASELINE:
            return opinion.daily_variance
    assert row.annual_volatility is not None, "the row was chosen for its numbers"
    return row.annual_volatility**2 / row.periods_per_year


def _filled(terms: Floats, center: Floats) -> Floats:
    """A ticker's terms, shape (k,): one that lacks its lookback is as far from the members' mean as the next shorter."""
    distance = dict(zip(TERM_NAMES, terms - center, strict=True))
    for name in TERM_NAMES:
        if not math.isfinite(distance[name]):
            distance[name] = distance.get(NEAREST_TERM.get(name, ""), 0.0)
    return np.asarray(center + [distance[name] for name in TERM_NAMES])


def _fitted_har(panel: JointPanel) -> HarFit:
    """One log-HAR for all tickers, fitted to their panel."""
    weight, target, terms = panel.weight, panel.target, panel.terms[:, : len(VARIANCE_FEATURES)]
    center, middle = np.average(terms, axis=0, weights=weight), float(np.average(target, weights=weight))
    root = np.sqrt(weight)
    slopes = shrunk_slopes(
        root * (target - middle), root[:, None] * (terms - center), prior_slopes(VARIANCE_FEATURES), PRIOR_SHARE
    )
    intercept = middle - float(center @ slopes)
    return HarFit(slopes, intercept, log_level_correction(target - terms @ slopes - intercept, weight))


def _pooled_har(fit: HarFit, now: Floats) -> Floats:
    """Log variances by the pooled log-HAR, from terms (n, k), shape (n,)."""
    return np.asarray((now[:, : len(fit.slopes)] * fit.slopes).sum(axis=1) + fit.intercept + fit.correction)
