"""Estimates over many tickers from their forecast rows alone: `pool(rows)` gives each row the forecast that all support.

A row is complete by itself; no worker needs another's data, and the result depends on the set of rows only, not on who
trained when or in which order the rows come. What pooling changes (see docs/evaluation.md for what it is worth):

- the return: own means are shrunk towards their mean over tickers instead of towards zero;
- the volatility's level: the mean over tickers of the log mean of own and pooled log-HAR;
- each ticker's distance from that level: slopes estimated within calendar weeks, so that shocks to the whole market cannot
  swamp them (`terms` says on what);
- the weights of the candidates: from the evidence of all tickers together;
- the intervals: from the residuals of all tickers together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from models.baseline import PRIOR_ANNUAL_DISPERSION
from models.combination import BASELINE, blend_returns, blend_variances
from models.evidence import pooled, significance, weight
from models.intervals import return_bounds
from models.regression import PRIOR_SHARE, VARIANCE_FEATURES, log_level_correction, prior_slopes, shrunk_slopes
from models.terms import TERM_NAMES
from records import TRADING_DAYS, Evidence, Floats, Forecast, PoolStatistics

#: Rows whose bar is older than the newest one's by more than this describe another market.
LARGEST_AGE_DAYS: Final = 7
#: Ridge penalty per row on the terms within dates: ten collinear ones, and no prior.
RIDGE: Final = 0.02
#: Own means further from the median than this many deviations count as that far.
OUTLIER: Final = 3.0
#: A pooled variance stays within this factor of the log mean of own and pooled log-HAR: slopes are not for odd tickers.
LARGEST_FACTOR: Final = 2.5
#: Likewise pooled log-HAR beside own: after a crash of one ticker it extrapolates from days that the others never had.
LARGEST_DOUBT: Final = 4.0
#: Two tickers are needed to say anything within a week.
MINIMUM_TICKERS: Final = 2


def pool(rows: Sequence[Forecast]) -> list[Forecast]:
    """The rows, in their order, each with the forecast pooled over all that belong together.

    All rows must have been known at the date for which they are asked: a row from after it would look ahead. Rows that carry no
    statistics (fallbacks), are more than a week older than the newest, or were made under other settings are given back as they
    are; so is a ticker that stands alone. Exact in any order of rows: sums run in the order of tickers.
    """
    members = pool_members(rows)
    if len(members) < MINIMUM_TICKERS:
        return list(rows)
    returns = _pooled_returns(members)
    variances = pooled_variances(members).served
    return_tilt = _best_evidence(members, "return_evidence")
    variance_tilt = _best_evidence(members, "variance_evidence")
    tails = _pooled_tails(members)
    replaced = {}
    for k, row in enumerate(members):
        opinions = {opinion.model: opinion for opinion in row.opinions}
        own = opinions[BASELINE]
        best_return, return_weight = return_tilt if return_tilt[0] in opinions else (BASELINE, 0.0)
        best_volatility, volatility_weight = variance_tilt if variance_tilt[0] in opinions else (BASELINE, 0.0)
        horizon_return = row.horizon * float(returns[k])
        shift = blend_returns(own.horizon_return, opinions[best_return].horizon_return, return_weight) - own.horizon_return
        variance = float(variances[k])
        factor = blend_variances(own.daily_variance, opinions[best_volatility].daily_variance, volatility_weight)
        variance *= factor / own.daily_variance
        bounds = return_bounds(horizon_return + shift, variance, row.horizon, tails)
        replaced[id(row)] = msgspec.structs.replace(
            row,
            annual_return=(horizon_return + shift) * TRADING_DAYS / row.horizon,
            annual_volatility=math.sqrt(variance * TRADING_DAYS),
            lower_80=bounds[0],
            upper_80=bounds[1],
            lower_95=bounds[2],
            upper_95=bounds[3],
            return_model=best_return,
            volatility_model=best_volatility,
            return_weight=return_weight,
            volatility_weight=volatility_weight,
            pooled_tickers=len(members),
        )
    return [replaced.get(id(row), row) for row in rows]


def _is_member(row: Forecast) -> bool:
    return row.pool is not None and any(opinion.model == BASELINE for opinion in row.opinions)


def _statistics(row: Forecast) -> PoolStatistics:
    assert row.pool is not None, "a member has statistics"
    return row.pool


def pool_members(rows: Sequence[Forecast]) -> list[Forecast]:
    """The rows that can be pooled with the newest one, in the order of tickers."""
    able = [row for row in rows if _is_member(row) and np.isfinite(_terms(row)).all()]
    if not able:
        return []
    newest = max(able, key=lambda row: (row.as_of, row.ticker))
    return sorted(
        (
            row
            for row in able
            if (newest.as_of - row.as_of).days <= LARGEST_AGE_DAYS
            and (row.horizon, row.settings_hash) == (newest.horizon, newest.settings_hash)
        ),
        key=lambda row: row.ticker,
    )


def _terms(row: Forecast) -> Floats:
    return np.frombuffer(_statistics(row).terms, dtype="<f4").astype(np.float64)


def _pooled_returns(members: list[Forecast]) -> Floats:
    """Mean daily simple return of each ticker, shrunk towards the mean over tickers, shape (tickers,).

    Empirical Bayes after James and Stein (1961): the dispersion of true means is what own means differ by beyond their sampling
    errors, and at most the prior's.
    """
    own = np.array([_statistics(row).mean_return for row in members])
    error = np.array([_statistics(row).mean_return_variance for row in members])
    own = _winsorised(own, math.sqrt(float(np.median(error))))
    center = float(own.mean())
    dispersion = max(0.0, float(own.var(ddof=1)) - float(error.mean()))
    dispersion = min(dispersion, (PRIOR_ANNUAL_DISPERSION / TRADING_DAYS) ** 2)
    # Some of its own mean is left to each ticker: no two forecasts are one constant.
    dispersion = max(dispersion, (0.2 * PRIOR_ANNUAL_DISPERSION / TRADING_DAYS) ** 2)
    shrunk: Floats = center + dispersion / (dispersion + error) * (own - center)
    return shrunk


def _winsorised(values: Floats, least_spread: float) -> Floats:
    """Values within three spreads of their median: robust deviations, or their usual sampling error if that is larger."""
    center = float(np.median(values))
    spread = max(least_spread, 1.4826 * float(np.median(np.abs(values - center))))
    limited: Floats = np.clip(values, center - OUTLIER * spread, center + OUTLIER * spread)
    return limited


class PooledVariances(NamedTuple):
    """Mean daily variances over the horizon, shape (tickers,): by pooled log-HAR, its log mean with own log-HAR, and served."""

    pooled_har: Floats
    mixed_har: Floats
    served: Floats


def pooled_variances(members: list[Forecast]) -> PooledVariances:
    """The variances of rows that belong together (`pool_members`)."""
    own = np.array(
        [math.log(opinion.daily_variance) for row in members for opinion in row.opinions if opinion.model == BASELINE]
    )
    now = np.array([_terms(row) for row in members])
    weeks = np.concatenate([np.frombuffer(_statistics(row).weeks, dtype="<i4") for row in members])
    width = 1 + len(TERM_NAMES)
    panel = np.concatenate([np.frombuffer(_statistics(row).panel, dtype="<f4").reshape(-1, width) for row in members])
    target, terms = panel[:, 0].astype(np.float64), panel[:, 1:].astype(np.float64)
    if len(target) < 2 * width:
        alone: Floats = np.exp(own)
        return PooledVariances(alone, alone, alone)
    har = len(VARIANCE_FEATURES)
    slopes = shrunk_slopes(
        target - target.mean(), terms[:, :har] - terms[:, :har].mean(axis=0), prior_slopes(VARIANCE_FEATURES), PRIOR_SHARE
    )
    intercept = float(target.mean() - terms[:, :har].mean(axis=0) @ slopes)
    correction = log_level_correction(target - terms[:, :har] @ slopes - intercept)
    doubt = math.log(LARGEST_DOUBT)
    pooled_har = np.clip(now[:, :har] @ slopes + intercept + correction, own - doubt, own + doubt)
    level = 0.5 * (own + pooled_har)
    apart = shrunk_slopes(_within(target, weeks), _within(terms, weeks), np.zeros(len(TERM_NAMES)), RIDGE)
    distance = (now - now.mean(axis=0)) @ apart
    share = 1.0 - MINIMUM_TICKERS / len(members)
    spread = share * (level.mean() + distance - level)
    limit = math.log(LARGEST_FACTOR)
    return PooledVariances(np.exp(pooled_har), np.exp(level), np.exp(level + np.clip(spread, -limit, limit)))


def _within(values: Floats, groups: np.ndarray) -> Floats:
    """Values less their group's mean; shape as given, (n,) or (n, k)."""
    _, index, count = np.unique(groups, return_inverse=True, return_counts=True)
    sums = np.zeros((len(count), *values.shape[1:]))
    np.add.at(sums, index, values)
    means = sums / count.reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(values - means[index])


def _best_evidence(members: list[Forecast], field: str) -> tuple[str, float]:
    """The candidate with the most significant evidence over all tickers, and the weight that it has earned."""
    evidence: dict[str, list[Evidence]] = {}
    for row in members:
        for candidate in row.candidates:
            part = getattr(candidate, field)
            if part is not None:
                evidence.setdefault(candidate.model, []).append(part)
    totals = {name: pooled(parts) for name, parts in evidence.items()}
    best = max(totals, key=lambda name: significance(totals[name]), default=BASELINE)
    earned = weight(totals[best]) if best in totals else 0.0
    return (best, earned) if earned > 0.0 else (BASELINE, 0.0)


def _pooled_tails(members: list[Forecast]) -> tuple[float, float] | None:
    tails = [tail for row in members if (tail := _statistics(row).tails) is not None]
    if not tails:
        return None
    low, high = np.median(np.array(tails), axis=0)
    return float(low), float(high)
