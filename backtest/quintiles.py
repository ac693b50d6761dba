"""Which fifth of the tickers a ticker's return will fall into: probabilities by simulation, judged as in the M6 competition.

A month's returns of all tickers are drawn together, normal in logs, from volatilities and correlations as a portfolio uses
them; a ticker's probabilities are how often it ranks in each fifth. The ranked probability score is that of M6 (Makridakis et
al. 2024, "The M6 forecasting competition", International Journal of Forecasting): the mean squared difference of the cumulated
probabilities from the outcome, 0.16 for a fifth each.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from backtest.market import Market
from errors import NoDataError
from optimizer.covariance import CORRELATION_BARS, WARM_UP, comovement, covariance_of
from records import TRADING_DAYS, Bars, Floats, Forecast, day_number

FIFTHS: Final = 5
#: Draws of one date: a probability of a fifth has a standard error of 0.3 %.
DRAWS: Final = 20_000
#: Origins closer than this many days are one date: tickers skip days of their own.
_SAME_DATE_DAYS: Final = 8
#: Fewer tickers have no fifths.
_LEAST: Final = 10
#: What volatilities and means the draws were made with.
VARIANTS: Final = ("equal_means", "served_means", "historical_volatility")


@dataclass(frozen=True, slots=True, eq=False)
class Quintiles:
    """n forecasts: by variant the probabilities (n, 5) from the lowest fifth on, and the fifth that came, 0 to 4."""

    rows: list[Forecast]
    probabilities: Mapping[str, Floats]
    realised: np.ndarray

    def score(self, variant: str) -> float:
        """The mean ranked probability score."""
        return ranked_probability_score(self.probabilities[variant], self.realised)


def ranked_probability_score(probabilities: Floats, realised: np.ndarray) -> float:
    """Mean over forecasts of the mean squared difference of cumulated probabilities (n, 5) and outcome (n,)."""
    outcome = np.arange(FIFTHS) >= realised[:, None]
    return float(np.mean((np.cumsum(probabilities, axis=1) - outcome) ** 2))


def fifths_of(returns: Floats) -> np.ndarray:
    """The fifth, 0 to 4, of each return among the others; the last axis runs over tickers, and ties go by its order."""
    rank = np.argsort(np.argsort(returns, axis=-1, kind="stable"), axis=-1, kind="stable")
    fifth: np.ndarray = rank * FIFTHS // returns.shape[-1]
    return fifth


def quintile_probabilities(
    annual_return: Floats,
    covariance: Floats,
    horizon: int,
    *,
    periods: Floats | float = TRADING_DAYS,
    draws: int = DRAWS,
    seed: int = 0,
) -> Floats:
    """Probabilities (n, 5) of the fifths: annual returns (n,) are arithmetic, the annual covariance of log returns (n, n).

    `periods` are the bars a year, of all tickers or of each (n,).
    """
    n = len(annual_return)
    years = np.divide(horizon, periods)
    normal = np.random.default_rng(seed).standard_normal((draws // 2, n))
    # Each draw and its opposite: the means of the draws are right to the last bit.
    moved = np.vstack([normal, -normal]) @ np.linalg.cholesky(covariance).T * np.sqrt(years)
    fifth = fifths_of(moved + (annual_return - 0.5 * np.diag(covariance)) * years)
    return np.stack([(fifth == k).mean(axis=0) for k in range(FIFTHS)], axis=1)


def quintiles_of(bars: Mapping[str, Bars], rows: Sequence[Forecast], realised_return: Floats) -> Quintiles:
    """The probabilities for served rows, date by date, and what came about; dates with too few tickers are left out.

    Raises NoDataError if no date is left.
    """
    market = Market.of(bars)
    kept: list[Forecast] = []
    probabilities: dict[str, list[Floats]] = {name: [] for name in VARIANTS}
    outcomes = []
    for members in _dates(rows):
        tickers = tuple(rows[k].ticker for k in members)
        at = int(np.searchsorted(market.day, max(day_number(rows[k].as_of) for k in members), side="right")) - 1
        try:
            together = comovement(market.known(at, tickers, CORRELATION_BARS + WARM_UP + 1))
        except NoDataError:
            continue
        if len(tickers) < _LEAST or not np.isfinite(together.long_run).all():
            continue
        served = np.array([rows[k].annual_volatility for k in members], dtype=np.float64)
        means = np.array([rows[k].annual_return for k in members], dtype=np.float64)
        used = covariance_of(together.volatilities(served), together.correlation)
        past = covariance_of(together.long_run, together.correlation)
        horizon, equal = rows[members[0]].horizon, np.zeros(len(members))
        periods = np.array([rows[k].periods_per_year for k in members], dtype=np.float64)
        for name, (mean, covariance) in zip(VARIANTS, ((equal, used), (means, used), (equal, past)), strict=True):
            probabilities[name].append(quintile_probabilities(mean, covariance, horizon, periods=periods, seed=at))
        outcomes.append(fifths_of(realised_return[members]))
        kept += [rows[k] for k in members]
    if not kept:
        raise NoDataError(f"no date has {_LEAST} tickers with forecasts and past prices: there are no fifths to forecast")
    return Quintiles(kept, {name: np.vstack(each) for name, each in probabilities.items()}, np.concatenate(outcomes))


def write_quintiles(found: Quintiles, path: Path) -> None:
    """Parquet: ticker, as_of, the probabilities of equal means from the lowest fifth on, and the fifth that came, 1 to 5."""
    import pyarrow as pa  # noqa: PLC0415 - only here
    import pyarrow.parquet as pq  # noqa: PLC0415 - only here

    columns = {"ticker": [row.ticker for row in found.rows], "as_of": [row.as_of for row in found.rows]}
    numbers = {f"quintile_{k + 1}": found.probabilities["equal_means"][:, k] for k in range(FIFTHS)}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns | numbers | {"realised_quintile": found.realised + 1}), path)


def score_lines(found: Quintiles) -> list[str]:
    """The scores, as lines to print."""
    return [
        f"QUINTILES of the return: {len(found.rows)} forecasts; ranked probability score, a fifth each has 0.1600",
        *(f"  {name.replace('_', ' '):24}{found.score(name):8.4f}" for name in VARIANTS),
    ]


def _dates(rows: Sequence[Forecast]) -> list[list[int]]:
    """The indices of rows with numbers, one list a date."""
    order = sorted(
        (k for k, row in enumerate(rows) if row.annual_return is not None and row.annual_volatility is not None),
        key=lambda k: (rows[k].as_of, rows[k].ticker),
    )
    dates: list[list[int]] = []
    for before, k in itertools.pairwise([None, *order]):
        assert k is not None
        if before is None or (rows[k].as_of - rows[before].as_of).days > _SAME_DATE_DAYS:
            dates.append([])
        dates[-1].append(k)
    return dates
