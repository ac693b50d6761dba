"""Scores of every forecaster in a panel, each against the served forecast on the origins that both forecast."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.panel import ALONE, SERVED, WITHOUT, Panel, thirds_by_volatility
from models.selection.metrics import out_of_sample_r2, qlike_losses, rmse
from records import Floats


@dataclass(frozen=True, slots=True)
class ReturnScore:
    """Of forecasts of the simple return over the horizon. `rank_ic` is the mean over dates of Spearman's correlation.

    `t_served` is Diebold and Mariano's (1995) statistic on the dates' mean squared errors: positive where the served one
    errs less.
    """

    name: str
    forecasts: int
    r2_zero: float | None
    r2_own: float | None
    r2_cross_section: float | None
    rmse: float
    rank_ic: float
    t_served: float


@dataclass(frozen=True, slots=True)
class VolatilityScore:
    """Of forecasts of the variance; `rmse` of annual volatility. `t_served` is on the dates' mean QLIKE.

    `slope` is Mincer and Zarnowitz's (1969): of realised on forecast annual volatility, 1 when neither too wild nor too tame.
    """

    name: str
    forecasts: int
    qlike: float
    rmse: float
    slope: float
    t_served: float


@dataclass(frozen=True, slots=True)
class IntervalScore:
    """Coverage of both intervals over a part of the tickers, and Gneiting and Raftery's (2007) interval scores."""

    name: str
    forecasts: int
    coverage_80: float
    coverage_95: float
    score_80: float
    score_95: float


@dataclass(frozen=True, slots=True)
class WeightScore:
    """QLIKE of the served forecast ÷ that without any weight: pooled, and the mean of the tickers' own ratios.

    `better` is the share of tickers that gain, `t` Diebold and Mariano's statistic: negative where the weight helps.
    """

    forecasts: int
    ratio: float
    ticker_ratio: float
    better: float
    t: float


@dataclass(frozen=True, slots=True)
class UntrainedScore:
    """QLIKE of the rows without a trained model: by their own past, and as the other tickers' rows correct it."""

    forecasts: int
    qlike_alone: float
    qlike_pooled: float


def return_scores(panel: Panel) -> list[ReturnScore]:
    """One per forecaster of the return, over the origins that have the served forecast by a trained model."""
    cross = panel.returns["cross_section_mean"]
    zero = np.zeros(len(cross))
    everywhere = scored(panel)
    scores = []
    for name, forecast in panel.returns.items():
        rows = everywhere & np.isfinite(forecast)
        if not rows.any():
            continue
        f, y = forecast[rows], panel.realised_return[rows]
        loss = (y - f) ** 2 - (y - panel.returns[SERVED][rows]) ** 2
        r2_zero, r2_own, r2_cross = (out_of_sample_r2(f, y, benchmark[rows]) for benchmark in (zero, panel.own_mean, cross))
        date = panel.date[rows]
        scores.append(
            ReturnScore(name, len(f), r2_zero, r2_own, r2_cross, rmse(f, y), _rank_ic(f, y, date), date_t(loss, date))
        )
    return sorted(scores, key=lambda score: score.rmse)


def volatility_scores(panel: Panel, part: np.ndarray | None = None) -> list[VolatilityScore]:
    """One per forecaster of the variance, best first; `part` is a mask of the forecasts to score, default all."""
    everywhere = scored(panel) if part is None else scored(panel) & part
    scores = []
    for name, forecast in panel.variances.items():
        rows = everywhere & np.isfinite(forecast)
        if not rows.any():
            continue
        f, y = forecast[rows], panel.realised_variance[rows]
        losses = qlike_losses(f, y)
        difference = losses - qlike_losses(panel.variances[SERVED][rows], y)
        periods = panel.periods_per_year()[rows]
        deviation, realised = np.sqrt(f * periods), np.sqrt(y * periods)
        slope = float(np.cov(deviation, realised)[0, 1] / np.var(deviation, ddof=1)) if len(f) > 1 else float("nan")
        scores.append(
            VolatilityScore(
                name, len(f), float(losses.mean()), rmse(deviation, realised), slope, date_t(difference, panel.date[rows])
            )
        )
    return sorted(scores, key=lambda score: score.qlike)


def interval_scores(panel: Panel) -> list[IntervalScore]:
    """Of the served intervals: all tickers, and each third of them by volatility that has a trained forecast."""
    names = ("all tickers", "calm third", "middle third", "wild third")
    bounds = np.array([[row.lower_80, row.upper_80, row.lower_95, row.upper_95] for row in panel.rows], dtype=np.float64)
    trained = scored(panel)
    scores = []
    for name, part in zip(names, [np.ones(len(bounds), dtype=np.bool_), *thirds_by_volatility(panel)], strict=True):
        rows = trained & part & np.isfinite(bounds).all(axis=1)
        if not rows.any():
            continue
        y = panel.realised_return[rows]
        inside, penalties = [], []
        for low, high, miss in ((0, 1, 0.20), (2, 3, 0.05)):
            lower, upper = bounds[rows, low], bounds[rows, high]
            inside.append(float(np.mean((y >= lower) & (y <= upper))))
            outside = np.maximum(lower - y, 0.0) + np.maximum(y - upper, 0.0)
            penalties.append(float(np.mean(upper - lower + 2.0 / miss * outside)))
        scores.append(IntervalScore(name, len(y), *inside, *penalties))
    return scores


#: Origins of a ticker below which its own ratio is noise.
LEAST_ORIGINS: Final = 6


def weight_score(panel: Panel, part: np.ndarray | None = None) -> WeightScore | None:
    """What the candidates' weight is worth, over the forecasts of a mask; None without any."""
    rows = scored(panel) if part is None else scored(panel) & part
    if not rows.any():
        return None
    served, without = (qlike_losses(panel.variances[name][rows], panel.realised_variance[rows]) for name in (SERVED, WITHOUT))
    _, ticker, count = np.unique(panel.ticker[rows], return_inverse=True, return_counts=True)
    ratios = (np.bincount(ticker, served) / np.bincount(ticker, without))[count >= LEAST_ORIGINS]
    return WeightScore(
        int(rows.sum()),
        float(served.mean() / without.mean()),
        float(ratios.mean()) if len(ratios) else float("nan"),
        float((ratios < 1.0).mean()) if len(ratios) else float("nan"),
        date_t(served - without, panel.date[rows]),
    )


def untrained_score(panel: Panel) -> UntrainedScore | None:
    """Of the rows that pooling has given a forecast without a trained model; None where there are none."""
    rows = np.array([row.fallback is not None and row.pooled_tickers > 1 for row in panel.rows])
    if not rows.any():
        return None
    alone, pooled = (
        float(qlike_losses(panel.variances[name][rows], panel.realised_variance[rows]).mean()) for name in (ALONE, SERVED)
    )
    return UntrainedScore(int(rows.sum()), alone, pooled)


def repeated_forecasts(panel: Panel) -> int:
    """Number of forecasts whose return or volatility equals that of another ticker on the same date to the last bit."""
    repeated = np.zeros(len(panel.rows), dtype=np.bool_)
    for name in ("annual_return", "annual_volatility"):
        count = Counter((row.as_of, getattr(row, name)) for row in panel.rows)
        repeated |= [getattr(row, name) is not None and count[row.as_of, getattr(row, name)] > 1 for row in panel.rows]
    return int(repeated.sum())


def scored(panel: Panel) -> np.ndarray:
    """Mask of the forecasts with a trained model's part, shape (n,)."""
    return np.array([row.fallback is None and row.annual_return is not None for row in panel.rows])


def _rank_ic(forecast: Floats, realised: Floats, date: np.ndarray) -> float:
    values = []
    for day in np.unique(date):
        rows = date == day
        if np.count_nonzero(rows) > 2 and np.ptp(forecast[rows]) > 0.0:
            ranks = [np.argsort(np.argsort(part[rows], kind="stable"), kind="stable") for part in (forecast, realised)]
            values.append(float(np.corrcoef(ranks[0], ranks[1])[0, 1]))
    return float(np.mean(values)) if values else float("nan")


def date_t(difference: Floats, date: np.ndarray) -> float:
    """The t statistic of the mean over dates: one date's tickers share its shocks, different dates' horizons do not overlap."""
    _, index = np.unique(date, return_inverse=True)
    means = np.bincount(index, difference) / np.bincount(index)
    spread = float(means.std(ddof=1)) if len(means) > 1 else 0.0
    return float(means.mean()) / spread * float(np.sqrt(len(means))) if spread > 0.0 else 0.0
