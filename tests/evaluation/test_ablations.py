"""Variants of the market model's weight: each differs from the served forecast in the weight alone."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from evaluation.ablations import ablation_scores
from evaluation.panel import Panel, build_panel
from settings import Settings
from tests.evaluation.samples import evaluated
from tests.models.windows import simulated_columns, window_of_columns

SETTINGS = Settings(models=("har", "xgboost"), _env_file=None)  # type: ignore[call-arg]


@pytest.fixture(scope="module")
def panel() -> Panel:
    windows = [window_of_columns(f"T{k}", *simulated_columns(1200, seed=k)) for k in range(4)]
    return build_panel(evaluated(windows, 8, SETTINGS))


def scores(panel: Panel) -> dict[str, float]:
    return {score.name: score.ratio for score in ablation_scores(panel)}


def test_the_served_weight_is_the_first_and_has_no_difference_to_itself(panel: Panel) -> None:
    served, *others = ablation_scores(panel)
    assert served.name == "prior and evidence"
    assert served.t_served == 0.0
    assert {other.name for other in others} == {"evidence alone", "prior alone", "larger for all", "own scale", "own level"}
    assert all(score.forecasts == len(panel.rows) for score in (served, *others))


def test_a_ticker_with_a_steady_error_is_helped_by_its_own_level(panel: Panel) -> None:
    """Twice the variance that is forecast, always, of one ticker: what a level of its own is for."""
    odd = panel.ticker == "T0"
    truth = np.where(odd, 2.0, 0.7) * panel.variances["no_weight"]
    found = scores(dataclasses.replace(panel, realised_variance=truth))
    assert found["own level"] < found["prior and evidence"]


def test_own_past_is_earlier_origins_alone(panel: Panel) -> None:
    """What came on the last date changes no score of the dates before it."""
    last = panel.date == panel.date.max()
    rows = [
        msgspec.structs.replace(row, fallback="historical") if late else row for row, late in zip(panel.rows, last, strict=True)
    ]
    known = dataclasses.replace(panel, rows=rows)
    later = dataclasses.replace(known, realised_variance=np.where(last, 9.0, 1.0) * panel.realised_variance)
    assert scores(known) == scores(later)
