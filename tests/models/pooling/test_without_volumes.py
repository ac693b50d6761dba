"""A ticker without volumes among others that have them: its season is unknown, and not a quiet season."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from models.pooling.cross_section import pooled_variances
from models.pooling.joint_panel import _without_the_loudest, joint_panel, row_terms, tickers_of, with_usual_seasons
from models.pooling.pool import pool
from models.pooling.terms import TERM_NAMES, USUAL_SEASONS
from models.results import TrainingJob
from models.selection.evidence import prior_of
from models.serving import make_forecast
from models.training import train_ticker
from records import Forecast
from tests.models.windows import simulated_columns, window_of_columns

SEASONS = [TERM_NAMES.index("season_volume"), TERM_NAMES.index("season_jump")]
OTHERS = [at for at in range(len(TERM_NAMES)) if at not in SEASONS]
BARS, TICKERS = 760, 8


@functools.cache
def row_of(seed: int, *, has_volumes: bool) -> Forecast:
    columns = simulated_columns(BARS, seed=seed, level=0.01)
    if not has_volumes:
        columns[5][:] = 0.0
    window = window_of_columns(f"T{seed}", *columns)
    job = TrainingJob(window, b"", 21, 0, ("har",), 504, "hash")
    return make_forecast(window, train_ticker(job), horizon=21, settings_hash="hash", minimum_bars=504)


def rows(*, has_volumes: bool) -> list[Forecast]:
    return [row_of(0, has_volumes=has_volumes), *(row_of(seed, has_volumes=True) for seed in range(1, TICKERS))]


def test_its_seasons_are_the_usual_in_the_panel_and_now() -> None:
    found = rows(has_volumes=False)
    assert (row_terms(found[0])[SEASONS] == 0.0).all(), "as the features have it"
    panel = joint_panel(found)
    own = tickers_of(panel) == 0
    usual = list(USUAL_SEASONS.values())
    assert (panel.terms[own][:, SEASONS] == usual).all()
    steps = pooled_variances(found).steps
    assert steps.terms[0, SEASONS].tolist() == usual
    raw = np.array([row_terms(row) for row in found])
    assert (steps.terms[:, OTHERS] == raw[:, OTHERS]).all()
    assert (steps.terms[1:] == raw[1:]).all()


def test_volumes_alone_change_no_volatility_by_much() -> None:
    """Simulated volumes say nothing of the prices: without them a ticker is as volatile as with them, and so are the others."""
    with_volumes, without = (np.log([row.annual_volatility for row in pool(rows(has_volumes=flag))]) for flag in (True, False))
    assert np.abs(with_volumes - without).max() < 0.02


def test_where_all_have_volumes_nothing_is_filled() -> None:
    terms = np.ones((4, len(TERM_NAMES)))
    assert with_usual_seasons(terms) is terms


def test_an_untrained_ticker_moves_no_trained_one() -> None:
    trained = [row_of(seed, has_volumes=False) for seed in range(TICKERS)]
    untrained = row_of(TICKERS, has_volumes=True)
    found = pooled_variances(trained, [untrained])
    assert (found.served[:TICKERS] == pooled_variances(trained).served).all()
    assert (found.steps.terms[TICKERS, SEASONS] == row_terms(untrained)[SEASONS]).all()


@pytest.mark.parametrize("shown", [(0, 1), (28, 29)])
def test_only_tickers_with_rows_count_as_evidence_whatever_their_places(shown: tuple[int, int]) -> None:
    """Of thirty tickers two have rows that the fit has not seen: too few, be they the first or the last."""
    ticker, week = np.repeat(shown, 40), np.tile(np.arange(40), 2)
    prior = prior_of("xgboost")
    assert prior is not None
    found = _without_the_loudest(ticker, week, np.ones(80), np.ones(80), prior)
    assert (found.square, found.product, found.error) == (0.0, 0.0, 0.0)
