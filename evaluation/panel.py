"""All forecasts of all tickers as one table: per forecaster an array over (ticker, origin), pooled date by date."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.origins import Origin, TickerResult
from models.pooling.contribution import variance_factor
from models.pooling.cross_section import pooled_variances
from models.pooling.pool import LARGEST_AGE_DAYS, pool, pool_members
from records import Floats, Forecast

SERVED: Final = "served"
ALONE: Final = "served_alone"
ARGMIN: Final = "argmin"
#: The served variance as it would be with weight 0 for every candidate but the baseline.
WITHOUT: Final = "no_weight"


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """n forecasts, arrays of shape (n,): what was expected of the return and of the variance, by forecaster, and what came.

    `rows` are the served (pooled) rows, `alone` the same rows before pooling; NaN stands where a forecaster had no forecast.
    """

    rows: list[Forecast]
    alone: list[Forecast]
    date: np.ndarray
    ticker: np.ndarray
    realised_return: Floats
    realised_variance: Floats
    own_mean: Floats
    returns: dict[str, Floats]
    variances: dict[str, Floats]

    def periods_per_year(self) -> Floats:
        """Bars a year of each forecast's ticker, shape (n,)."""
        return np.array([row.periods_per_year for row in self.rows], dtype=np.float64)


def build_panel(results: Sequence[TickerResult]) -> Panel:
    """Pool the rows of each date and line everything up, by date and then ticker."""
    origins = sorted(
        (origin for result in results for origin in result.origins), key=lambda origin: (origin.row.as_of, origin.row.ticker)
    )
    served, mixed, cross_section = _pooled(origins)
    n = len(origins)
    returns: dict[str, Floats] = defaultdict(lambda: np.full(n, np.nan))
    variances: dict[str, Floats] = defaultdict(lambda: np.full(n, np.nan))
    for k, origin in enumerate(origins):
        for name, row in ((SERVED, served[k]), (ALONE, origin.row)):
            if row.annual_return is not None and row.annual_volatility is not None:
                returns[name][k] = row.annual_return * row.horizon / row.periods_per_year
                variances[name][k] = row.annual_volatility**2 / row.periods_per_year
        variances[WITHOUT][k] = variances[SERVED][k] / variance_factor(served[k])
        for opinion in origin.row.opinions:
            returns[opinion.model][k] = opinion.horizon_return
            variances[opinion.model][k] = opinion.daily_variance
            if opinion.model == origin.row.best_return_model:
                returns[ARGMIN][k] = opinion.horizon_return
            if opinion.model == origin.row.best_volatility_model:
                variances[ARGMIN][k] = opinion.daily_variance
        for name, variance in origin.variances.items():
            variances[name][k] = variance
        for name, variance in mixed[k].items():
            variances[name][k] = variance
    own_mean = np.array([origin.own_mean for origin in origins])
    date = np.array([origin.row.as_of.toordinal() for origin in origins])
    returns["zero"][:] = 0.0
    returns["own_mean"][:] = own_mean
    returns["cross_section_mean"][:] = cross_section
    return Panel(
        served,
        [origin.row for origin in origins],
        date,
        np.array([origin.row.ticker for origin in origins]),
        np.array([origin.realised_return for origin in origins]),
        np.array([origin.realised_variance for origin in origins]),
        own_mean,
        dict(returns),
        dict(variances),
    )


def _pooled(origins: list[Origin]) -> tuple[list[Forecast], list[dict[str, float]], list[float]]:
    """Per origin, from the rows known on its date: the served row, the pooled log-HAR benchmarks, the mean of own means."""
    by_date: dict[dt.date, list[int]] = defaultdict(list)
    for k, origin in enumerate(origins):
        by_date[origin.row.as_of].append(k)
    served = [origin.row for origin in origins]
    mixed: list[dict[str, float]] = [{} for _ in origins]
    cross_section = [0.0] * len(origins)
    newest: dict[str, Origin] = {}
    for date in sorted(by_date):
        newest |= {origins[k].row.ticker: origins[k] for k in by_date[date]}
        recent = [origin for origin in newest.values() if (date - origin.row.as_of).days <= LARGEST_AGE_DAYS]
        mean = float(np.mean([origin.own_mean for origin in recent]))
        known = [origin.row for origin in recent]
        pooled = {row.ticker: row for row in pool(known)}
        members = pool_members(known)
        parts = pooled_variances(members) if len(members) > 1 else None
        place = {row.ticker: j for j, row in enumerate(members)}
        for k in by_date[date]:
            ticker = origins[k].row.ticker
            served[k] = pooled[ticker]
            cross_section[k] = mean
            if parts is not None and ticker in place:
                j = place[ticker]
                mixed[k] = {"har_pooled": float(parts.pooled_har[j]), "har_mixed": float(parts.mixed_har[j])}
    return served, mixed, cross_section


def trained_share(panel: Panel) -> float:
    """Share of forecasts with a trained model's part in them."""
    return sum(row.fallback is None and row.annual_return is not None for row in panel.alone) / max(1, len(panel.alone))


def thirds_by_volatility(panel: Panel) -> list[np.ndarray]:
    """Masks of the forecasts of the calm, middle and wild third of tickers, by their mean realised variance."""
    tickers = np.unique(panel.ticker)
    level = np.array([math.sqrt(panel.realised_variance[panel.ticker == ticker].mean()) for ticker in tickers])
    ranked = tickers[np.argsort(level, kind="stable")]
    return [np.isin(panel.ticker, part) for part in np.array_split(ranked, 3)]
