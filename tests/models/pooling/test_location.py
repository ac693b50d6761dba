"""The anchored location: what it solves, and how far one ticker can move it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.pooling.location import anchored_location

BOUND, ANCHOR = 0.1, 8.0
numbers = st.lists(st.floats(-20.0, 20.0), min_size=1, max_size=60)


def located(values: list[float], own: float) -> float:
    return float(anchored_location(np.array(values), np.array([own]), bound=BOUND, anchor_weight=ANCHOR)[0])


@given(numbers, st.floats(-20.0, 20.0))
def test_pull_and_anchor_are_in_balance(values: list[float], own: float) -> None:
    found = located(values, own)
    pull = float(np.clip(np.array(values) - found, -BOUND, BOUND).sum())
    assert pull == pytest.approx(ANCHOR * (found - own), abs=1e-9)


@given(numbers, st.floats(-20.0, 20.0), st.floats(-1e6, 1e6))
def test_another_number_in_the_place_of_one_moves_it_by_the_bound_at_most(
    values: list[float], own: float, other: float
) -> None:
    moved = located([other, *values[1:]], own) - located(values, own)
    assert abs(moved) <= 2.0 * BOUND / ANCHOR + 1e-9


@given(numbers, st.floats(-20.0, 20.0))
def test_a_further_number_moves_it_by_half_of_that(values: list[float], own: float) -> None:
    assert abs(located([*values, 1e3], own) - located(values, own)) <= BOUND / ANCHOR + 1e-9


def test_many_numbers_leave_the_own_one_behind() -> None:
    values = np.random.default_rng(0).normal(0.0, 0.05, 2000)
    found = anchored_location(values, np.array([-1.0, 0.0, 1.0]), bound=BOUND, anchor_weight=ANCHOR)
    assert np.abs(found).max() < 0.02
