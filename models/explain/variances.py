"""The expected variance, step by step: own and pooled log-HAR, the date's level, the distance from it, the candidate's part."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from models.candidates.har import HarModel
from models.candidates.regression import VARIANCE_FEATURES, log_variances
from models.contract import Window
from models.explain.market import add_delta, explains
from models.explain.quantities import Quantities
from models.explain.weights import Lean, add_lean
from models.pooling.cross_section import (
    LARGEST_DOUBT,
    LARGEST_FACTOR,
    LEVEL_CORRECTION,
    RISE_BEGINS,
    TERMS_WEIGHT,
    UNTRAINED_TERMS_WEIGHT,
    VarianceSteps,
)
from models.pooling.pool import PoolEstimates
from models.pooling.terms import TERM_NAMES
from models.selection.combination import BASELINE
from records import Floats, Forecast

_DOUBT = math.log(LARGEST_DOUBT)
_FACTOR = math.log(LARGEST_FACTOR)


def add_variance(
    quantities: Quantities,
    row: Forecast,
    served: Forecast,
    estimates: PoolEstimates | None,
    lean: Lean,
    *,
    har: HarModel | None,
    window: Window | None,
) -> None:
    """The numbers that lead to `daily_variance` and `annual_volatility`.

    `har` is the ticker's own log-HAR and `window` the bars up to the row's; without them the own forecast is a given number.
    """
    assert served.annual_volatility is not None, "the row was chosen for its numbers"
    assert row.annual_volatility is not None, "the row was chosen for its numbers"
    quantities.begin("variance")
    opinions = {opinion.model: opinion.daily_variance for opinion in row.opinions}
    base = BASELINE if BASELINE in opinions else lean.candidate
    own = opinions.get(base, row.annual_volatility**2 / row.periods_per_year)
    if base == BASELINE and base in opinions and har is not None and window is not None:
        _add_own_har(quantities, har, window, own)
    else:
        by = f"by {base}" if opinions else "of past returns: no trained model"
        quantities.given("own_log_variance", math.log(own), f"log of the daily variance, {by}")
    log_variance = math.log(own)
    if estimates is None:
        quantities.derived("log_variance", log_variance, "own_log_variance", "not pooled: the ticker's own")
    else:
        place = [each.ticker for each in (*estimates.members, *estimates.untrained)].index(row.ticker)
        log_variance = math.log(float(estimates.variances.served[place]))
        _add_pooled(quantities, estimates.variances.steps, place, len(estimates.members), log_variance)
    _add_candidate(quantities, opinions, base, lean, window)
    quantities.derived(
        "daily_variance",
        served.annual_volatility**2 / served.periods_per_year,
        "exp(log_variance) * variance_move" if opinions else "exp(log_variance)",
        "mean daily variance over the horizon",
    )
    quantities.derived("annual_volatility", served.annual_volatility, "sqrt(daily_variance * periods_per_year)", "as served")


def _add_own_har(quantities: Quantities, har: HarModel, window: Window, own: float) -> None:
    regression = har.regression
    inputs = log_variances(window.last(1), regression.columns)[0]
    parts = _add_sum(quantities, "own_har", regression.columns, regression.coefficients, inputs, "log variance")
    quantities.given("own_har_intercept", regression.intercept, "of the own log-HAR")
    quantities.given("own_har_lowest", regression.lowest, "no log variance below it is forecast")
    quantities.given("own_har_highest", regression.highest, "no log variance above it is forecast")
    quantities.given("own_har_correction", regression.log_scale, "of its level: mean of realised ÷ forecast is 1")
    formula = f"min(max(own_har_intercept + {parts}, own_har_lowest), own_har_highest) + own_har_correction"
    quantities.derived("own_log_variance", math.log(own), formula, "log of the daily variance, by the own log-HAR")


def _add_pooled(quantities: Quantities, steps: VarianceSteps, place: int, members: int, log_variance: float) -> None:
    terms = steps.terms[place]
    for name, value in zip(TERM_NAMES, terms, strict=True):
        quantities.given(f"term_{name}", value, "at the row's bar")
    sums = " + ".join(f"pooled_har_slope_{name} * term_{name}" for name in VARIANCE_FEATURES)
    for name, slope in zip(VARIANCE_FEATURES, steps.har.slopes, strict=True):
        quantities.given(f"pooled_har_slope_{name}", slope, f"of one log-HAR for {members} tickers")
    quantities.given(
        "pooled_har_intercept", steps.intercept[place], "of the pooled log-HAR: the tickers' levels, near the own one"
    )
    quantities.given("largest_doubt", _DOUBT, "other estimates stay this near to the own log-HAR")
    near = "min(max({}, own_log_variance - largest_doubt), own_log_variance + largest_doubt)"
    formula = near.format(f"{sums} + pooled_har_intercept")
    quantities.derived("pooled_log_variance", steps.pooled_har[place], formula, "by the pooled log-HAR")
    if place < members:
        quantities.given("rise", steps.rise[place], "log of the last month's variance over the year's, of the tickers")
        quantities.derived("pooled_weight", steps.pooled_weight[place], _weight_formula("rise"), "of the pooled log-HAR")
        formula = "own_log_variance + pooled_weight * (pooled_log_variance - own_log_variance)"
        quantities.derived("mixed_log_variance", steps.level[place], formula, "mean of own and pooled")
    else:
        quantities.derived("mixed_log_variance", steps.level[place], "pooled_log_variance", "untrained: the pooled one alone")
    for name, slope in zip(TERM_NAMES, steps.apart[place], strict=True):
        quantities.given(f"apart_slope_{name}", slope, "within weeks: tells tickers apart on one date")
    for name, slope, value, mean in zip(TERM_NAMES, steps.apart[place], terms, steps.terms[:members].mean(axis=0), strict=True):
        quantities.derived(
            f"apart_{name}",
            slope * value,
            f"apart_slope_{name} * term_{name}",
            f"{slope * (value - mean):+.3f} against the mean of the tickers",
        )
    sums = " + ".join(f"apart_{name}" for name in TERM_NAMES)
    _add_alone(quantities, steps, place, members, near.format(f"usual_level + level_correction + {sums}"))
    quantities.derived("gap", steps.gap[place], f"mixed_log_variance - ({sums})", "the ticker's level without its terms' part")
    quantities.given("level", steps.middle[place], f"the date's level: that of {members} tickers, near the own one")
    quantities.given("largest_distance", _FACTOR, "what the level may change, in logs")
    formula = f"max(-largest_distance, min(largest_distance, level + {sums} - alone_log_variance))"
    quantities.derived("log_variance", log_variance, f"alone_log_variance + {formula}", "log of the daily variance, pooled")


def _add_alone(quantities: Quantities, steps: VarianceSteps, place: int, members: int, by_terms: str) -> None:
    """The ticker's variance without the others' levels, and what it rests on."""
    value, says = steps.alone[place], "without the others' levels"
    if not math.isfinite(steps.usual[place]):
        quantities.derived("alone_log_variance", value, "mixed_log_variance", f"{says}: too few labelled weeks")
        return
    whose = "the ticker's" if place < members else "many tickers'"
    quantities.given("usual_level", steps.usual[place], f"mean of {whose} past log variances without their terms' part")
    quantities.given("level_correction", LEVEL_CORRECTION, "of that level: mean of realised ÷ forecast is 1")
    quantities.derived("terms_log_variance", steps.by_terms[place], by_terms, "by the slopes within weeks, at the usual level")
    weight = TERMS_WEIGHT if place < members else UNTRAINED_TERMS_WEIGHT
    quantities.given("terms_weight", weight, "of that variance beside the mixed log variance")
    formula = "mixed_log_variance + terms_weight * (terms_log_variance - mixed_log_variance)"
    quantities.derived("alone_log_variance", value, formula, says)


def _weight_formula(rise: str) -> str:
    return f"min(1, max(0, 0.5 + max({rise} - {RISE_BEGINS!r}, 0) + min({rise} + {RISE_BEGINS!r}, 0)))"


def _add_candidate(quantities: Quantities, opinions: dict[str, float], base: str, lean: Lean, window: Window | None) -> None:
    if not opinions:
        return
    add_lean(quantities, "variance", lean)
    quantities.given("variance_baseline", opinions[base], f"daily, by {base}")
    candidate = opinions.get(lean.candidate)
    if candidate is None:
        candidate = opinions[base]
        quantities.derived("variance_candidate", candidate, "variance_baseline", f"{lean.candidate} has no forecast here")
    elif window is not None and explains(lean.candidate, window):
        add_delta(quantities, window, math.log(candidate / opinions[base]))
        formula = "variance_baseline * exp(market_delta)"
        quantities.derived("variance_candidate", candidate, formula, f"daily, by {lean.candidate}")
    else:
        quantities.given("variance_candidate", candidate, f"daily, by {lean.candidate}")
    quantities.derived(
        "variance_move",
        (candidate / opinions[base]) ** lean.weight,
        "(variance_candidate / variance_baseline) ** variance_weight",
        f"factor, towards {lean.candidate}",
    )


def _add_sum(
    quantities: Quantities, prefix: str, names: Sequence[str], slopes: Iterable[float] | Floats, inputs: Floats, says: str
) -> str:
    """The slopes, the inputs and the formula of their sum."""
    for name, slope, value in zip(names, slopes, np.asarray(inputs), strict=True):
        quantities.given(f"{prefix}_slope_{name}", slope, "of the own log-HAR")
        quantities.given(f"{prefix}_input_{name}", value, f"{says} at the row's bar")
    return " + ".join(f"{prefix}_slope_{name} * {prefix}_input_{name}" for name in names)
