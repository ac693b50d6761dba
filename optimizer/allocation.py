"""From estimates and correlations to a portfolio: which problem is solved, and the figures of its solution."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from errors import InfeasibleTargetError
from optimizer import frontier
from optimizer.frontier import Assets, InfeasibleProblemError, Limits
from optimizer.rounding import rounded_weights
from optimizer.trading import step_within
from records import Floats

#: A target this close to the edge of what is feasible counts as the edge: five decimals are what is answered.
_EDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Goal:
    """The goal; annual decimals. Without a target the maximum Sharpe ratio; of two targets the return's wins."""

    risk_free_rate: float
    target_return: float | None = None
    risk_tolerance: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Portfolio:
    """Weights (n,) with five decimals, and their expected year, computed from these very weights so that it can be checked.

    `annual_return` is Σ wᵢ μᵢ, `annual_volatility` is √(w'Σw), `sharpe_ratio` is (annual_return - risk_free_rate) /
    annual_volatility, all before `trading_cost`, the cost of trading to these weights. `optimum` are the weights before
    rounding; `step` the part of the way from the held to the best weights, 1 where nothing was held or trading had a cost.
    """

    weights: Floats
    annual_return: float
    annual_volatility: float
    sharpe_ratio: float
    trading_cost: float
    optimum: Floats
    warnings: tuple[str, ...]
    step: float = 1.0


def allocate(assets: Assets, goal: Goal, limits: Limits, held: Floats | None = None) -> Portfolio:
    """The portfolio that meets the goal within the limits, returns being those after trading costs.

    - no target: maximum Sharpe ratio with the goal's risk-free rate. When no portfolio is expected to return more than that
      rate, the ratio is no goal (it would reward risk): the minimum-variance portfolio, with a warning; where trading costs,
      the least ½ variance + costs.
    - target return: the least risk that returns at least as much; below the return of the minimum-variance portfolio that is
      this portfolio itself, with a warning.
    - risk tolerance: the greatest return at no more risk.

    `held` (n,) are current weights where no cost of trading is known: the portfolio is a partial step from them
    (`optimizer.trading`), as small as the goal and the limits allow.

    Raises InfeasibleTargetError, with the feasible range, for a target that cannot be met.
    """
    limits, warnings = _feasible(limits, len(assets))
    weights, more = _solve(assets, goal, limits)
    step = 1.0
    if held is not None:
        weights, step = step_within(held, weights, _keeps(assets, goal, limits, weights))
    rounded = rounded_weights(weights, limits.cap, limits.groups)
    annual_return = float(rounded @ assets.annual_return)
    _, volatility = expected_year(assets, limits, rounded)
    return Portfolio(
        weights=rounded,
        annual_return=annual_return,
        annual_volatility=volatility,
        sharpe_ratio=(annual_return - goal.risk_free_rate) / volatility,
        trading_cost=limits.turnover.cost_of(rounded) if limits.turnover else 0.0,
        optimum=weights,
        warnings=(*warnings, *more),
        step=step,
    )


def _keeps(assets: Assets, goal: Goal, limits: Limits, wanted: Floats) -> Callable[[Floats], bool]:
    """Whether weights keep the goal as well as the wanted weights do, and the limits."""
    least_return, most_risk = -math.inf, math.inf
    wanted_return, wanted_risk = expected_year(assets, limits, wanted)
    if goal.target_return is not None:
        least_return = min(goal.target_return, wanted_return) - _EDGE
    elif goal.risk_tolerance is not None:
        most_risk = max(goal.risk_tolerance, wanted_risk) + _EDGE

    def keeps(weights: Floats) -> bool:
        annual_return, risk = expected_year(assets, limits, weights)
        within = weights.max() <= limits.cap + _EDGE and all(
            weights[list(group.members)].sum() <= group.limit + _EDGE for group in limits.groups
        )
        return bool(within and annual_return >= least_return and risk <= most_risk)

    return keeps


def expected_year(assets: Assets, limits: Limits, weights: Floats) -> tuple[float, float]:
    """Expected return after trading costs, and volatility, of a portfolio over a year."""
    annual_return = float(weights @ assets.annual_return)
    if limits.turnover:
        annual_return -= limits.turnover.cost_of(weights)
    return annual_return, float(np.sqrt(weights @ assets.covariance @ weights))


def _feasible(limits: Limits, n: int) -> tuple[Limits, tuple[str, ...]]:
    # A cap of exactly 1/n would leave one portfolio and nothing to optimize: 2/n.
    lowest = min(1.0, 2.0 / n)
    if limits.cap >= lowest:
        return limits, ()
    return replace(limits, cap=lowest), (
        f"the weight cap of {limits.cap:g} was raised to {lowest:g}: {n} assets leave nothing to choose below that",
    )


def _solve(assets: Assets, goal: Goal, limits: Limits) -> tuple[Floats, Sequence[str]]:
    try:
        best = frontier.maximum_return(assets, limits)
    except InfeasibleProblemError:
        raise InfeasibleTargetError(
            f"the group limits leave no portfolio of these {len(assets)} assets: raise them or add assets of other groups"
        ) from None
    best_return, best_risk = expected_year(assets, limits, best)
    if goal.target_return is not None:
        return _efficient_return(assets, goal.target_return, limits, best, best_return)
    if goal.risk_tolerance is not None:
        return _efficient_risk(assets, goal.risk_tolerance, limits, best, best_risk)
    if best_return - goal.risk_free_rate <= _EDGE:
        answered = "that of the least ½ variance + trading costs" if limits.turnover else "the minimum-variance portfolio"
        warning = (
            f"no portfolio of these assets is expected to return more than the risk-free rate of {goal.risk_free_rate:.2%} "
            f"(the best {best_return:.2%}{_after_costs(limits)}): this is {answered}"
        )
        return frontier.minimum_loss_of_growth(assets, limits), (warning,)
    return frontier.maximum_sharpe(assets, limits, goal.risk_free_rate, best_return), ()


def _efficient_return(
    assets: Assets, target: float, limits: Limits, best: Floats, best_return: float
) -> tuple[Floats, Sequence[str]]:
    calmest = frontier.minimum_variance(assets, limits)
    calmest_return, _ = expected_year(assets, limits, calmest)
    if target > best_return + _EDGE:
        raise InfeasibleTargetError(
            f"a target return of {_annual(target)} cannot be reached: the feasible range of these assets is "
            f"{_range(calmest_return, best_return)}{_after_costs(limits)}"
        )
    if target <= calmest_return:
        warning = (
            f"the target return of {_annual(target)} is below that of the minimum-variance portfolio ({calmest_return:.2%}), "
            "which has less risk: this is that portfolio"
        )
        return calmest, (warning,) if target < calmest_return - _EDGE else ()
    if target > best_return - _EDGE:
        return best, ()
    return frontier.efficient_return(assets, limits, target), ()


def _efficient_risk(
    assets: Assets, tolerance: float, limits: Limits, best: Floats, best_risk: float
) -> tuple[Floats, Sequence[str]]:
    if tolerance >= best_risk:
        return best, ()
    calmest = frontier.minimum_variance(assets, limits)
    _, least_risk = expected_year(assets, limits, calmest)
    if tolerance < least_risk - _EDGE:
        raise InfeasibleTargetError(
            f"a risk tolerance of {_annual(tolerance)} cannot be kept: the feasible range of these assets is "
            f"{_range(least_risk, best_risk)}"
        )
    if tolerance <= least_risk + _EDGE:
        return calmest, ()
    return frontier.efficient_risk(assets, limits, tolerance), ()


def _after_costs(limits: Limits) -> str:
    return " after trading costs" if limits.turnover else ""


def _annual(rate: float) -> str:
    """A rate as the page's fields have it, in per cent, and as requests have it, as a decimal."""
    return f"{100 * rate:.6g} % a year ({rate:.6g})"


def _range(low: float, high: float) -> str:
    """Both ends in per cent with two decimals, three where they are closer, rounded inwards; then the same as decimals.

    Rounded inwards, the ends themselves can be asked for. With four, which is within what counts as the edge, they are rounded
    to the nearest.
    """
    for digits in (4, 5):
        lowest, highest = math.ceil(low * 10**digits), math.floor(high * 10**digits)
        if lowest < highest:
            return _both_units(lowest / 10**digits, highest / 10**digits, digits)
    return _both_units(low, high, 6)


def _both_units(low: float, high: float, digits: int) -> str:
    per_cent = f"{100 * low:.{digits - 2}f} to {100 * high:.{digits - 2}f} % a year"
    return f"{per_cent} ({low:.{digits}f} to {high:.{digits}f})"
