"""The strategies that a backtest compares, each a pure function of what was known on the day of the decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from errors import InfeasibleTargetError, NoDataError
from optimizer import frontier
from optimizer.allocation import Goal, allocate
from optimizer.correlation import shrunk_correlation
from optimizer.covariance import Comovement, comovement, covariance_of
from optimizer.expectations import used_estimates
from optimizer.frontier import Assets, Limits
from optimizer.historical import past_estimates
from optimizer.lookup import Estimate
from optimizer.prices import PriceTable
from optimizer.rounding import rounded_weights
from records import Floats, periods_per_year

#: Bars of the classic estimates: two years, as Ledoit and Wolf's users take.
CLASSIC_BARS: Final = 504


@dataclass(frozen=True, eq=False)
class Known:
    """What a decision may rest on. `prices` ends on the day of the decision; `estimates` are in the order of its tickers."""

    prices: PriceTable
    estimates: tuple[Estimate, ...]
    risk_free_rate: float
    target_risk: float
    weight_cap: float
    market_premium: float

    @cached_property
    def limits(self) -> Limits:
        """Long only, fully invested, no weight above the cap."""
        return Limits(cap=max(self.weight_cap, min(1.0, 2.0 / len(self.prices))))

    @cached_property
    def together(self) -> Comovement:
        """Correlations and long-run volatilities. Raises NoDataError where prices are too few."""
        return comovement(self.prices)

    @cached_property
    def served(self) -> Assets:
        """Returns and covariance as the service uses them."""
        return self._used(self.estimates)

    @cached_property
    def fallback(self) -> Assets:
        """What the service would use without any forecast: estimates from past prices."""
        past, refused = past_estimates(self.prices, None)
        if refused:
            raise NoDataError("; ".join(f"{ticker}: {reason}" for ticker, reason in refused.items()))
        ordered = [past[ticker] for ticker in self.prices.tickers]
        return self._used(
            tuple(
                replace(
                    estimate,
                    annual_return=each.annual_return,
                    annual_volatility=each.annual_volatility,
                    return_standard_error=each.standard_error,
                )
                for estimate, each in zip(self.estimates, ordered, strict=True)
            )
        )

    def _used(self, estimates: tuple[Estimate, ...]) -> Assets:
        used = used_estimates(estimates, self.together, self.risk_free_rate, self.market_premium)
        volatility = np.array([estimate.annual_volatility for estimate in used])
        annual_return = np.array([estimate.annual_return for estimate in used])
        return Assets(annual_return, covariance_of(volatility, self.together.correlation))

    @cached_property
    def classic(self) -> Assets:
        """Sample means and Ledoit and Wolf's covariance (constant correlation) of the last CLASSIC_BARS log returns."""
        log_returns = self.prices.log_returns()[-CLASSIC_BARS:]
        periods = np.array([periods_per_year(ticker, self.prices.day) for ticker in self.prices.tickers])
        deviation = np.nanstd(log_returns, axis=0, ddof=1) * np.sqrt(periods)
        mean = np.nanmean(np.expm1(log_returns), axis=0) * periods
        return Assets(mean, covariance_of(deviation, shrunk_correlation(log_returns)))

    @cached_property
    def plain(self) -> Assets:
        """Served returns and volatilities with plain correlations of all prices: the construction before de-volatilising."""
        served = np.array([estimate.annual_volatility for estimate in self.estimates])
        return Assets(self.served.annual_return, covariance_of(served, shrunk_correlation(self.prices.log_returns())))


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """Target weights (n,), sum 1; the covariance that predicts their risk; what was done instead, if anything."""

    weights: Floats
    covariance: str
    instead: str = ""


Strategy = Callable[[Known], Proposal]


def _max_sharpe(known: Known) -> Proposal:
    return _best_sharpe(known, known.served, "served")


def _min_variance(known: Known) -> Proposal:
    return Proposal(_calmest(known.served, known.limits), "served")


def _target_risk(known: Known) -> Proposal:
    try:
        portfolio = allocate(known.served, Goal(known.risk_free_rate, risk_tolerance=known.target_risk), known.limits)
    except InfeasibleTargetError:
        return Proposal(_calmest(known.served, known.limits), "served", "minimum variance: the target risk is below it")
    return Proposal(portfolio.weights, "served")


def _fallback(known: Known) -> Proposal:
    return _best_sharpe(known, known.fallback, "fallback")


def _raw_mean(known: Known) -> Proposal:
    return _best_sharpe(known, known.classic, "classic")


def _ledoit_wolf(known: Known) -> Proposal:
    return Proposal(_calmest(known.classic, known.limits), "classic")


def _plain(known: Known) -> Proposal:
    return Proposal(_calmest(known.plain, known.limits), "plain")


def _inverse_volatility(known: Known) -> Proposal:
    inverse = 1.0 / np.sqrt(np.diag(known.classic.covariance))
    return Proposal(inverse / inverse.sum(), "served")


def _equal_weight(known: Known) -> Proposal:
    n = len(known.prices)
    return Proposal(np.full(n, 1.0 / n), "served")


def _best_sharpe(known: Known, assets: Assets, name: str) -> Proposal:
    portfolio = allocate(assets, Goal(known.risk_free_rate), known.limits)
    return Proposal(portfolio.weights, name, "minimum variance: nothing beats cash" if portfolio.warnings else "")


def _calmest(assets: Assets, limits: Limits) -> Floats:
    return rounded_weights(frontier.minimum_variance(assets, limits), limits.cap)


#: Name → strategy, in the order of every table.
STRATEGIES: Final[Mapping[str, Strategy]] = {
    "max_sharpe": _max_sharpe,
    "min_variance": _min_variance,
    "target_risk": _target_risk,
    "fallback": _fallback,
    "raw_mean_mpt": _raw_mean,
    "ledoit_wolf": _ledoit_wolf,
    "inverse_volatility": _inverse_volatility,
    "equal_weight": _equal_weight,
    "min_variance_plain": _plain,
}
#: The strategies that run unless others are chosen; `min_variance_plain` measures what a change of the covariance is worth.
DEFAULT_STRATEGIES: Final = tuple(name for name in STRATEGIES if name != "min_variance_plain")
#: Ours, whose differences to each rival are tested.
OURS: Final = ("max_sharpe", "min_variance", "target_risk")
#: What a reader sees.
TITLES: Final[Mapping[str, str]] = {
    "max_sharpe": "Max Sharpe, forecasts",
    "min_variance": "Minimum variance, forecasts",
    "target_risk": "Target risk, forecasts",
    "fallback": "Max Sharpe, past prices (fallback)",
    "raw_mean_mpt": "Max Sharpe, raw means (MPT)",
    "ledoit_wolf": "Minimum variance, Ledoit-Wolf",
    "inverse_volatility": "Inverse volatility",
    "equal_weight": "Equal weights (1/N)",
    "min_variance_plain": "Minimum variance, plain correlations",
    "benchmark": "Benchmark, bought and held",
}
