"""The market part of expected returns: sensible across asset classes, next to nothing among shares, robust to one ticker."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.covariance import Comovement
from optimizer.exposure import betas, market_part

DAYS = 756


def together(log_returns: np.ndarray) -> tuple[Comovement, np.ndarray]:
    volatility = log_returns.std(axis=0) * np.sqrt(252)
    return Comovement(np.corrcoef(log_returns.T), volatility, np.ones(len(volatility))), volatility


def asset_classes(rng: np.random.Generator) -> np.ndarray:
    """Three shares, a volatility note of beta -3, long bonds, short bonds."""
    market, rate = rng.normal(0, 0.01, DAYS), rng.normal(0, 0.006, DAYS)
    shares = [beta * market + rng.normal(0, 0.006, DAYS) for beta in (0.8, 1.0, 1.2)]
    note = -3 * market + rng.normal(0, 0.02, DAYS)
    return np.column_stack([*shares, note, rate - 0.3 * market, 0.1 * rate - 0.01 * market + rng.normal(0, 0.0003, DAYS)])


@pytest.mark.parametrize("seed", range(8))
def test_a_volatility_note_loses_bonds_earn_little_and_shares_keep_their_centre(seed):
    past, volatility = together(asset_classes(np.random.default_rng(seed)))
    expected = 0.09 + market_part(np.full(6, 0.09), np.zeros(6), betas(past, volatility), 0.02, 0.05)
    shares, note, long_bonds, short_bonds = expected[:3], *expected[3:]
    assert np.abs(shares - 0.09).max() < 0.02
    assert note < -0.05
    assert note < long_bonds < short_bonds < shares.min()
    assert 0.0 < short_bonds < 0.06


def test_among_shares_next_to_nothing_moves_and_the_order_of_forecasts_stays(rng):
    beta = rng.uniform(0.6, 1.5, 40)
    past, volatility = together(rng.normal(0, 0.01, (DAYS, 1)) * beta + rng.normal(0, 0.012, (DAYS, 40)))
    found = betas(past, volatility)
    assert np.corrcoef(found, beta)[0, 1] > 0.95
    moved = market_part(np.full(40, 0.09), np.zeros(40), found, 0.02, 0.05)
    assert np.abs(moved).max() < 0.02
    assert abs(moved.mean()) < 0.005


@given(st.integers(0, 500), st.integers(1, 12))
def test_one_ticker_moves_the_others_little(seed, n):
    """A share with absurd bars beside others: their betas, and so their returns, stay."""
    rng = np.random.default_rng(seed)
    log_returns = rng.normal(0, 0.01, (DAYS, 1)) + rng.normal(0, 0.01, (DAYS, n + 3))
    past, volatility = together(log_returns)
    before = market_part(np.full(n + 3, 0.09), np.zeros(n + 3), betas(past, volatility), 0.02, 0.05)
    log_returns[rng.integers(0, DAYS, 5), 0] = 3.0
    past, volatility = together(log_returns)
    after = market_part(np.full(n + 3, 0.09), np.zeros(n + 3), betas(past, volatility), 0.02, 0.05)
    assert np.abs(after[1:] - before[1:]).max() < 0.03


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_tickers_do_not_say_which_is_the_market(n, rng):
    log_returns = rng.normal(0, 0.01, (DAYS, 1)) * np.array([1.0, -3.0])[:n] + rng.normal(0, 0.002, (DAYS, n))
    correlation = np.atleast_2d(np.corrcoef(log_returns.T))
    past = Comovement(correlation, log_returns.std(axis=0), np.ones(n))
    np.testing.assert_array_equal(betas(past, np.full(n, 0.2)), 1.0)


def test_what_has_nothing_in_common_has_no_market(rng):
    past, volatility = together(rng.normal(0, 0.01, (DAYS, 20)))
    np.testing.assert_array_equal(betas(past, volatility), 1.0)


def test_a_ticker_s_own_mean_keeps_its_weight():
    beta = np.array([1.0, 1.0, -3.0])
    half, none = (market_part(np.full(3, 0.1), weight, beta, 0.02, 0.05) for weight in (np.full(3, 0.5), np.zeros(3)))
    np.testing.assert_allclose(half, none / 2)
    assert none[2] == pytest.approx(0.065 * -4 * 16 / 16.25)


def test_a_bear_market_does_not_reward_what_falls_when_shares_rise():
    beta = np.array([1.0, 1.0, -3.0])
    assert market_part(np.full(3, -0.2), np.zeros(3), beta, 0.02, 0.05)[2] < 0
