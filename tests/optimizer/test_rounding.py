from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
