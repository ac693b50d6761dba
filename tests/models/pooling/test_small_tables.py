"""In small tables no ticker's evidence, and no count of rows, decides how the others are served."""

from __future__ import annotations

import datetime as dt
import functools

import msgspec
import numpy as np
import pytest

from models.pooling.cross_section import joint_fit
from models.pooling.joint_panel import ENOUGH_FOR_EVIDENCE, FEWEST_FOR_EVIDENCE, delta_evidence, residual_within_weeks
from models.pooling.pool import pool
from models.results import TrainingJob
from models.serving import make_forecast
from models.training import train_ticker
from records import CandidateScore, Evidence, Forecast
from tests.models.windows import simulated_columns, window_of_columns

BARS, HORIZON = 800, 21


@functools.cache
def row_of(seed: int, bars: int, minimum_bars: int = 504) -> Forecast:
    columns = simulated_columns(BARS, seed=seed, level=0.008 + 0.0002 * seed)
    window = window_of_columns(f"T{seed:02d}", *(column[-bars:] for column in columns))
    job = TrainingJob(window, b"", HORIZON, 0, ("har", "xgboost"), minimum_bars, "hash")
    trained = train_ticker(job)
    return make_forecast(window, trained, horizon=HORIZON, settings_hash="hash", minimum_bars=minimum_bars)


def for_arima(row: Forecast, ticker: str, *, product: float) -> Forecast:
    """The row as if ARIMA had been validated with this evidence, of return and variance alike."""
    evidence = Evidence(square=1.0, product=product, error=0.05)
    score = CandidateScore(model="arima", variance_evidence=evidence, return_evidence=evidence)
    own = row.opinions[0]
    opinion = msgspec.structs.replace(
        own, model="arima", horizon_return=own.horizon_return + 0.05, daily_variance=2.0 * own.daily_variance
    )
    opinions, candidates = (*row.opinions, opinion), (*row.candidates, score)
    return msgspec.structs.replace(row, ticker=ticker, opinions=opinions, candidates=candidates)


def volatilities(rows: list[Forecast]) -> np.ndarray:
    return np.array([row.annual_volatility for row in pool(rows)])


@pytest.mark.parametrize("count", [1, 2, 5, FEWEST_FOR_EVIDENCE])
def test_luck_of_one_more_ticker_gives_no_candidate_the_others(count: int) -> None:
    """Evidence of a candidate without a prior: of two tickers one that is bad decided on both."""
    table = [for_arima(row_of(seed, BARS), f"T{seed:02d}", product=0.8) for seed in range(count)]
    for row in pool(table):
        assert row.volatility_model != "arima"
        assert row.return_weight == 0.0
    *others, last = table
    turned = for_arima(row_of(count - 1, BARS), last.ticker, product=-0.8)
    np.testing.assert_allclose(volatilities([*others, turned]), volatilities(table))


@pytest.mark.parametrize("count", [ENOUGH_FOR_EVIDENCE, ENOUGH_FOR_EVIDENCE + 10])
def test_evidence_of_many_tickers_counts_fully(count: int) -> None:
    table = [for_arima(row_of(seed % 5, BARS), f"T{seed:02d}", product=0.8) for seed in range(count)]
    served = pool(table)
    assert {row.volatility_model for row in served} == {"arima"}
    assert [row.volatility_weight for row in served] == pytest.approx([0.8] * count)


@pytest.mark.parametrize("bars", [504, 520, 545])
@pytest.mark.parametrize("count", [2, 3])
def test_two_years_of_bars_are_pooled_as_three_are(bars: int, count: int) -> None:
    """Their few labelled weeks sufficed together and not alone: one ticker less moved the others by a fifth."""
    rows = [row_of(seed, bars) for seed in range(count)]
    for place, row in enumerate(rows):
        beside = volatilities(rows)[place]
        alone = volatilities([row])[0]
        assert abs(beside / alone - 1.0) < 0.02


def test_without_a_labelled_week_no_other_ticker_gives_the_level() -> None:
    """A bad ticker's intercept was the middle of one."""
    young = row_of(1, 330, 252)
    assert young.pool is not None
    assert young.pool.weeks == b""
    beside = row_of(2, BARS, 252)
    assert beside.pool is not None
    panel = np.frombuffer(beside.pool.panel, "<f4").reshape(-1, 11).copy()
    panel[:, 0] += 9.0
    wild = msgspec.structs.replace(beside, pool=msgspec.structs.replace(beside.pool, panel=panel.tobytes()))
    first, second = (volatilities([young, other])[0] for other in (beside, wild))
    assert abs(second / first - 1.0) < 0.02


def test_a_ticker_without_delta_leaves_the_others_evidence_as_it_is() -> None:
    rows = [msgspec.structs.replace(row_of(seed % 6, BARS), ticker=f"T{seed:02d}") for seed in range(40)]
    assert rows[0].pool is not None
    lacking = msgspec.structs.replace(rows[0], pool=msgspec.structs.replace(rows[0].pool, deltas={}))

    def found(table: list[Forecast]) -> Evidence | None:
        fit = joint_fit(table)
        return delta_evidence(table, fit.panel, residual_within_weeks(fit.panel, fit.apart), "xgboost")

    with_all, without = found(rows), found([lacking, *rows[1:]])
    assert with_all is not None
    assert without is not None
    assert without.product / without.square == pytest.approx(with_all.product / with_all.square, rel=0.1)
    assert found([msgspec.structs.replace(row, pool=lacking.pool) for row in rows[:1]]) is None


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("days", [-40, 8, 40])
def test_a_wrong_date_takes_nobodys_pool_away(count: int, days: int) -> None:
    """A ticker dated a week after all others left them unpooled, and moved them by up to a fifth."""
    *others, last = [row_of(seed, BARS) for seed in range(count)]
    wrong = msgspec.structs.replace(last, as_of=last.as_of + dt.timedelta(days=days))
    assert volatilities([*others, wrong])[:-1].tolist() == volatilities(others).tolist()
    np.testing.assert_allclose(volatilities([*others, wrong])[:-1], volatilities([*others, last])[:-1], rtol=0.02)
