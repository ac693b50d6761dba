from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.frontier import GroupLimit
from optimizer.rounding import rounded_weights


@given(
    st.lists(st.floats(0, 1e3), min_size=1, max_size=800).filter(lambda values: sum(values) > 1e-6),
    st.sampled_from([1.0, 0.5, 0.3, 1 / 3, 0.03]),
)
def test_weights_are_five_decimals_above_the_threshold_and_sum_to_one(values, cap):
    cap = max(cap, min(1.0, 2 / len(values)))
    raw = np.array(values) / sum(values)
    weights = rounded_weights(raw, cap)
    np.testing.assert_allclose(weights * 1e5, np.round(weights * 1e5), atol=1e-6)
    assert ((weights == 0) | (weights > 1e-4)).all()
    assert (weights <= cap + 1e-5).all()
    held = (raw * 1e5 >= 10.5).sum()
    if held * cap >= 1 or not held:
        assert weights.sum() == pytest.approx(1.0, abs=1e-9)
    assert (weights[raw == 0] == 0).all()


def test_equal_weights_stay_equal_within_one_unit():
    weights = rounded_weights(np.full(7, 1 / 7))
    assert weights.max() - weights.min() <= 1.0001e-5
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)


def test_what_small_weights_leave_goes_to_the_others_in_proportion():
    weights = rounded_weights(np.array([0.6, 0.3, 0.09999, 0.00001]))
    assert weights[3] == 0
    assert weights[0] / weights[1] == pytest.approx(2.0, abs=1e-3)


@given(
    st.lists(st.floats(0, 1e3), min_size=4, max_size=300).filter(lambda values: sum(values) > 1e-6),
    st.lists(st.floats(0.05, 0.6), min_size=1, max_size=3),
)
def test_groups_keep_to_their_limits_exactly(values, limits):
    raw = np.array(values) / sum(values)
    groups = [GroupLimit(tuple(range(k, len(raw), 5)), limit) for k, limit in enumerate(limits)]
    weights = rounded_weights(raw, 1.0, groups)
    free = np.ones(len(raw), bool)
    for group in groups:
        free[list(group.members)] = False
    if weights[free].any():
        assert weights.sum() == pytest.approx(1.0, abs=1e-9)
        for group in groups:
            assert weights[list(group.members)].sum() <= group.limit + 1e-9
    assert ((weights == 0) | (weights > 1e-4)).all()


def test_a_limit_with_more_decimals_is_kept_where_that_leaves_room():
    assert rounded_weights(np.array([0.5, 0.3, 0.2]), 0.333337).max() <= 0.33334
    assert rounded_weights(np.array([0.4, 0.35, 0.25]), 0.333337 + 0.05).max() == 0.38333
    np.testing.assert_allclose(np.sort(rounded_weights(np.full(3, 1 / 3), 1 / 3)), [0.33333, 0.33333, 0.33334])
    thirds = [GroupLimit((k,), 1 / 3) for k in range(3)]
    assert rounded_weights(np.full(3, 1 / 3), 1.0, thirds).sum() == pytest.approx(1.0, abs=1e-12)
