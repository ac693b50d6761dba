"""What machine learning contributed: the factor of each row, and the sentence about all of them."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from models.market.model import market_model
from models.pooling.contribution import learning_line, variance_factor
from models.pooling.joint_panel import delta_evidence, joint_panel, residual_within_weeks, slopes_within_weeks
from models.pooling.pool import pool
from models.pooling.terms import TERM_NAMES
from models.results import TrainingJob
from models.selection.evidence import prior_of, weight
from models.serving import make_forecast
from models.training import train_ticker
from records import Evidence, Forecast
from tests.models.windows import simulated_window


def evidence_of(members: list[Forecast]) -> Evidence | None:
    panel = joint_panel(members)
    return delta_evidence(members, panel, residual_within_weeks(panel, slopes_within_weeks(panel)), "xgboost")


TICKERS = ("AA1", "BB2", "CC3")


@pytest.fixture(scope="module")
def rows() -> list[Forecast]:
    found = []
    for seed, ticker in enumerate(TICKERS):
        window = dataclasses.replace(simulated_window(756, seed=seed), ticker=ticker)
        job = TrainingJob(window, b"", 21, 0, ("har", "xgboost"), 504, "hash")
        found.append(make_forecast(window, train_ticker(job), horizon=21, settings_hash="hash", minimum_bars=504))
    return found


def test_the_factor_is_the_models_delta_by_its_weight(rows: list[Forecast]) -> None:
    for row in pool(rows):
        own, moved = (opinion.daily_variance for opinion in row.opinions)
        expected = (moved / own) ** row.volatility_weight if row.volatility_model == "xgboost" else 1.0
        assert variance_factor(row) == pytest.approx(expected)


def many(rows: list[Forecast], count: int) -> list[Forecast]:
    """The rows under as many names, in their order."""
    return [msgspec.structs.replace(rows[k % len(rows)], ticker=f"M{k:03d}") for k in range(count)]


def test_evidence_counts_weeks_not_tickers(rows: list[Forecast]) -> None:
    """The same ticker under more names is no more evidence: all its labels fall into the same weeks, at their mean."""
    once, twice = (evidence_of(many(rows, count)) for count in (60, 120))
    assert once is not None
    assert twice is not None
    assert twice.product / twice.error == pytest.approx(once.product / once.error, abs=0.05)


def test_few_tickers_are_no_evidence_and_some_are_little(rows: list[Forecast]) -> None:
    few, some, enough = (evidence_of(many(rows, count)) for count in (9, 15, 30))
    assert few is not None
    assert some is not None
    assert enough is not None
    assert few.square == 0.0
    assert abs(some.product / some.error) < 0.7 * abs(enough.product / enough.error)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_one_loud_ticker_does_not_decide_on_the_weight(rows: list[Forecast], sign: float) -> None:
    members = many(rows, 30)
    loud = members[0].pool
    assert loud is not None
    panel = np.frombuffer(loud.panel, dtype="<f4").reshape(-1, 1 + len(TERM_NAMES)).copy()
    delta = np.random.default_rng(1).choice([-0.7, 0.7], len(panel))
    panel[:, 0] += sign * 3.0 * delta
    wrong = msgspec.structs.replace(
        loud, panel=panel.tobytes(), deltas={**loud.deltas, "xgboost": delta.astype("<f4").tobytes()}
    )
    prior = prior_of("xgboost")
    assert prior is not None
    before, after = (
        weight(found, prior)
        for part in (members, [msgspec.structs.replace(members[0], pool=wrong), *members[1:]])
        if (found := evidence_of(part)) is not None
    )
    assert after == pytest.approx(before, abs=0.1)


def test_labels_that_the_fit_has_seen_are_no_evidence(rows: list[Forecast]) -> None:
    record = market_model().record
    weeks = np.frombuffer(rows[0].pool.weeks, dtype="<i4")  # type: ignore[union-attr]
    inside = np.linspace(record.first_week, record.last_week, len(weeks)).astype("<i4").tobytes()
    seen = [
        msgspec.structs.replace(row, ticker=name, pool=msgspec.structs.replace(row.pool, weeks=inside))
        for row, name in zip(many(rows, 30), record.tickers, strict=False)
    ]
    found = evidence_of(seen)
    assert found is not None
    assert (found.square, found.product, found.error) == (0.0, 0.0, 0.0)
    unseen = [msgspec.structs.replace(row, ticker=f"{row.ticker} of another market") for row in seen]
    found = evidence_of(unseen)
    assert found is not None
    assert found.square > 0.0


def test_the_line_says_who_moves_what_and_why(rows: list[Forecast]) -> None:
    line = learning_line(pool(rows))
    if any(row.volatility_weight > 0 for row in pool(rows)):
        assert line.startswith("machine learning: xgboost moves")
        assert "prior of" in line
    unmoved = [msgspec.structs.replace(row, volatility_weight=0.0) for row in rows]
    assert learning_line(unmoved).endswith("the evidence does not carry it")
