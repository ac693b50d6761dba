"""Portfolio problems, solved by Clarabel (interior point).

All share one model, long only and fully invested, with different goals. Its variables are y (n), their sum κ and, where
trading costs, the turnover t (n). For all but the maximum Sharpe ratio κ is 1 and y the weights. The Sharpe ratio is made
convex by leaving κ free and fixing the excess return instead (Charnes-Cooper; for portfolios Cornuejols and Tütüncü,
"Optimization Methods in Finance", 2006, section 8.2): minimise y'Σy with excess return ≥ 1, then weights are y / κ. Every
limit is written homogeneously (y ≤ cap · κ), so it holds in both forms.

Measured for 505 assets: 0.15 s by Clarabel called directly (a tenth of that in parts, `optimizer.parts`), 0.2 s and a
second of imports by PyPortfolioOpt with the same solver; PyPortfolioOpt's default solver stops early on such problems.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import clarabel
import numpy as np
from scipy import sparse

from errors import OptimizationError
from optimizer.covariance import factor_of
from optimizer.parts import LEAST, Columns, solved_in_parts
from records import Floats

#: Absolute and relative duality gap: the objective is right to well below a millionth.
_GAP: Final = 1e-10
#: Far longer than any problem of 1,000 assets takes; a defect must not hold a core for ever.
_SECONDS: Final = 30.0
_SOLVED: Final = (clarabel.SolverStatus.Solved, clarabel.SolverStatus.AlmostSolved)
_INFEASIBLE: Final = (clarabel.SolverStatus.PrimalInfeasible, clarabel.SolverStatus.AlmostPrimalInfeasible)


@dataclass(frozen=True, slots=True, eq=False)
class Assets:
    """Expected values of n assets, per year: arithmetic returns (n,) and the covariance (n, n), positive semidefinite."""

    annual_return: Floats
    covariance: Floats

    def __len__(self) -> int:
        return len(self.annual_return)

    def part(self, columns: Columns) -> Assets:
        """Some of them, by their indices."""
        return Assets(self.annual_return[columns], self.covariance[np.ix_(columns, columns)])


@dataclass(frozen=True, slots=True, eq=False)
class GroupLimit:
    """At most `limit` of the portfolio in the assets at `members` (indices)."""

    members: tuple[int, ...]
    limit: float


@dataclass(frozen=True, slots=True, eq=False)
class Turnover:
    """Moving from `current` weights (n,) costs `cost` per unit bought or sold.

    `elsewhere` is the weight held in other assets: it is always sold. The rest to 1 is cash.
    """

    current: Floats
    cost: float
    elsewhere: float = 0.0

    def cost_of(self, weights: Floats) -> float:
        """The cost of trading to these weights (n,), as a share of wealth."""
        return self.cost * (float(np.abs(weights - self.current).sum()) + self.elsewhere)


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """Constraints of a portfolio, besides long only and fully invested."""

    cap: float = 1.0
    groups: Sequence[GroupLimit] = field(default=())
    turnover: Turnover | None = None


class InfeasibleProblemError(Exception):
    """No weights satisfy the constraints. Callers turn it into an error with the reason."""


def minimum_variance(assets: Assets, limits: Limits) -> Floats:
    """Weights (n,) of the least variance. Raises InfeasibleProblemError when the limits leave none."""
    if _may_be_solved_in_parts(assets, limits):

        def shortfall(weights: Floats) -> Floats:
            # At the optimum no asset's covariance with the portfolio is below the portfolio's variance.
            with_portfolio = assets.covariance @ weights
            variance = float(weights @ with_portfolio)
            return np.asarray((variance - with_portfolio) / variance)

        ranked = np.argsort(np.diag(assets.covariance), kind="stable")
        return solved_in_parts(ranked, lambda some: _minimum_variance(assets.part(some), limits), shortfall)
    return _minimum_variance(assets, limits)


def _minimum_variance(assets: Assets, limits: Limits) -> Floats:
    model = _Model(assets, limits)
    return model.solve(model.variance(), model.no_linear_goal(), [model.fully_invested()])


def minimum_loss_of_growth(assets: Assets, limits: Limits) -> Floats:
    """Weights (n,) of the least ½ variance + trading costs: both are taken off a year's growth of wealth.

    Growth, the expected log return, is about the arithmetic return less half the variance. Without trading costs this is the
    minimum-variance portfolio.
    """
    model = _Model(assets, limits)
    return model.solve(model.variance(), model.trading_costs(), [model.fully_invested()])


def maximum_return(assets: Assets, limits: Limits) -> Floats:
    """Weights (n,) of the greatest expected return after trading costs."""
    model = _Model(assets, limits)
    return model.solve(model.no_variance(), model.net_loss(), [model.fully_invested()])


def maximum_sharpe(assets: Assets, limits: Limits, risk_free_rate: float, best_return: float) -> Floats:
    """Weights (n,) of the greatest (return - risk_free_rate) / risk.

    `best_return`, that of `maximum_return`, must exceed the rate: else every portfolio has a negative ratio, and the ratio
    is not a goal (more risk would look better).
    """
    if _may_be_solved_in_parts(assets, limits):
        excess_return = assets.annual_return - risk_free_rate

        def shortfall(weights: Floats) -> Floats:
            # At the optimum no asset's excess return is above its covariance with the portfolio x the price of that risk.
            with_portfolio = assets.covariance @ weights
            earned = float(weights @ excess_return)
            return np.asarray((excess_return - with_portfolio * earned / float(weights @ with_portfolio)) / earned)

        ranked = np.argsort(-excess_return / np.sqrt(np.diag(assets.covariance)), kind="stable")
        return solved_in_parts(
            ranked, lambda some: _maximum_sharpe(assets.part(some), limits, risk_free_rate, best_return), shortfall
        )
    return _maximum_sharpe(assets, limits, risk_free_rate, best_return)


def _maximum_sharpe(assets: Assets, limits: Limits, risk_free_rate: float, best_return: float) -> Floats:
    model = _Model(assets, limits)
    scale = best_return - risk_free_rate
    excess = _Rows(model.net_return_row(risk_free_rate) / scale, np.array([1.0]))
    return model.solve(model.variance(), model.no_linear_goal(), [excess])


def efficient_return(assets: Assets, limits: Limits, target_return: float) -> Floats:
    """Weights (n,) of the least variance among portfolios that return at least `target_return`."""
    model = _Model(assets, limits)
    target = _Rows(model.net_return_row(0.0), np.array([target_return]))
    return model.solve(model.variance(), model.no_linear_goal(), [model.fully_invested(), target])


def efficient_risk(assets: Assets, limits: Limits, risk_tolerance: float) -> Floats:
    """Weights (n,) of the greatest return among those whose annual volatility is at most `risk_tolerance`."""
    model = _Model(assets, limits)
    return model.solve(model.no_variance(), model.net_loss(), [model.fully_invested()], volatility_limit=risk_tolerance)


def _may_be_solved_in_parts(assets: Assets, limits: Limits) -> bool:
    return len(assets) >= LEAST and limits.cap >= 1.0 and not limits.groups and limits.turnover is None


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Linear constraints `matrix @ x ≥ bound`, or `=` where `equal`."""

    matrix: sparse.csr_array
    bound: Floats
    equal: bool = False


class _Model:
    """The variables x = [y, κ, t] and the constraints that every problem shares."""

    def __init__(self, assets: Assets, limits: Limits) -> None:
        self._assets = assets
        self._limits = limits
        n = self._n = len(assets)
        self._size = n + 1 + (n if limits.turnover else 0)
        # In units of the typical variance the solver's tolerances mean the same for calm and for wild assets.
        self._unit = float(np.mean(np.diag(assets.covariance))) or 1.0

    def fully_invested(self) -> _Rows:
        """κ = 1."""
        return _Rows(self._row(scale=1.0), np.array([1.0]), equal=True)

    def net_return_row(self, risk_free_rate: float) -> sparse.csr_array:
        """Return less trading costs less risk_free_rate · κ, as a row over x."""
        turnover = self._limits.turnover
        return self._row(
            assets=self._assets.annual_return,
            scale=-risk_free_rate - (turnover.cost * turnover.elsewhere if turnover else 0.0),
            turnover=np.full(self._n, -turnover.cost) if turnover else None,
        )

    def net_loss(self) -> Floats:
        """The return less trading costs, negated: to be minimised."""
        return np.asarray(-self.net_return_row(0.0).toarray().ravel())

    def trading_costs(self) -> Floats:
        """Trading costs as a goal beside ½ of the variance: in units of the typical variance, and doubled as it is."""
        goal = self.no_linear_goal()
        if self._limits.turnover:
            goal[self._n + 1 :] = self._limits.turnover.cost * 2.0 / self._unit
        return goal

    def no_linear_goal(self) -> Floats:
        """Nothing beside the quadratic goal."""
        return np.zeros(self._size)

    def variance(self) -> sparse.csc_matrix:
        """y'Σy as Clarabel's ½ x'Px: the upper triangle of 2Σ, in units of the typical variance."""
        covariance = sparse.csc_matrix(np.triu(self._assets.covariance * (2.0 / self._unit)))
        covariance.resize(self._size, self._size)
        return covariance

    def no_variance(self) -> sparse.csc_matrix:
        """No quadratic goal."""
        return sparse.csc_matrix((self._size, self._size))

    def solve(
        self, quadratic: sparse.csc_matrix, linear: Floats, goals: Sequence[_Rows], volatility_limit: float | None = None
    ) -> Floats:
        """Weights y / κ of the optimum. Raises InfeasibleProblemError, or OptimizationError with the solver's status."""
        rows = [*self._common_rows(), *goals]
        equal = [r for r in rows if r.equal]
        at_least = [r for r in rows if not r.equal]
        cones = [
            clarabel.ZeroConeT(sum(len(r.bound) for r in equal)),
            clarabel.NonnegativeConeT(sum(len(r.bound) for r in at_least)),
        ]
        # Clarabel: A x + s = b with s in the cone, so `M x ≥ c` is A = -M, b = -c.
        blocks = [-r.matrix for r in (*equal, *at_least)]
        bounds = [-r.bound for r in (*equal, *at_least)]
        if volatility_limit is not None:
            factor = factor_of(self._assets.covariance / self._unit)
            blocks += [sparse.csr_array((1, self._size)), -self._padded(sparse.csr_array(factor))]
            bounds += [np.array([volatility_limit / np.sqrt(self._unit)]), np.zeros(len(factor))]
            cones.append(clarabel.SecondOrderConeT(1 + len(factor)))
        constraints = sparse.csc_matrix(sparse.vstack(blocks))
        solution = clarabel.DefaultSolver(quadratic, linear, constraints, np.concatenate(bounds), cones, _settings()).solve()
        if solution.status in _INFEASIBLE:
            raise InfeasibleProblemError
        if solution.status not in _SOLVED:
            raise OptimizationError(
                f"the solver ended with {solution.status} on {self._n} assets; look for extreme expected returns"
            )
        held = np.maximum(np.array(solution.x[: self._n]), 0.0)
        weights: Floats = held / held.sum()
        return weights

    def _common_rows(self) -> list[_Rows]:
        n, limits = self._n, self._limits
        identity, ones = sparse.eye_array(n, format="csr"), np.ones((n, 1))
        rows = [
            _Rows(self._row(assets=np.ones(n), scale=-1.0), np.zeros(1), equal=True),
            _Rows(self._padded(identity), np.zeros(n)),
        ]
        if limits.cap < 1.0:
            rows.append(_Rows(self._padded(sparse.hstack([-identity, limits.cap * ones])), np.zeros(n)))
        for group in limits.groups:
            members = np.zeros(n)
            members[list(group.members)] = -1.0
            rows.append(_Rows(self._row(assets=members, scale=group.limit), np.zeros(1)))
        if limits.turnover:
            current = limits.turnover.current.reshape(n, 1)
            rows.append(_Rows(sparse.csr_array(sparse.hstack([-identity, current, identity])), np.zeros(n)))
            rows.append(_Rows(sparse.csr_array(sparse.hstack([identity, -current, identity])), np.zeros(n)))
        return rows

    def _row(self, assets: Floats | None = None, scale: float = 0.0, turnover: Floats | None = None) -> sparse.csr_array:
        row = np.zeros(self._size)
        if assets is not None:
            row[: self._n] = assets
        row[self._n] = scale
        if turnover is not None:
            row[self._n + 1 :] = turnover
        return sparse.csr_array(row.reshape(1, -1))

    def _padded(self, matrix: sparse.csr_array) -> sparse.csr_array:
        padded = sparse.csr_array(matrix)
        padded.resize(matrix.shape[0], self._size)
        return padded


def _settings() -> clarabel.DefaultSettings:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = _GAP
    # One thread: faster for one problem of this size than sharing it, and simultaneous requests keep the cores busy.
    settings.max_threads = 1
    settings.time_limit = _SECONDS
    return settings
