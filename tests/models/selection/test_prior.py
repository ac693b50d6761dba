"""A candidate with a prior: the prior serves where there is no evidence, and evidence overrules it as it comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.selection.combination import BASELINE, best_tilt
from models.selection.evidence import BAR, PRIOR_BAR, Prior, joint_estimate, prior_of, significance, weight
from records import Evidence

NONE = Evidence(square=0.0, product=0.0, error=0.0)
PRIOR = Prior(0.9, 0.3)


def found(weight_: float, error: float, square: float = 4.0) -> Evidence:
    """Evidence whose least-squares weight and standard error are these."""
    return Evidence(square=square, product=weight_ * square, error=error * square)


def test_without_evidence_the_prior_serves() -> None:
    assert weight(NONE, PRIOR) == PRIOR.weight
    assert weight(NONE) == 0.0
    assert weight(NONE, Prior(0.5, 0.3)) == 0.0, "too uncertain to serve by itself"


def test_contrary_evidence_takes_the_weight_away() -> None:
    assert weight(found(-0.5, 0.2), PRIOR) == 0.0
    assert 0.0 < weight(found(0.5, 0.2), PRIOR) < PRIOR.weight


def test_much_evidence_makes_the_prior_irrelevant() -> None:
    assert weight(found(0.6, 0.01), PRIOR) == pytest.approx(0.6, abs=0.01)


def test_evidence_alone_must_clear_the_higher_bar() -> None:
    between = found(0.25, 0.1)
    assert PRIOR_BAR < significance(between) < BAR
    assert weight(between) == 0.0


@given(st.floats(-2, 2), st.floats(0.01, 5), st.floats(0, 1), st.floats(0.05, 1))
def test_the_joint_weight_lies_between_and_is_better_known(data: float, error: float, mean: float, deviation: float) -> None:
    joint = joint_estimate(found(data, error), Prior(mean, deviation))
    assert joint is not None
    assert min(data, mean) - 1e-9 <= joint.weight <= max(data, mean) + 1e-9
    assert joint.deviation <= min(error, deviation) + 1e-12


def test_the_most_significant_candidate_with_weight_is_chosen() -> None:
    evidence = {"arima": found(0.3, 0.2), "xgboost": NONE, "lstm": NONE}
    assert best_tilt(evidence, {"xgboost": PRIOR, "lstm": Prior(1.0, 0.8)}).model == "xgboost"
    assert best_tilt({"arima": found(0.5, 0.05)} | {"xgboost": NONE}, {"xgboost": PRIOR}).model == "arima"
    assert best_tilt({}, {}) == (BASELINE, 0.0, None, None)


def test_the_candidates_of_the_market_model_have_priors_and_no_others() -> None:
    assert prior_of("xgboost") is not None
    assert prior_of("lstm") is not None
    assert prior_of("arima") is None
    assert prior_of(BASELINE) is None
