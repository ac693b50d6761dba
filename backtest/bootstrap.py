"""Intervals for the differences between strategies: the circular block bootstrap over days, the same blocks for all.

Daily returns of two portfolios of the same shares move together, and volatility clusters: whole blocks of days are drawn, for
all strategies and universes at once, so both kinds of dependence stay in (Politis and Romano 1992; for differences of Sharpe
ratios Ledoit and Wolf 2008, "Robust performance hypothesis testing with the Sharpe ratio", JEF 15). Universes overlap and
share their days, so they are averaged within a draw and never counted as independent samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from records import Floats

#: Days of a block: a holding period.
BLOCK: Final = 21
DRAWS: Final = 2000
#: Share of draws inside an interval.
LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True)
class Difference:
    """Ours less the rival's, and the interval of it. `volatility_ratio` is ours over the rival's, with its interval."""

    ours: str
    rival: str
    sharpe: float
    sharpe_interval: tuple[float, float]
    annual_return: float
    annual_return_interval: tuple[float, float]
    volatility_ratio: float
    volatility_ratio_interval: tuple[float, float]

    @property
    def verdict(self) -> str:
        """What the Sharpe ratio's interval proves."""
        low, high = self.sharpe_interval
        if low <= 0.0 <= high or not math.isfinite(low + high):
            return "no proven difference"
        return "better" if low > 0.0 else "worse"


def block_counts(days: int, *, block: int = BLOCK, draws: int = DRAWS, seed: int = 0) -> Floats:
    """How often each day is drawn, (draws, days): circular blocks until there are as many days again."""
    rng = np.random.default_rng(seed)
    block = min(block, days)
    starts = rng.integers(0, days, (draws, -(-days // block)))
    drawn = ((starts[:, :, None] + np.arange(block)) % days).reshape(draws, -1)[:, :days]
    counts = np.zeros((draws, days))
    np.add.at(counts, (np.arange(draws)[:, None], drawn), 1.0)
    return counts


def differences(
    returns: Mapping[str, Floats], cash: Floats, per_year: float, pairs: list[tuple[str, str]], *, seed: int = 0
) -> list[Difference]:
    """The differences of each pair (ours, rival) of `returns`, each (days, universes), with `cash` (days,) for the excess.

    Statistics are of each universe and then averaged over universes, in the sample as in every draw.
    """
    days = len(cash)
    counts = np.vstack([np.full(days, 1.0), block_counts(days, seed=seed)]) / days
    names = sorted({name for pair in pairs for name in pair})
    mean, deviation = {}, {}
    for name in names:
        excess = returns[name] - cash[:, None]
        first, second = counts @ excess, counts @ excess**2
        mean[name] = first * per_year
        deviation[name] = np.sqrt(np.maximum(second - first**2, 1e-18) * per_year)
    found = []
    for ours, rival in pairs:
        sharpe = (mean[ours] / deviation[ours] - mean[rival] / deviation[rival]).mean(axis=1)
        earned = (mean[ours] - mean[rival]).mean(axis=1)
        ratio = np.exp(np.log(deviation[ours] / deviation[rival]).mean(axis=1))
        found.append(
            Difference(
                ours, rival, float(sharpe[0]), _interval(sharpe[1:]), float(earned[0]), _interval(earned[1:]),
                float(ratio[0]), _interval(ratio[1:]),
            )
        )  # fmt: skip
    return found


def _interval(draws: Floats) -> tuple[float, float]:
    low, high = np.quantile(draws, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    return float(low), float(high)


def break_even_cost(gross_advantage: float, extra_turnover_per_year: float) -> float | None:
    """Cost per unit traded at which ours earns no more than the rival; None where ours trades no more than it."""
    return gross_advantage / extra_turnover_per_year if extra_turnover_per_year > 1e-9 else None
