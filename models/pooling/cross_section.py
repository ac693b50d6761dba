"""What many tickers' rows say together: the mean return to shrink to, the date's level of variance, and who departs from it.

A ticker without a trained model, mostly with too short a history, gets the returns' centre and the date's level from the
others, and the rest from what is usual. It adds nothing to them. `members` have trained models, the `untrained` have none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from models.candidates.regression import VARIANCE_FEATURES, prior_slopes
from models.pooling.influence import ticker_weights
from models.pooling.joint_panel import (
    JointPanel,
    joint_panel,
    only_closes,
    row_terms,
    slopes_within_weeks,
    statistics_of,
    tickers_of,
    with_usual_seasons,
    without_terms,
)
from models.pooling.location import PULL, anchor_by_count, anchored_location
from models.pooling.shrinkage import center_of_returns, shrunk_returns
from models.pooling.terms import (
    CLOSES_INTERCEPT,
    CLOSES_LEVEL,
    CLOSES_SLOPES,
    TERM_NAMES,
    USUAL_INTERCEPT,
    USUAL_LEVEL,
    USUAL_SLOPES,
)
from models.pooling.young import filled_terms
from models.selection.combination import BASELINE
from records import Floats, Forecast

#: A pooled variance stays within this factor of the ticker's alone: slopes are not for odd tickers.
LARGEST_FACTOR: Final = 2.5
#: Likewise each other estimate beside the own log-HAR: after a crash of one ticker it extrapolates from days that none had.
LARGEST_DOUBT: Final = 4.0
#: Fewer labelled weeks of a ticker do not say what its usual level is.
FEWEST_WEEKS: Final = 12
#: Log of the mean of realised ÷ forecast, where the slopes within weeks forecast the level too (`terms.USUAL_SLOPES`).
LEVEL_CORRECTION: Final = 0.2
#: Weight, beside the mean of own and pooled log-HAR, of the variance by the slopes within weeks at the ticker's usual level.
TERMS_WEIGHT: Final = 0.25
#: Likewise beside the pooled log-HAR, for an untrained ticker.
UNTRAINED_TERMS_WEIGHT: Final = 0.75
#: Errors of the pooled log-HAR further out than this, in logs, count as this when its level is corrected.
LARGEST_ERROR: Final = 1.5
#: Weight of a ticker's own number against the others' pulls: at the level, the pooled log-HAR's intercept and the rise.
#: Another ticker in the place of one moves the level by at most 2 × PULL ÷ 6 = 0.033 in logs, intercept and rise by 0.0025:
#: a volatility by no more than 2 %. Among many tickers many numbers lie near the middle. There a lighter anchor holds too, by
#: measurement: its own bound is 0.1.
LEVEL_ANCHOR: Final = 6.0
LIGHT_ANCHOR: Final = 2.0
INTERCEPT_ANCHOR: Final = 80.0
RISE_ANCHOR: Final = 80.0
LIGHT_INTERCEPT_ANCHOR: Final = 8.0
#: Log of the last month's variance against the year's from which on own and pooled log-HAR do not count alike any more.
RISE_BEGINS: Final = 0.25


_MONTH: Final = TERM_NAMES.index("range_variance_21")
_YEAR: Final = TERM_NAMES.index("range_variance_252")


class PooledReturns(NamedTuple):
    """The members' centre in annual decimals; mean daily returns shrunk towards it, of members and then the untrained, (n,)."""

    center: float
    served: Floats


class JointFit(NamedTuple):
    """The members' panel with the weights of its rows, those of the members (n,), and their slopes within weeks (n, k)."""

    panel: JointPanel
    weight: Floats
    apart: Floats


class HarFit(NamedTuple):
    """One log-HAR for all tickers: `slopes` (4,) on the logs of VARIANCE_FEATURES, and each member's own `intercept` (n,).

    With the intercept the mean of realised ÷ forecast is 1 in the member's panel.
    """

    slopes: Floats
    intercept: Floats


class VarianceSteps(NamedTuple):
    """How pooled variances come about, in logs of daily variances; shape (n,) unless stated otherwise.

    `own` is each ticker's own log-HAR, `terms` (n, k) its terms. `har` is the pooled log-HAR, `intercept` that for each ticker,
    `pooled_har` its forecast within its bound. `rise` is that of the tickers' variance, from which the pooled log-HAR has its
    `pooled_weight`; `level` the mean of own and pooled. `apart` (n, k) are the slopes within weeks, `usual` is the
    ticker's intercept beside them, NaN without enough weeks, and `alone` the ticker's variance without the others' levels.
    `by_terms` is the variance by the terms at that intercept. `gap` is a ticker's level less its terms' part,
    `middle` the location of the members' gaps for each ticker.
    """

    own: Floats
    terms: Floats
    har: HarFit
    intercept: Floats
    pooled_har: Floats
    rise: Floats
    pooled_weight: Floats
    level: Floats
    apart: Floats
    usual: Floats
    alone: Floats
    gap: Floats
    middle: Floats
    by_terms: Floats


class PooledVariances(NamedTuple):
    """Mean daily variances over the horizon, of members and then the untrained, shape (n,).

    By pooled log-HAR, by its log mean with the ticker's own (by itself where there is no own), and as served. `steps` say how.
    """

    pooled_har: Floats
    mixed_har: Floats
    served: Floats
    steps: VarianceSteps


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
    # A ticker alone is shrunk towards zero.
    center = center_of_returns(own[: len(members)], error[: len(members)]) if len(members) > 1 else 0.0
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
    now = with_usual_seasons(np.array([row_terms(row) for row in (*members, *untrained)]))
    # An untrained ticker has the terms, the slopes and the usual level of the kind of bars that most have. Its own few bars do
    # not tell: one jump makes a month with ranges look like closes alone.
    closes = bool(only_closes(fit.panel).mean() > 0.5)
    now[count:] = filled_terms(now[count:], now[:count], closes=closes)
    doubt = math.log(LARGEST_DOUBT)
    trained = np.arange(len(own)) < count
    har = _fitted_har(fit.panel)
    # An untrained ticker's own level is what is usual: by one that stands among few others a bad ticker could move it.
    usual_intercept = np.full(len(own) - count, CLOSES_INTERCEPT if closes else USUAL_INTERCEPT)
    lightest = anchor_by_count(count, INTERCEPT_ANCHOR, LIGHT_INTERCEPT_ANCHOR)
    intercept = np.append(
        anchored_location(har.intercept, har.intercept, bound=PULL, anchor_weight=INTERCEPT_ANCHOR),
        anchored_location(har.intercept, usual_intercept, bound=PULL, anchor_weight=lightest),
    )
    # Row by row: a matrix product may round a row by how many there are.
    pooled_har = (now[:, : len(har.slopes)] * har.slopes).sum(axis=1) + intercept
    pooled_har = np.clip(pooled_har, own - doubt, own + doubt)
    own_rise = now[:, _MONTH] - now[:, _YEAR]
    rise = anchored_location(own_rise[:count], own_rise, bound=PULL, anchor_weight=RISE_ANCHOR)
    pooled_weight = np.where(trained, weight_of_pooled(rise), 1.0)
    level = own + pooled_weight * (pooled_har - own)
    slopes = tuple((CLOSES_SLOPES if closes else USUAL_SLOPES).values())
    apart = np.vstack([fit.apart, np.tile(slopes, (len(own) - count, 1))])
    part = (now * apart).sum(axis=1)
    usual = np.append(_usual_levels(fit), np.full(len(own) - count, CLOSES_LEVEL if closes else USUAL_LEVEL))
    by_terms = np.clip(usual + LEVEL_CORRECTION + part, own - doubt, own + doubt)
    terms_weight = np.where(trained, TERMS_WEIGHT, UNTRAINED_TERMS_WEIGHT)
    alone = np.where(np.isfinite(usual), level + terms_weight * (by_terms - level), level)
    gap = level - part
    anchor = anchor_by_count(count, LEVEL_ANCHOR, LIGHT_ANCHOR)
    middle = anchored_location(gap[:count], alone - part, bound=PULL, anchor_weight=anchor)
    limit = math.log(LARGEST_FACTOR)
    steps = VarianceSteps(
        own,
        now,
        har,
        intercept,
        pooled_har,
        rise,
        pooled_weight,
        level,
        apart,
        usual,
        alone,
        gap,
        middle,
        by_terms,
    )
    served = alone + np.clip(middle + part - alone, -limit, limit)
    mixed = np.where(trained, 0.5 * (own + pooled_har), pooled_har)
    return PooledVariances(np.exp(pooled_har), np.exp(mixed), np.exp(served), steps)


def weight_of_pooled(rise: Floats) -> Floats:
    """Weight in [0, 1] of the pooled log-HAR against each ticker's own, from the rise of variance, shape (n,).

    It is a half as long as the last month is much like the year. Where variance rises, own log-HAR falls back to the calm of
    its three years; the pooled log-HAR, which knows the year's variance, does not. When a crisis passes, the year's variance
    keeps the pooled log-HAR up for a year, and own log-HAR falls in time.
    """
    beyond = np.maximum(rise - RISE_BEGINS, 0.0) + np.minimum(rise + RISE_BEGINS, 0.0)
    weight: Floats = np.clip(0.5 + beyond, 0.0, 1.0)
    return weight


def _usual_levels(fit: JointFit) -> Floats:
    """Mean over each member's panel of the target less its terms' part, shape (n,); NaN for one with too few weeks."""
    counts = fit.panel.counts
    means = np.bincount(tickers_of(fit.panel), without_terms(fit.panel, fit.apart), minlength=len(counts)) / np.maximum(
        counts, 1
    )
    return np.where(counts >= FEWEST_WEEKS, means, np.nan)


def _own_variance(row: Forecast) -> float:
    """Mean daily variance by the ticker's own log-HAR, or what stands in for it in an untrained row."""
    for opinion in row.opinions:
        if opinion.model == BASELINE:
            return opinion.daily_variance
    assert row.annual_volatility is not None, "the row was chosen for its numbers"
    return row.annual_volatility**2 / row.periods_per_year


def _fitted_har(panel: JointPanel) -> HarFit:
    """One log-HAR for all tickers: the prior's slopes, and the level of each ticker's panel.

    Slopes of the table itself forecast worse on all that was tried, in crises above all, and a bad ticker moves them.
    """
    slopes = prior_slopes(VARIANCE_FEATURES)
    rest = panel.target - (panel.terms[:, : len(slopes)] * slopes).sum(axis=1)
    ticker = tickers_of(panel)
    intercept = np.bincount(ticker, rest, minlength=len(panel.counts)) / np.maximum(panel.counts, 1)
    # The level of a mean, not of a mean of logs; an outlying error is no part of it.
    beyond = np.exp(np.clip(rest - intercept[ticker], -LARGEST_ERROR, LARGEST_ERROR))
    found = panel.counts > 0
    level = np.bincount(ticker, beyond, minlength=len(panel.counts))[found] / panel.counts[found]
    intercept[found] += np.log(level)
    # A ticker without a row of the panel has what is usual: by the others' levels a bad ticker could move it.
    return HarFit(slopes, np.where(found, intercept, USUAL_INTERCEPT))
