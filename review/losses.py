"""Losses of judged forecasts against the baseline, and whether a difference is proven. Pure.

Horizons of neighbouring dates share bars, and tickers of one date share its shocks. So a difference is judged by the means of
blocks of dates, each a horizon long: their spread is an honest standard error, a t statistic of many tickers' rows is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from models.selection.metrics import out_of_sample_r2, qlike_losses, rmse
from records import Floats, date_of
from review.outcomes import Judged

#: Horizons that must have ended before anything is called proven.
LEAST_BLOCKS: Final = 4
#: Two-sided 95 % quantiles of Student's t by degrees of freedom (blocks - 1), from 3 on; 1.96 beyond the last.
_T_95: Final = (3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10, 2.09)
_BEYOND: Final = 1.96


class Estimate(NamedTuple):
    """A mean with its 95 % interval over `blocks` blocks of dates; None while there are fewer than `LEAST_BLOCKS`."""

    mean: float
    interval: tuple[float, float] | None
    blocks: int


@dataclass(frozen=True, slots=True)
class Losses:
    """Of n forecasts: of the return (simple, over the horizon) and of the volatility (annual), served and for comparison.

    `return_r2` compares with the ticker's own mean return (Campbell and Thompson 2008), None where no row carries it;
    `return_r2_zero` with 0. `qlike_gain` is QLIKE of the baseline less that of the served forecast: positive is better.
    Coverages are shares of returns inside the intervals.
    """

    forecasts: int
    return_rmse: float
    return_rmse_mean: float | None
    return_r2: float | None
    return_r2_zero: float | None
    qlike: float
    qlike_baseline: float
    volatility_rmse: float
    volatility_rmse_baseline: float
    qlike_gain: Estimate
    cover_80: Estimate
    cover_95: Estimate


def losses_of(judged: Judged) -> Losses:
    """The losses of all these forecasts, at least one, of one horizon."""
    returns, came = judged.column("horizon_return"), judged.realised_return
    mean = judged.column("mean_return")
    known = np.isfinite(mean)
    served, base, realised = judged.column("daily_variance"), judged.column("base_variance"), judged.realised_variance
    periods = judged.column("periods_per_year")
    volatility, base_volatility, realised_volatility = (np.sqrt(part * periods) for part in (served, base, realised))
    qlike, qlike_baseline = qlike_losses(served, realised), qlike_losses(base, realised)
    inside_80, inside_95 = inside(judged)
    return Losses(
        forecasts=len(judged),
        return_rmse=rmse(returns, came),
        return_rmse_mean=rmse(mean[known], came[known]) if known.any() else None,
        return_r2=out_of_sample_r2(returns[known], came[known], mean[known]) if known.any() else None,
        return_r2_zero=out_of_sample_r2(returns, came, np.zeros(len(came))),
        qlike=float(qlike.mean()),
        qlike_baseline=float(qlike_baseline.mean()),
        volatility_rmse=rmse(volatility, realised_volatility),
        volatility_rmse_baseline=rmse(base_volatility, realised_volatility),
        qlike_gain=estimate(judged, qlike_baseline - qlike),
        cover_80=coverage(judged, inside_80, 0.80),
        cover_95=coverage(judged, inside_95, 0.95),
    )


def inside(judged: Judged) -> tuple[np.ndarray, np.ndarray]:
    """Whether each return came inside its 80 and its 95 % interval."""
    came = judged.realised_return
    first, second = (
        (judged.column(f"lower_{level}") <= came) & (came <= judged.column(f"upper_{level}")) for level in (80, 95)
    )
    return first, second


def estimate(judged: Judged, values: Floats) -> Estimate:
    """The mean of the values with its interval from the means of the blocks."""
    block = blocks(judged)
    means = np.bincount(block, values) / np.bincount(block)
    count, mean = len(means), float(values.mean())
    if count < LEAST_BLOCKS:
        return Estimate(mean, None, count)
    quantile = _T_95[count - LEAST_BLOCKS] if count - LEAST_BLOCKS < len(_T_95) else _BEYOND
    half = quantile * float(means.std(ddof=1)) / count**0.5
    return Estimate(mean, (mean - half, mean + half), count)


def coverage(judged: Judged, is_inside: np.ndarray, level: float) -> Estimate:
    """The share inside; its interval is never narrower than if all forecasts were independent and right.

    Without that, few forecasts that all came inside would prove an interval too wide.
    """
    found = estimate(judged, is_inside.astype(np.float64))
    if found.interval is None:
        return found
    least = _BEYOND * (level * (1.0 - level) / len(judged)) ** 0.5
    low, high = found.interval
    return found._replace(interval=(min(low, found.mean - least), max(high, found.mean + least)))


def blocks(judged: Judged) -> np.ndarray:
    """The number of each forecast's block, from 0: a block ends where the horizon of its first date does."""
    numbers = np.empty(len(judged), dtype=np.int64)
    number, end = -1, -1
    for k in range(len(judged)):  # by date
        if judged.day[k] >= end:
            number += 1
            end = int(judged.last_day[k])
        numbers[k] = number
    return numbers


def by_horizon(judged: Judged) -> dict[int, Judged]:
    """The forecasts of each horizon."""
    return _grouped(judged, np.array([each.horizon for each in judged.forecasts], dtype=np.int64))


def by_month(judged: Judged) -> dict[str, Judged]:
    """The forecasts of each month (YYYY-MM) of `as_of`."""
    return _grouped(judged, np.array([f"{date_of(int(day)):%Y-%m}" for day in judged.day]))


def by_model(judged: Judged) -> dict[str, Judged]:
    """The forecasts of each model that the volatility came from."""
    return _grouped(judged, np.array([each.model for each in judged.forecasts]))


def by_ticker(judged: Judged) -> dict[str, Judged]:
    """The forecasts of each ticker."""
    return _grouped(judged, np.array([each.ticker for each in judged.forecasts]))


def _grouped(judged: Judged, keys: np.ndarray) -> dict[Any, Judged]:
    return {key.item(): judged.part(keys == key) for key in np.unique(keys)}
