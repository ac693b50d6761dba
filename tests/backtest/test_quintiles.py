"""Probabilities of fifths by simulation, and their score."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtest.quintiles import fifths_of, quintile_probabilities, quintiles_of, ranked_probability_score, write_quintiles
from errors import NoDataError
from tests.made.market import made_bars, row


def test_a_fifth_each_scores_0_16():
    realised = np.repeat(np.arange(5), 20)
    assert ranked_probability_score(np.full((100, 5), 0.2), realised) == pytest.approx(0.16)
    assert ranked_probability_score(np.eye(5)[realised], realised) == 0.0
    # The most wrong forecast: four cumulated probabilities of five are off by 1.
    assert ranked_probability_score(np.array([[1.0, 0, 0, 0, 0]]), np.array([4])) == pytest.approx(0.8)


@given(st.integers(0, 1000), st.integers(5, 60))
def test_fifths_are_of_equal_size_and_in_order(seed, n):
    returns = np.random.default_rng(seed).normal(size=n)
    fifth = fifths_of(returns)
    assert np.abs(np.bincount(fifth, minlength=5) - n / 5).max() < 1
    assert (np.diff(fifth[np.argsort(returns)]) >= 0).all()


def test_probabilities_sum_to_one_over_fifths_and_to_a_fifth_over_tickers(rng):
    scale = rng.uniform(0.1, 0.5, 20)
    probabilities = quintile_probabilities(rng.normal(0, 0.1, 20), np.diag(scale**2), 21)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    np.testing.assert_allclose(probabilities.mean(axis=0), 0.2)


def test_equal_tickers_have_a_fifth_each_and_wild_ones_the_ends():
    alike = quintile_probabilities(np.zeros(20), np.full((20, 20), 0.02) + 0.02 * np.eye(20), 21)
    np.testing.assert_allclose(alike, 0.2, atol=0.015)
    variance = np.full(20, 0.02)
    variance[0] = 0.5
    wild = quintile_probabilities(np.zeros(20), np.diag(variance), 21)
    assert wild[0, 0] > 0.35
    assert wild[0, 4] > 0.35
    assert wild[0, 2] < 0.1
    better = quintile_probabilities(np.where(np.arange(20) == 0, 1.0, 0.0), np.diag(np.full(20, 0.02)), 21)
    assert better[0, 4] > better[0, 0]


def test_probabilities_are_written_with_what_came(tmp_path):
    bars = made_bars(tuple(f"T{k:02d}" for k in range(12)), 400)
    cut = {ticker: held[:300] for ticker, held in bars.items()}
    rows = [row(ticker, held, 0.1, 0.15 + 0.02 * k) for k, (ticker, held) in enumerate(cut.items())]
    realised = np.array([float(bars[r.ticker].close[320] / bars[r.ticker].close[299] - 1) for r in rows])
    found = quintiles_of(bars, rows, realised)
    write_quintiles(found, tmp_path / "new" / "quintiles.parquet")
    table = pd.read_parquet(tmp_path / "new" / "quintiles.parquet")
    assert list(table["ticker"]) == sorted(bars)
    np.testing.assert_allclose(table.filter(like="quintile_").iloc[:, :5].sum(axis=1), 1.0)
    assert list(table["realised_quintile"]) == list(fifths_of(realised) + 1)
    with pytest.raises(NoDataError, match="no date has 10 tickers"):
        quintiles_of(bars, rows[:5], realised[:5])


def test_nothing_after_the_origin_enters_the_probabilities():
    bars = made_bars(tuple(f"T{k:02d}" for k in range(12)), 400)
    cut = {ticker: held[:300] for ticker, held in bars.items()}
    rows = [row(ticker, held, 0.1, 0.2) for ticker, held in cut.items()]
    whole, known = (quintiles_of(b, rows, np.arange(12.0)).probabilities["equal_means"] for b in (bars, cut))
    np.testing.assert_allclose(whole, known, atol=1e-12)
