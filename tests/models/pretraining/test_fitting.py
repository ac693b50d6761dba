"""The NumPy evaluations against the libraries that fitted the market model's parts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.market.trees import TreeEnsemble
from models.pretraining.fitting import boost, fit_net, fit_ridge

STEPS = 26


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_trees_equal_xgboost(seed: int) -> None:
    import xgboost

    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((3000, 12))
    target = np.sin(inputs[:, 0]) * inputs[:, 1] + 0.3 * rng.standard_normal(3000)
    booster = boost(inputs, target, seed)
    expected = booster.predict(xgboost.DMatrix(inputs.astype(np.float32)))
    assert expected.std() > 0.1, "trees that split on nothing would test nothing"
    np.testing.assert_allclose(TreeEnsemble.of_booster(booster).predict(inputs), expected, rtol=1e-5, atol=2e-6)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), cut=st.sampled_from([0.0, 0.5, -1.25]))
def test_trees_send_ties_the_way_xgboost_does(seed: int, cut: float) -> None:
    """Inputs of few values: many lie exactly on a threshold."""
    import xgboost

    rng = np.random.default_rng(seed)
    inputs = rng.integers(-3, 4, (80, 3)) / 2 + cut
    booster = boost(np.repeat(inputs, 4, axis=0), np.repeat(np.sin(inputs.sum(axis=1)), 4), seed)
    expected = booster.predict(xgboost.DMatrix(inputs.astype(np.float32)))
    np.testing.assert_allclose(TreeEnsemble.of_booster(booster).predict(inputs), expected, rtol=1e-5, atol=2e-6)


def test_a_row_alone_is_predicted_as_among_others() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((500, 8))
    trees = TreeEnsemble.of_booster(boost(inputs, inputs[:, 0] * inputs[:, 1], 0))
    together = trees.predict(inputs)
    assert [float(trees.predict(inputs[k : k + 1])[0]) for k in range(50)] == together[:50].tolist()


def sequences(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A target that the last step determines, over 100 weeks."""
    rng = np.random.default_rng(seed)
    found = rng.standard_normal((count, STEPS, 6))
    return found, 0.5 * found[:, -1, 0], np.sort(rng.integers(0, 100, count))


def test_net_equals_torch() -> None:
    import torch

    x, target, week = sequences(600, 0)
    net = fit_net(x, target, week, seed=5, embargo=5)
    assert np.abs(net.head_weight).max() > 0.01, "an untrained head would test nothing"
    lstm = torch.nn.LSTM(6, net.state_weight.shape[1], batch_first=True)
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(torch.from_numpy(net.input_weight))
        lstm.weight_hh_l0.copy_(torch.from_numpy(net.state_weight))
        lstm.bias_ih_l0.copy_(torch.from_numpy(net.bias))
        lstm.bias_hh_l0.zero_()
        hidden = lstm(torch.from_numpy(x.astype(np.float32)))[0][:, -1].numpy()
    np.testing.assert_allclose(net.forward(x), hidden @ net.head_weight.T + net.head_bias, atol=1e-6)


def test_net_learns_what_can_be_learnt_and_leaves_torch_random_state_alone() -> None:
    import torch

    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    net = fit_net(*sequences(4000, 1), seed=1, embargo=5)
    assert torch.equal(torch.random.get_rng_state(), before)
    x, target, _ = sequences(500, 2)
    assert np.mean((net.forward(x)[:, 0] - target) ** 2) < 0.8 * np.mean(target**2)


def test_ridge_shrinks_the_least_squares_slopes() -> None:
    rng = np.random.default_rng(3)
    inputs = rng.standard_normal((2000, 3))
    slopes = fit_ridge(inputs, inputs @ np.array([1.0, -2.0, 0.0]))
    np.testing.assert_allclose(slopes, np.array([1.0, -2.0, 0.0]) / 1.2, atol=0.05)
