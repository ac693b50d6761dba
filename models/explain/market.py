"""The market model's δ of one ticker, step by step: its inputs, what ridge regression and trees make of each, the restraint.

The trees' forecast is split over the inputs along each tree's path from the root to the leaf: at every split the mean of the
leaves below changes, and the change belongs to the input of the split (Saabas 2014). The parts and the mean over all leaves add
up to the forecast exactly.
"""

from __future__ import annotations

import numpy as np

from models.candidates.xgb import XGBoostModel
from models.contract import Window
from models.explain.quantities import Quantities
from models.market.inputs import market_inputs
from models.market.model import LARGEST_DELTA, RISE_BEGINS, RISE_INPUT, last_row, market_model
from models.market.trees import TreeEnsemble
from records import Floats


def explains(candidate: str, window: Window | None) -> bool:
    """Whether the δ of this candidate can be derived: that of the trees, where the bars are at hand."""
    return candidate == XGBoostModel.name and window is not None


def add_delta(quantities: Quantities, window: Window, delta: float) -> None:
    """The numbers that lead to `market_delta`, whose served value is `delta`. The largest parts come first."""
    model = market_model()
    inputs = model.standard.scale(market_inputs(*last_row(window)))[0]
    mean, parts = tree_parts(model.trees, inputs)
    quantities.given("market_scale", model.tree_scale, "of δ, from the market model's cross-validation")
    quantities.given("market_trees_mean", mean, "mean over all leaves of the trees")
    shares = 0.5 * model.tree_scale * (model.slopes * inputs + parts)
    for place in np.argsort(-np.abs(shares), kind="stable"):
        name = model.input_names[place]
        quantities.given(f"market_input_{name}", inputs[place], "in the fit's standard deviations")
        quantities.given(f"market_slope_{name}", model.slopes[place], "of the ridge regression")
        quantities.given(f"market_trees_{name}", parts[place], "what the trees make of it")
        formula = f"0.5 * market_scale * (market_slope_{name} * market_input_{name} + market_trees_{name})"
        quantities.derived(f"market_part_{name}", shares[place], formula, "part of δ")
    names = " + ".join(f"market_part_{name}" for name in model.input_names)
    total = float(shares.sum()) + 0.5 * model.tree_scale * mean
    quantities.derived("market_sum", total, f"{names} + 0.5 * market_scale * market_trees_mean", "δ before the restraint")
    quantities.given("market_largest", LARGEST_DELTA, "δ is no larger, up or down")
    inside = min(max(total, -LARGEST_DELTA), LARGEST_DELTA)
    quantities.derived("market_inside", inside, "min(max(market_sum, -market_largest), market_largest)", "within that")
    fade = f"1 - min(max(market_input_{RISE_INPUT} - {RISE_BEGINS!r}, 0), 1)"
    quantities.derived(
        "market_delta",
        delta,
        f"market_inside * ({fade}) if market_inside < 0 else market_inside",
        "log of the candidate's variance less that of the own log-HAR; where variance has risen it lowers nothing",
    )


def tree_parts(trees: TreeEnsemble, inputs: Floats) -> tuple[float, Floats]:
    """Mean of the trees over their leaves, and each input's part of the forecast at `inputs` (k,): shape (k,)."""
    means = [trees.leaf]
    for _ in range(trees.depth):
        means.append(0.5 * (means[-1][:, 0::2] + means[-1][:, 1::2]))
    levels = np.concatenate(means[::-1], axis=1)
    parts = np.zeros(len(inputs))
    values = inputs.astype(np.float32)
    tree = np.arange(len(trees.feature))
    place = np.zeros(len(tree), dtype=np.intp)
    for _ in range(trees.depth):
        feature = trees.feature[tree, place]
        below = 2 * place + 1 + (values[feature] >= trees.threshold[tree, place])
        np.add.at(parts, feature, levels[tree, below] - levels[tree, place])
        place = below
    return float(levels[:, 0].sum()), parts
