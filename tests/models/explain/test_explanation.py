"""An explanation's formulas give the served row again, from the printed numbers alone."""

from __future__ import annotations

import datetime as dt
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.contract import Window
from models.explain.explanation import Explanation, Origin, explain
from models.pooling.joint_panel import ENOUGH_FOR_EVIDENCE
from models.pooling.pool import POOLED, pool
from models.results import TrainedTicker, TrainingJob
from models.serving import load_trained, make_forecast
from models.training import train_ticker
from records import CandidateForecast, Drift, Evidence, Forecast, LossMonitor
from tests.models.explain.recompute import recomputed
from tests.models.windows import simulated_window

HORIZON = 21
SERVED = ("annual_return", "annual_volatility", "lower_80", "upper_80", "lower_95", "upper_95")


def trained_of(window: Window) -> TrainedTicker:
    job = TrainingJob(
        window=window, digest=b"", horizon=HORIZON, seed=0, models=("har",), minimum_bars=504, settings_hash="hash"
    )
    return train_ticker(job)


def row_of(window: Window, trained: TrainedTicker | None) -> Forecast:
    return make_forecast(window, trained, horizon=HORIZON, settings_hash="hash", minimum_bars=504)


@pytest.fixture(scope="module")
def windows() -> list[Window]:
    return [simulated_window(756, seed=k, ticker=f"T{k}", level=0.008 + 0.002 * k) for k in range(5)]


@pytest.fixture(scope="module")
def trained(windows: list[Window]) -> list[TrainedTicker]:
    return [trained_of(window) for window in windows]


@pytest.fixture(scope="module")
def rows(windows: list[Window], trained: list[TrainedTicker]) -> list[Forecast]:
    return [row_of(window, each) for window, each in zip(windows, trained, strict=True)]


def with_candidate(row: Forecast, *, square: float, product: float, error: float, alarm: bool = False) -> Forecast:
    """The row as if ARIMA had been validated with this evidence, of return and variance alike."""
    evidence = Evidence(square=square, product=product, error=error)
    own = row.opinions[0]
    opinion = CandidateForecast(
        model="arima", horizon_return=own.horizon_return + 0.01, daily_variance=1.3 * own.daily_variance
    )
    score = msgspec.structs.replace(row.candidates[0], model="arima", return_evidence=evidence, variance_evidence=evidence)
    monitor = LossMonitor(bars=9, excess=1.0, detectors=(1e4,) * 3, alarm=row.as_of if alarm else None)
    drift = Drift(as_of=row.as_of, digest=b"", returns=monitor, variance=monitor)
    return msgspec.structs.replace(row, opinions=(own, opinion), candidates=(*row.candidates, score), drift=drift)


def enough(rows: list[Forecast]) -> list[Forecast]:
    """The rows of as many tickers as are evidence on a candidate."""
    copies = -(-ENOUGH_FOR_EVIDENCE // len(rows))
    return [msgspec.structs.replace(row, ticker=f"{row.ticker}_{copy}") for copy in range(copies) for row in rows]


def assert_explained(explanation: Explanation, served: Forecast) -> None:
    values = recomputed(explanation)
    for name in SERVED:
        assert math.isclose(values[name], getattr(served, name), rel_tol=1e-9), name
    for name, value in explanation.values().items():
        assert math.isclose(values[name], value, rel_tol=1e-9, abs_tol=1e-12), name


def derived(explanation: Explanation) -> set[str]:
    return {q.name for section in explanation.sections for q in section.quantities if q.formula is not None}


def test_a_pooled_forecast_follows_from_the_printed_numbers(
    windows: list[Window], trained: list[TrainedTicker], rows: list[Forecast]
) -> None:
    for place, (row, served) in enumerate(zip(rows, pool(rows), strict=True)):
        explanation = explain(row, rows, Origin(load_trained(trained[place]), windows[place]))
        assert explanation.missing == ()
        assert explanation.pooled_tickers == len(rows)
        assert "own_log_variance" in derived(explanation)
        assert_explained(explanation, served)


def test_without_models_and_bars_the_own_part_is_given_and_said_to_be(rows: list[Forecast]) -> None:
    explanation = explain(rows[0], rows)
    assert "own_log_variance" not in derived(explanation)
    assert len(explanation.missing) == 1
    assert_explained(explanation, pool(rows)[0])


def test_models_of_another_cutoff_are_not_taken_for_the_rows_own(
    windows: list[Window], trained: list[TrainedTicker], rows: list[Forecast]
) -> None:
    other = msgspec.structs.replace(trained[0], cutoff=trained[0].cutoff - 7)
    explanation = explain(rows[0], rows, Origin(load_trained(other), windows[0]))
    assert "own_log_variance" not in derived(explanation)
    assert "the row's are not" in explanation.missing[0]


@pytest.mark.parametrize("place", [0, 3])
def test_a_ticker_that_stands_alone(
    place: int, windows: list[Window], trained: list[TrainedTicker], rows: list[Forecast]
) -> None:
    row = rows[place]
    explanation = explain(row, [row], Origin(load_trained(trained[place]), windows[place]))
    assert explanation.pooled_tickers == 1
    assert_explained(explanation, pool([row])[0])


def test_an_untrained_ticker_alone_and_beside_others(windows: list[Window], rows: list[Forecast]) -> None:
    young = row_of(windows[0].last(150), None)
    young = msgspec.structs.replace(young, ticker="YOUNG")
    assert_explained(explain(young, [young]), young)
    table = [*rows, young]
    explanation = explain(young, table)
    assert explanation.fallback == POOLED
    assert_explained(explanation, pool(table)[-1])


def test_a_row_without_numbers_has_its_reasons(windows: list[Window], rows: list[Forecast]) -> None:
    none = msgspec.structs.replace(row_of(windows[0].last(10), None), ticker="NEW")
    assert none.annual_return is None
    explanation = explain(none, [*rows, none])
    assert explanation.sections == ()
    assert explanation.fallbacks == none.fallbacks != ()


def test_an_old_row_is_pooled_with_those_of_its_week(rows: list[Forecast]) -> None:
    old = msgspec.structs.replace(rows[0], as_of=rows[0].as_of - dt.timedelta(days=30), ticker="OLD")
    explanation = explain(old, [*rows, old])
    assert explanation.pooled_tickers == 1
    assert_explained(explanation, pool([old])[0])


@settings(max_examples=25, deadline=None)
@given(
    square=st.floats(0.01, 10.0),
    product=st.floats(-5.0, 20.0),
    error=st.floats(0.0, 1.0),
    alarm=st.booleans(),
    lacking=st.integers(0, 4),
)
def test_the_candidates_part_follows_from_the_evidence(
    rows: list[Forecast], square: float, product: float, error: float, alarm: bool, lacking: int
) -> None:
    candidate = {"square": square, "product": product, "error": error}
    table = [
        row if place == lacking else with_candidate(row, **candidate, alarm=alarm and place == 1)
        for place, row in enumerate(rows)
    ]
    for row, served in zip(table, pool(table), strict=True):
        assert_explained(explain(row, table), served)


def test_evidence_beyond_its_bar_moves_the_forecast_and_is_printed(rows: list[Forecast]) -> None:
    plain_table = enough(rows)
    table = [with_candidate(row, square=1.0, product=0.5, error=0.02) for row in plain_table]
    values = explain(table[0], table).values()
    assert values["variance_weight"] == pytest.approx(0.5)
    assert values["variance_move"] == pytest.approx(math.sqrt(1.3))
    plain = explain(plain_table[0], plain_table).values()
    assert values["annual_volatility"] == pytest.approx(plain["annual_volatility"] * 1.3**0.25)


def test_a_displaced_candidate_says_why(rows: list[Forecast]) -> None:
    table = [
        with_candidate(row, square=1.0, product=0.5, error=0.02, alarm=place == 0) for place, row in enumerate(enough(rows))
    ]
    section = next(s for s in explain(table[0], table).sections if s.title == "variance")
    weight = next(q for q in section.quantities if q.name == "variance_weight")
    assert weight.value == 0.0
    assert "displaced by har" in weight.says


def test_a_limited_return(rows: list[Forecast]) -> None:
    pools = [msgspec.structs.replace(row.pool, mean_return=0.02, mean_return_variance=1e-12) for row in rows if row.pool]
    table = [msgspec.structs.replace(row, pool=each) for row, each in zip(rows, pools, strict=True)]
    explanation = explain(table[0], table)
    assert explanation.values()["expected_return"] > 1.0
    assert explanation.values()["annual_return"] == 1.0
    assert_explained(explanation, pool(table)[0])


def test_a_printed_number_that_is_off_is_noticed(rows: list[Forecast]) -> None:
    """The comparison can fail: a slope changed in its ninth digit moves the volatility beyond the tolerance."""
    explanation = explain(rows[0], rows)
    served = pool(rows)[0]
    for name in ("center", "level", "tail_80", "apart_slope_log_range_variance_63"):
        value = explanation.values()[name]
        sections = tuple(
            msgspec.structs.replace(
                s,
                quantities=tuple(
                    msgspec.structs.replace(q, value=value * (1 + 1e-6)) if q.name == name else q for q in s.quantities
                ),
            )
            for s in explanation.sections
        )
        off = recomputed(msgspec.structs.replace(explanation, sections=sections))
        assert not all(np.isclose(off[key], getattr(served, key), rtol=1e-9, atol=0.0) for key in SERVED), name
