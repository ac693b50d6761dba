"""δ of the market model: its parts add up to what the candidate forecasts, to the last digits."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.candidates.xgb import XGBoostModel
from models.explain.explanation import Explanation
from models.explain.market import add_delta, explains, tree_parts
from models.explain.quantities import Quantities
from models.market.model import last_row, market_model
from tests.models.explain.recompute import recomputed
from tests.models.windows import simulated_window

EMPTY = Explanation("T", "2020-01-01", 21, None, None, None, 1, (), (), (), None, 0, None, "", "", ())


@given(st.lists(st.floats(-3.0, 3.0, width=32), min_size=45, max_size=45))
def test_the_trees_forecast_is_the_sum_of_its_parts(values: list[float]) -> None:
    trees, inputs = market_model().trees, np.array(values)
    mean, parts = tree_parts(trees, inputs)
    assert math.isclose(mean + parts.sum(), float(trees.predict(inputs[None, :])[0]), abs_tol=1e-12)


def test_an_input_that_no_tree_splits_on_has_no_part() -> None:
    trees = market_model().trees
    _, parts = tree_parts(trees, np.zeros(45))
    unused = set(range(45)) - set(trees.feature[np.isfinite(trees.threshold)].tolist())
    assert all(parts[place] == 0.0 for place in unused)


@pytest.mark.parametrize("seed", range(6))
def test_delta_follows_from_the_printed_parts(seed: int) -> None:
    window = simulated_window(900, seed=seed, level=0.01 + 0.01 * seed)
    delta = float(XGBoostModel.deltas(market_model(), *last_row(window))[0])
    quantities = Quantities()
    quantities.begin("variance")
    add_delta(quantities, window, delta)
    values = recomputed(msgspec.structs.replace(EMPTY, sections=quantities.sections()))
    assert math.isclose(values["market_delta"], delta, rel_tol=1e-9, abs_tol=1e-12)
    parts = [abs(q.value) for s in quantities.sections() for q in s.quantities if q.name.startswith("market_part_")]
    assert parts == sorted(parts, reverse=True)
    assert msgspec.json.encode(quantities.sections())


def test_only_the_trees_are_explained_and_only_with_bars() -> None:
    window = simulated_window(300)
    assert explains("xgboost", window)
    assert not explains("xgboost", None)
    assert not explains("lstm", window)
