"""The expected return, step by step: own mean, its error, the centre, shrinkage, the candidate's part, the limit."""

from __future__ import annotations

import math

from models.explain.quantities import Quantities
from models.explain.weights import Lean, add_lean
from models.historical import PRIOR_ANNUAL_DISPERSION
from models.pooling.pool import PoolEstimates
from models.pooling.shrinkage import LARGEST_ANNUAL_RETURN
from models.selection.combination import BASELINE
from records import Forecast

_LIMIT = f"max(-{LARGEST_ANNUAL_RETURN!r}, min({LARGEST_ANNUAL_RETURN!r}, expected_return))"


def add_return(quantities: Quantities, row: Forecast, served: Forecast, estimates: PoolEstimates | None, lean: Lean) -> None:
    """The numbers that lead to `annual_return`; `estimates` is None for a row that is not pooled.

    `row` is as its worker wrote it, `served` as readers get it. Both must have numbers.
    """
    assert served.annual_return is not None, "the row was chosen for its numbers"
    quantities.begin("return")
    if row.pool is not None:
        _add_own_mean(quantities, row.pool.mean_return, row.pool.mean_return_variance, row.periods_per_year)
    if estimates is not None:
        center = estimates.returns.center
        quantities.given("center", center, f"annual; robust centre of the own means of {len(estimates.members)} tickers")
        _add_shrunk(quantities, center, "center + shrinkage * (own_mean - center)", "own mean, shrunk towards the centre")
    elif row.pool is not None:
        _add_shrunk(quantities, 0.0, "shrinkage * own_mean", "own mean, shrunk towards zero")
    _add_expected(quantities, row, lean, pooled=estimates is not None)
    quantities.derived("annual_return", served.annual_return, _LIMIT, "as served: at most ±100 % a year")


def _add_own_mean(quantities: Quantities, mean: float, variance: float, periods: int) -> None:
    quantities.given("own_daily_mean", mean, "mean daily simple return over the look-back")
    quantities.given("own_daily_mean_variance", variance, "variance of that mean's sampling error")
    quantities.given("periods_per_year", periods, "a year")
    quantities.derived("own_mean", periods * mean, "periods_per_year * own_daily_mean", "annual")
    quantities.derived(
        "own_error",
        periods * math.sqrt(variance),
        "periods_per_year * sqrt(own_daily_mean_variance)",
        "standard error of the own mean, annual",
    )
    quantities.given("prior_dispersion", PRIOR_ANNUAL_DISPERSION, "prior deviation of true annual means")


def _add_shrunk(quantities: Quantities, center: float, formula: str, says: str) -> None:
    prior = PRIOR_ANNUAL_DISPERSION**2
    share = prior / (prior + quantities["own_error"] ** 2)
    quantities.derived(
        "shrinkage",
        share,
        "prior_dispersion**2 / (prior_dispersion**2 + own_error**2)",
        "weight of the own mean",
    )
    quantities.derived("shrunk_return", center + share * (quantities["own_mean"] - center), formula, says)


def _add_expected(quantities: Quantities, row: Forecast, lean: Lean, *, pooled: bool) -> None:
    quantities.given("horizon", row.horizon, "bars ahead")
    opinions = {opinion.model: opinion.horizon_return for opinion in row.opinions}
    base = BASELINE if BASELINE in opinions else lean.candidate
    if not opinions:
        if "shrunk_return" in quantities:
            quantities.derived("expected_return", quantities["shrunk_return"], "shrunk_return", "no candidate: the mean alone")
        else:
            assert row.annual_return is not None, "the row was chosen for its numbers"
            quantities.given("expected_return", row.annual_return, "annual; the price hardly moves, only its own mean is known")
        return
    add_lean(quantities, "return", lean)
    quantities.given("return_baseline", opinions[base], f"over the horizon, by {base}")
    if lean.candidate in opinions:
        quantities.given("return_candidate", opinions[lean.candidate], f"over the horizon, by {lean.candidate}")
    else:
        quantities.derived("return_candidate", opinions[base], "return_baseline", f"{lean.candidate} has no forecast here")
    move = lean.weight * (quantities["return_candidate"] - opinions[base])
    quantities.derived(
        "return_move",
        move,
        "return_weight * (return_candidate - return_baseline)",
        f"of the horizon, to {lean.candidate}",
    )
    start = quantities["shrunk_return"] if pooled else opinions[base] * row.periods_per_year / row.horizon
    quantities.derived(
        "expected_return",
        start + move * row.periods_per_year / row.horizon,
        "shrunk_return + return_move * periods_per_year / horizon"
        if pooled
        else "(return_baseline + return_move) * periods_per_year / horizon",
        "annual",
    )
