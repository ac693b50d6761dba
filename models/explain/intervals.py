"""The interval of the horizon's return, step by step."""

from __future__ import annotations

import math

from models.explain.quantities import Quantities
from models.intervals import LOWEST_RETURN, STUDENT_TAILS
from records import Forecast


def add_interval(quantities: Quantities, served: Forecast, tails: tuple[float, float] | None) -> None:
    """The numbers that lead to the four bounds, from `annual_return` and `daily_variance`, which are there already."""
    quantities.begin("interval")
    variance = served.horizon * quantities["daily_variance"]
    quantities.derived("horizon_variance", variance, "horizon * daily_variance", "of the horizon's log return")
    expected = quantities["annual_return"] * served.horizon / quantities["periods_per_year"]
    quantities.derived("horizon_return", expected, "annual_return * horizon / periods_per_year", "expected, simple")
    center = math.log1p(max(expected, LOWEST_RETURN)) - 0.5 * variance
    quantities.derived(
        "log_center", center, f"log1p(max(horizon_return, {LOWEST_RETURN!r})) - 0.5 * horizon_variance", "of the log return"
    )
    bounds = {80: (served.lower_80, served.upper_80), 95: (served.lower_95, served.upper_95)}
    for place, (coverage, (lower, upper)) in enumerate(bounds.items()):
        assert lower is not None, "the row was chosen for its numbers"
        assert upper is not None, "the row was chosen for its numbers"
        usual, width = STUDENT_TAILS[place], f"width_{coverage}"
        quantities.given(
            f"usual_{coverage}", usual, f"{coverage} % quantile of Student's t with 8 degrees of freedom, in deviations"
        )
        if tails is None:
            quantities.derived(width, usual, f"usual_{coverage}", "too few validated errors: the usual quantile alone")
        else:
            quantities.given(f"tail_{coverage}", tails[place], f"{coverage} % quantile of validated errors, in deviations")
            quantities.derived(
                width,
                0.5 * (usual + tails[place]),
                f"0.5 * (usual_{coverage} + tail_{coverage})",
                "in deviations",
            )
        for side, sign, value in (("lower", "-", lower), ("upper", "+", upper)):
            formula = f"expm1(log_center {sign} {width} * sqrt(horizon_variance))"
            quantities.derived(f"{side}_{coverage}", value, formula, f"{side} bound of the simple return over the horizon")
