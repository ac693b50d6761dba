"""The centre of mean returns: what it must be where nothing is wrong, and how little one bad ticker may do to another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.pooling.shrinkage import HUBER_BOUND, PRIOR_ANNUAL_MEAN, center_of_returns, limited_return, shrunk_returns
from records import RETURN_LIMITED, FallbackStep, Floats

Ticker = tuple[float, float]
"""Own annual mean and its sampling error."""
SHARE = (-0.14, 0.134)
#: Three years with one close a hundred times too high, with eightfold closes at the end, of 0.6 % a day.
ERROR, JUMP, ROCKET = (32.7, 32.8), (2.39, 2.33), (1.355, 0.135)
YOUNG_JUMP = (30.2, 30.0)

usual = st.tuples(st.floats(-0.5, 0.8), st.floats(0.05, 0.4))
anything = st.tuples(st.floats(-1e6, 1e6), st.floats(0.0, 1e6))


def served(*tickers: Ticker) -> Floats:
    own, error = np.array(tickers).T
    return shrunk_returns(own, error, center_of_returns(own, error))


def center(*tickers: Ticker) -> float:
    own, error = np.array(tickers).T
    return center_of_returns(own, error)


def test_of_none_is_zero() -> None:
    assert center_of_returns(np.empty(0), np.empty(0)) == pytest.approx(0.0)


def test_where_nothing_is_wrong_it_is_the_mean_weighted_by_precision_with_the_prior() -> None:
    own, error = np.array([0.286, 0.174, 0.187, 0.037]), np.array([0.164, 0.155, 0.109, 0.126])
    weight = 1.0 / (error**2 + PRIOR_ANNUAL_MEAN**2)
    expected = weight @ own / (weight.sum() + 1.0 / PRIOR_ANNUAL_MEAN**2)
    assert center_of_returns(own, error) == pytest.approx(expected, rel=1e-12)


def test_of_many_it_is_not_drawn_to_zero(rng: np.random.Generator) -> None:
    own = rng.normal(0.15, 0.1, 500)
    assert center_of_returns(own, np.full(500, 0.14)) == pytest.approx(own.mean(), abs=0.003)


@pytest.mark.parametrize("bad", [ERROR, JUMP, YOUNG_JUMP, ROCKET], ids=["error", "jump", "young jump", "rocket"])
@pytest.mark.parametrize("good", [1, 2, 3, 10])
def test_one_bad_ticker_beside_a_few(bad: Ticker, good: int) -> None:
    alone = served(*[SHARE] * good)
    *others, odd = served(*[SHARE] * good, bad)
    np.testing.assert_allclose(others, alone, atol=0.13)
    assert abs(odd) < 0.25


@pytest.mark.parametrize("bad", [ERROR, JUMP, YOUNG_JUMP], ids=["error", "jump", "young jump"])
def test_bad_ones_in_the_majority(bad: Ticker) -> None:
    np.testing.assert_allclose(served(SHARE, bad, bad, bad), served(SHARE)[0], atol=0.05)


@given(st.lists(usual, min_size=1, max_size=5), anything)
def test_no_further_ticker_moves_another_by_more_than_the_bound(tickers: list[Ticker], further: Ticker) -> None:
    bound = HUBER_BOUND * PRIOR_ANNUAL_MEAN
    *moved, _ = served(*tickers, further)
    assert np.abs(moved - served(*tickers)).max() <= bound + 1e-9


@given(st.lists(anything, min_size=0, max_size=5), st.floats(-1e6, 1e6), st.floats(0.0, 1e6))
def test_a_mean_known_worse_is_nearer_to_the_centre(others: list[Ticker], own: float, error: float) -> None:
    between = center((own, error), *others)
    first, second = (float(shrunk_returns(np.array(own), np.array(e), between)) for e in (error, error + 0.1))
    assert abs(second - between) <= abs(first - between) <= abs(own - between) * (1.0 + 1e-12)


@given(st.lists(anything, min_size=1, max_size=6))
def test_the_centre_is_a_mirror_image_of_the_mirrored(tickers: list[Ticker]) -> None:
    mirrored = center(*[(-own, error) for own, error in tickers])
    assert mirrored == pytest.approx(-center(*tickers), abs=1e-9)


class TestLimit:
    step = FallbackStep(model="lstm", reason="too short")

    @pytest.mark.parametrize("annual_return", [-1.0, -0.3, 0.0, 1.0])
    def test_what_is_within_it_is_left_alone(self, annual_return: float) -> None:
        assert limited_return(annual_return, (self.step,)) == (annual_return, (self.step,))

    @pytest.mark.parametrize("annual_return", [float("nan"), float("inf"), -float("inf")])
    def test_what_is_no_number_does_not_become_one(self, annual_return: float) -> None:
        limited, steps = limited_return(annual_return, (self.step,))
        assert not np.isfinite(limited)
        assert steps == (self.step,)

    @pytest.mark.parametrize("annual_return", [-4.15, 1.36, 15.9])
    def test_what_is_beyond_it_says_so_once(self, annual_return: float) -> None:
        limited, steps = limited_return(annual_return, (self.step,))
        assert limited == np.sign(annual_return)
        assert steps[0] == self.step
        assert steps[1].model == RETURN_LIMITED
        assert f"{annual_return:+.1%} a year" in steps[1].reason
        assert limited_return(annual_return, steps) == (limited, steps)
        assert limited_return(0.1, steps) == (0.1, (self.step,))
