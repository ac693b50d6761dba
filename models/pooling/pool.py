"""Estimates over many tickers from their forecast rows alone: `pool(rows)` gives each row the forecast that all support.

A row is complete by itself; no worker needs another's data, and the result depends on the set of rows only, not on who
trained when or in which order the rows come. What pooling changes (see docs/evaluation.md for what it is worth):

- the return: own means are shrunk towards their centre instead of towards zero (`shrinkage`);
- the volatility's level: between own and pooled log-HAR, the more of pooled the more variance rises; located among the tickers;
- each ticker's distance from that level: usual slopes on its terms (`terms`). Tables of more than 60 tickers add a part of
  their own, estimated within calendar weeks, so that shocks to the whole market cannot swamp it;
- the weights of the candidates: from the evidence of all tickers together;
- the intervals: from the residuals of all tickers together;
- a ticker without a trained model, too young for one above all: the pooled estimates in place of its own past.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from models.intervals import largest_tails, return_bounds
from models.pooling.cross_section import (
    JointFit,
    PooledReturns,
    PooledVariances,
    joint_fit,
    pooled_returns,
    pooled_variances,
)
from models.pooling.joint_panel import delta_evidence, evidence_share, residual_within_weeks, row_terms, statistics_of
from models.pooling.shrinkage import limited_return
from models.pooling.terms import SHORTEST_TERM, TERM_NAMES
from models.selection.combination import BASELINE, Tilt, best_tilt, blend_returns, blend_variances, priors
from models.selection.evidence import pooled
from records import Evidence, Forecast, LossMonitor

#: Rows whose bar is older than the newest one's by more than this describe another market.
LARGEST_AGE_DAYS: Final = 7
SHORTEST: Final = TERM_NAMES.index(SHORTEST_TERM)
#: Name of the estimate that pooling makes for a ticker without a trained model.
POOLED: Final = "pooled"


class PoolEstimates(NamedTuple):
    """What is estimated over the rows that belong together: of `members` and then `untrained`, (n,), and of all of them."""

    members: list[Forecast]
    untrained: list[Forecast]
    returns: PooledReturns
    variances: PooledVariances
    return_tilt: Tilt
    variance_tilt: Tilt
    tails: tuple[float, float] | None


def all_estimates(rows: Sequence[Forecast]) -> Iterator[PoolEstimates]:
    """The estimates of each group of rows that belong together, from the newest group on.

    So a ticker whose dates are wrong is a group by itself, and takes nobody's pool away.
    """
    rest = list(rows)
    while (estimates := pool_estimates(rest)) is not None:
        yield estimates
        pooled_now = {id(row) for row in (*estimates.members, *estimates.untrained)}
        rest = [row for row in rest if id(row) not in pooled_now]


def pool_estimates(rows: Sequence[Forecast]) -> PoolEstimates | None:
    """The estimates of the newest group; None where no row has a trained model."""
    members = pool_members(rows)
    if not members:
        return None
    untrained = untrained_rows(rows, members)
    fit = joint_fit(members)
    return PoolEstimates(
        members,
        untrained,
        pooled_returns(members, untrained),
        pooled_variances(members, untrained, fit),
        _return_tilt(members),
        _variance_tilt(members, fit),
        _pooled_tails(members),
    )


def pool(rows: Sequence[Forecast]) -> list[Forecast]:
    """The rows, in their order, each with the forecast pooled over all that belong together.

    All rows must have been known at the date for which they are asked: a row from after it would look ahead. Rows more than a
    week older than the newest, and those made under other settings, are pooled among themselves. Rows without numbers are given
    back as they are. Exact in any order of rows: sums run in the order of tickers.
    """
    replaced: dict[int, Forecast] = {}
    for estimates in all_estimates(rows):
        replaced |= _served(estimates)
    return [replaced.get(id(row), row) for row in rows]


def _served(estimates: PoolEstimates) -> dict[int, Forecast]:
    """The rows of one group as they are served, by the identity of the rows as written."""
    returns, variances = estimates.returns.served.tolist(), estimates.variances.served.tolist()
    replaced = {}
    for row, daily_return, pooled_variance in zip((*estimates.members, *estimates.untrained), returns, variances, strict=True):
        opinions = {opinion.model: opinion for opinion in row.opinions}
        by_return, by_variance = applied_tilts(estimates, row)
        horizon_return, daily_variance = row.horizon * daily_return, pooled_variance
        if by_return.weight > 0.0:
            own, best = opinions[BASELINE].horizon_return, opinions[by_return.model].horizon_return
            horizon_return += blend_returns(own, best, by_return.weight) - own
        if by_variance.weight > 0.0:
            own, best = opinions[BASELINE].daily_variance, opinions[by_variance.model].daily_variance
            daily_variance *= blend_variances(own, best, by_variance.weight) / own
        annual_return, steps = limited_return(horizon_return * row.periods_per_year / row.horizon, row.fallbacks)
        bounds = return_bounds(annual_return * row.horizon / row.periods_per_year, daily_variance, row.horizon, estimates.tails)
        replaced[id(row)] = msgspec.structs.replace(
            row,
            annual_return=annual_return,
            annual_volatility=math.sqrt(daily_variance * row.periods_per_year),
            lower_80=bounds[0],
            upper_80=bounds[1],
            lower_95=bounds[2],
            upper_95=bounds[3],
            return_model=by_return.model,
            volatility_model=by_variance.model,
            fallback=None if row.fallback is None else POOLED,
            return_weight=by_return.weight,
            volatility_weight=by_variance.weight,
            pooled_tickers=len(estimates.members),
            fallbacks=steps,
        )
    return replaced


def pool_members(rows: Sequence[Forecast]) -> list[Forecast]:
    """The rows with a trained model that can be pooled with the newest one of them, in the order of tickers."""
    able = [row for row in rows if _is_trained(row) and np.isfinite(row_terms(row)).all()]
    if not able:
        return []
    newest = max(able, key=lambda row: (row.as_of, row.ticker))
    return sorted((row for row in able if _belongs(row, newest)), key=lambda row: row.ticker)


def untrained_rows(rows: Sequence[Forecast], members: Sequence[Forecast]) -> list[Forecast]:
    """The rows without a trained model that the members can speak for, in the order of tickers."""
    newest = max(members, key=lambda row: (row.as_of, row.ticker))
    able = (row for row in rows if row.pool is not None and not _is_trained(row) and _belongs(row, newest))
    # A month of bars is needed for any estimate, and a week for the shortest term.
    return sorted((row for row in able if math.isfinite(row_terms(row)[SHORTEST])), key=lambda row: row.ticker)


def _is_trained(row: Forecast) -> bool:
    return row.pool is not None and any(opinion.model == BASELINE for opinion in row.opinions)


def _belongs(row: Forecast, newest: Forecast) -> bool:
    return abs((newest.as_of - row.as_of).days) <= LARGEST_AGE_DAYS and (row.horizon, row.settings_hash) == (
        newest.horizon,
        newest.settings_hash,
    )


def _return_tilt(members: list[Forecast]) -> Tilt:
    evidence = _candidates_evidence(members, "return_evidence")
    return best_tilt(evidence, {})


def _variance_tilt(members: list[Forecast], fit: JointFit) -> Tilt:
    """Of the candidates that follow the market model by their δ within weeks, of the others by their own validations."""
    evidence = _candidates_evidence(members, "variance_evidence")
    prior = priors(evidence)
    if not prior:
        return best_tilt(evidence, prior)
    residual = residual_within_weeks(fit.panel, fit.apart)
    for name in prior:
        found = delta_evidence(members, fit.panel, residual, name)
        if found is not None:
            evidence[name] = found
    return best_tilt(evidence, prior)


def _candidates_evidence(members: list[Forecast], field: str) -> dict[str, Evidence]:
    """By candidate, from their validations by all tickers; none in small tables, where another ticker would turn it."""
    evidence: dict[str, list[Evidence]] = {}
    for row in members:
        for candidate in row.candidates:
            part = getattr(candidate, field)
            if part is not None:
                evidence.setdefault(candidate.model, []).append(part)
    share = evidence_share(len(members))
    if share == 0.0:
        return dict.fromkeys(evidence, Evidence(square=0.0, product=0.0, error=0.0))
    found = {name: pooled(parts) for name, parts in evidence.items()}
    return {name: msgspec.structs.replace(part, error=part.error / math.sqrt(share)) for name, part in found.items()}


def applied_tilts(estimates: PoolEstimates, row: Forecast) -> tuple[Tilt, Tilt]:
    """The tilt of the return and that of the variance, as far as this row takes part in them."""
    drift = row.drift
    return (
        _applied(estimates.return_tilt, row, None if drift is None else drift.returns),
        _applied(estimates.variance_tilt, row, None if drift is None else drift.variance),
    )


def _applied(tilt: Tilt, row: Forecast, monitor: LossMonitor | None) -> Tilt:
    """The tilt as far as this row takes part in it: not without the candidate, nor where drift has displaced it."""
    displaced = monitor is not None and monitor.alarm is not None
    lacking = all(opinion.model != tilt.model for opinion in row.opinions)
    return Tilt(BASELINE if row.fallback is None else POOLED, 0.0) if displaced or lacking or tilt.weight == 0.0 else tilt


def _pooled_tails(members: list[Forecast]) -> tuple[float, float] | None:
    tails = [tail for row in members if (tail := statistics_of(row).tails) is not None]
    if not tails:
        return None
    low, high = np.median(np.minimum(tails, largest_tails()), axis=0)
    return float(low), float(high)
