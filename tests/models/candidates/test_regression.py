"""Log-HAR's slopes: between what the data say and what decades have shown."""

from __future__ import annotations

import numpy as np
import pytest

from models.candidates.regression import (
    PRIOR_SLOPES,
    VARIANCE_FEATURES,
    LogVarianceRegression,
    floored_logs,
    log_variances,
    prior_slopes,
    shrunk_slopes,
)
from tests.models.windows import simulated_columns, simulated_window, window_of_columns

HORIZON = 21


@pytest.fixture
def sample(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    terms = rng.standard_normal((400, 3)) * (0.5, 1.0, 2.0)
    target = terms @ (0.6, 0.0, -0.2) + 0.1 * rng.standard_normal(400)
    return target - target.mean(), terms - terms.mean(axis=0)


def test_a_rows_logs_alone_have_the_bytes_of_the_logs_of_all_rows() -> None:
    window = simulated_window(700, seed=4)
    whole = log_variances(window, VARIANCE_FEATURES)
    for values, logs in zip(window.columns(VARIANCE_FEATURES).tolist(), whole, strict=True):
        alone = floored_logs(values)
        assert alone is not None
        assert alone.tobytes() == logs.tobytes()
    halted = [1e-12, 1e-4, 1e-4, 2e-4]
    assert floored_logs(halted) == pytest.approx(np.log([4e-6, 1e-4, 1e-4, 2e-4]))
    assert floored_logs([1e-4, float("nan")]) is None


class TestShrunkSlopes:
    prior = np.array([0.3, 0.3, 0.2])

    def test_no_share_is_least_squares(self, sample: tuple[np.ndarray, np.ndarray]) -> None:
        target, terms = sample
        expected = np.linalg.lstsq(terms, target, rcond=None)[0]
        np.testing.assert_allclose(shrunk_slopes(target, terms, self.prior, 0.0), expected)

    def test_all_share_is_the_prior(self, sample: tuple[np.ndarray, np.ndarray]) -> None:
        np.testing.assert_allclose(shrunk_slopes(*sample, self.prior, 1e9), self.prior, atol=1e-6)

    def test_an_equal_share_lies_half_way_for_each_of_uncorrelated_terms(self, rng: np.random.Generator) -> None:
        terms = np.linalg.qr(rng.standard_normal((400, 3)))[0]
        terms -= terms.mean(axis=0)
        terms = np.linalg.qr(terms)[0] * (1.0, 3.0, 7.0)
        slopes = np.array([0.9, -0.5, 0.1])
        target = terms @ slopes
        np.testing.assert_allclose(shrunk_slopes(target, terms, self.prior, 1.0), 0.5 * (self.prior + slopes))

    def test_a_term_that_does_not_vary_keeps_its_prior(self, sample: tuple[np.ndarray, np.ndarray]) -> None:
        target, terms = sample
        terms[:, 1] = 0.0
        assert shrunk_slopes(target, terms, self.prior, 1.0)[1] == self.prior[1]


def test_what_a_young_history_lacks_is_spread_over_the_others() -> None:
    assert prior_slopes(VARIANCE_FEATURES).sum() == pytest.approx(sum(PRIOR_SLOPES.values()))
    np.testing.assert_allclose(prior_slopes(("range_variance_5", "range_variance_21")), [0.4, 0.4])


@pytest.mark.parametrize("seed", range(3))
def test_calm_years_do_not_send_a_crisis_straight_back_to_calm(seed: int) -> None:
    """Years in which volatility does not move, then a month three times as volatile: much of the shock is expected to last."""
    day, *_, volume = simulated_columns(1016, seed=seed)
    rng = np.random.default_rng(seed)
    scale = np.where(np.arange(1016) < 995, 1.0, 3.0)
    moves = 0.01 * scale * rng.standard_normal(1016)
    close = 50.0 * np.exp(np.cumsum(moves))
    open_ = np.concatenate([[50.0], close[:-1]])
    reach = np.exp(0.004 * scale * (1.0 + rng.random(1016)))
    columns = (day, open_, np.maximum(open_, close) * reach, np.minimum(open_, close) / reach, close, volume)
    window = window_of_columns("SIM", *columns).last(756)
    regression = LogVarianceRegression.fit(window, HORIZON)
    shock = np.log(9.0)
    expected = regression.log_variance(window) - regression.log_variance(window.until(735))
    assert 0.25 * shock < expected < shock
