from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.correlation import shrunk_correlation


def returns_of(rng: np.random.Generator, days: int, n: int) -> np.ndarray:
    market = rng.normal(0, 0.01, (days, 1))
    return market * rng.uniform(0.3, 1.5, n) + rng.normal(0, 0.01, (days, n))


def by_the_paper(returns: np.ndarray) -> np.ndarray:
    """Ledoit and Wolf's estimator on standardised returns, pair by pair, as it stands in the paper."""
    days, n = returns.shape
    score = (returns - returns.mean(0)) / returns.std(0)
    sample = np.corrcoef(returns.T)
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    target = np.mean([sample[p] for p in pairs])
    error = np.mean([np.mean((score[:, i] * score[:, j] - sample[i, j]) ** 2) for i, j in pairs]) / days
    distance = np.mean([(sample[p] - target) ** 2 for p in pairs])
    weight = min(1.0, error / distance)
    shrunk = weight * target + (1 - weight) * sample
    np.fill_diagonal(shrunk, 1.0)
    return shrunk


@pytest.mark.parametrize("days", [40, 250])
def test_complete_histories_are_shrunk_as_in_the_paper(rng, days):
    returns = returns_of(rng, days, 8)
    np.testing.assert_allclose(shrunk_correlation(returns), by_the_paper(returns), atol=1e-12)


@given(st.integers(0, 10_000), st.integers(1, 120), st.integers(1, 40), st.floats(0, 0.95), st.booleans(), st.booleans())
def test_it_is_always_a_positive_definite_correlation_matrix(seed, days, n, gaps, copies, flat):
    rng = np.random.default_rng(seed)
    returns = returns_of(rng, days, n)
    if copies and n > 1:
        returns[:, 1] = returns[:, 0]
    if flat:
        returns[:, 0] = 0.0
    returns[rng.random(returns.shape) < gaps] = np.nan
    correlation = shrunk_correlation(returns)
    np.testing.assert_allclose(np.diag(correlation), 1.0)
    np.testing.assert_allclose(correlation, correlation.T)
    assert (np.abs(correlation) <= 1 + 1e-12).all()
    assert np.linalg.eigvalsh(correlation).min() > 1e-5


def test_a_young_ticker_changes_the_others_correlations_little_and_leans_on_the_average(rng):
    returns = returns_of(rng, 500, 12)
    alone = shrunk_correlation(returns[:, :11])
    young = returns.copy()
    young[:-25, 11] = np.nan
    together = shrunk_correlation(young)
    assert np.abs(together[:11, :11] - alone).max() < 0.05
    average = alone[np.triu_indices(11, 1)].mean()
    assert np.abs(together[:11, 11] - average).max() < 0.25


def test_tickers_that_never_met_get_the_average_correlation(rng):
    returns = returns_of(rng, 400, 6)
    returns[200:, 0] = np.nan
    returns[:200, 1] = np.nan
    correlation = shrunk_correlation(returns)
    others = correlation[2:, 2:][np.triu_indices(4, 1)].mean()
    assert correlation[0, 1] == pytest.approx(others, abs=0.2)
    assert correlation[0, 1] > 0.1
