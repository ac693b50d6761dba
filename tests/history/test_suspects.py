"""Suspect bars that come straight to the stream are reported as their source would have reported them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from history.forecasting import refresh, training_job
from models.training import train_ticker
from producers.screen import Screen
from records import Bars, Forecast, RejectedBar, Suspicion, SuspicionRule, date_of, suspicions
from records.units import LASTING_BARS
from settings import ModelName, Settings, SuspectBars
from state.folder import StateFolder
from streams.embedded.engine import EmbeddedEngine
from tests.made.bars import TODAY, batch, scaled, walk
from tests.made.histories import SMALL, deliver, due_of
from tests.streams.scenarios import CHEAP, silent


def told(messages: list[object]) -> list[Suspicion]:
    return [output for output in deliver(messages, SMALL)[1] if isinstance(output, Suspicion)]  # type: ignore[arg-type]


def broken(rows: list[int], factors: list[float]) -> Bars:
    bars = walk(300)
    for row, factor in zip(rows, factors, strict=True):
        bars = scaled(bars, slice(row, row + 1), factor)
    return bars


def stretch(first: int, length: int, factor: float) -> Bars:
    return scaled(walk(300), slice(first, first + length), factor)


def trained_forecast(bars: Bars) -> Forecast:
    state, _ = deliver([batch(bars)], CHEAP)
    return refresh(state, train_ticker(training_job(state, due_of(state), CHEAP)), CHEAP)


odd_rows = st.lists(st.integers(100, 298), min_size=1, max_size=3, unique=True)


@given(odd_rows, st.sampled_from([100.0, 1.4, 0.5]))
def test_a_backfill_reports_the_suspects_that_its_source_would_report(rows: list[int], factor: float) -> None:
    bars = broken(rows, [factor] * len(rows))
    assert told([batch(bars)]) == suspicions("ABC", bars)


@given(odd_rows, st.sampled_from([100.0, 1.4, 0.5]))
@settings(max_examples=20)
def test_live_bars_report_the_same_suspects_as_a_backfill(rows: list[int], factor: float) -> None:
    bars = broken(rows, [factor] * len(rows))
    live = told([batch(bars[:90]), *(batch(bars[i : i + 1]) for i in range(90, 300))])
    assert set(live) >= set(suspicions("ABC", bars))  # suspicions before the next bar came are reported as well


@given(st.integers(230, 295), st.integers(1, 3 * LASTING_BARS), st.sampled_from([100.0, 0.01]))
@settings(max_examples=40)
def test_live_bars_report_each_bar_of_a_stretch_and_a_change_of_unit_once(first: int, length: int, factor: float) -> None:
    bars = stretch(first, length, factor)
    live = told([batch(bars[:220]), *(batch(bars[i : i + 1]) for i in range(220, 300))])
    assert set(live) >= set(suspicions("ABC", bars))
    assert len(live) == len(set(live))
    assert told([batch(bars)]) == suspicions("ABC", bars)


@pytest.mark.parametrize("overlap", [LASTING_BARS + 1, 63])
def test_a_daily_job_that_meets_another_unit_leaves_the_state_in_it(overlap: int) -> None:
    change = 260
    bars = stretch(change, 40, 100.0)
    state, last = deliver([batch(bars[:change], as_of=date_of(bars.day[change - 1]))], SMALL)[0], change
    for row in range(change, 300):
        left, _ = Screen(SuspectBars.IMPOSSIBLE)("ABC", bars[last - overlap : row + 1])
        state, outputs = deliver([batch(left, as_of=date_of(bars.day[row]))], SMALL, state)
        assert not [output for output in outputs if isinstance(output, (RejectedBar, Suspicion))]
        last = len(state.bars)
        waiting = row - change < LASTING_BARS
        assert last == (change if waiting else row + 1)  # bars that may still be mended are held out
    np.testing.assert_allclose(state.bars.close, 100.0 * walk(300).close)


def test_the_shortest_overlap_is_longer_than_an_error() -> None:
    assert Settings(overlap_sessions=LASTING_BARS + 1, _env_file=None).overlap_sessions == 11  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        Settings(overlap_sessions=LASTING_BARS, _env_file=None)  # type: ignore[call-arg]


@pytest.mark.parametrize(("first", "length"), [(560, 1), (300, 5), (560, 5), (560, 70), (595, 5)])
def test_a_forecast_from_what_a_source_lets_through_is_as_if_nothing_had_been_wrong(first: int, length: int) -> None:
    clean = walk(600)  # without the bars that are held out: those are missing, not wrong
    left, _ = Screen(SuspectBars.IMPOSSIBLE)("ABC", scaled(clean, slice(first, first + length), 100.0))
    assert len(left) >= 595
    wanted, found = (trained_forecast(bars) for bars in (clean[np.isin(clean.day, left.day)], left))
    assert found.volatility_model == wanted.volatility_model == ModelName.HAR
    assert found.annual_volatility == pytest.approx(wanted.annual_volatility, rel=1e-6)
    assert found.annual_return == pytest.approx(wanted.annual_return, abs=1e-6)


def test_a_repeated_bar_is_not_reported_again() -> None:
    bars = broken([200], [100.0])
    assert [one.rule for one in told([batch(bars), batch(bars), batch(bars[195:205])])] == [SuspicionRule.HUNDREDFOLD]


def test_a_spike_is_reported_with_the_next_bar() -> None:
    bars = replace(broken([200], [1.3]), volume=np.full(300, 1000.0))
    before = batch(bars[:201])
    assert [one.rule for one in told([before])] == [SuspicionRule.UNCONFIRMED_JUMP]
    assert [(one.date, one.rule) for one in told([before, batch(bars[201:202])])][1:] == [
        (date_of(bars.day[200]), SuspicionRule.SPIKE)
    ]


@pytest.mark.parametrize("rows", [slice(0, 1), slice(0, 2), slice(299, 300)])
def test_ordinary_bars_are_not_reported(rows: slice) -> None:
    assert told([batch(walk(300)), batch(walk(300)[rows])]) == []


def test_the_embedded_engine_reports_a_live_bar_that_only_the_history_makes_suspect(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bars = broken([299], [100.0])
    with StateFolder(tmp_path).open_writer() as writer:
        for part in (bars[:299], bars[299:]):
            EmbeddedEngine(writer, SMALL, state_dir=tmp_path, today=TODAY, pool=None, progress=silent).run([batch(part)])
    said = [record.getMessage() for record in caplog.records if "suspect bar kept" in record.message]
    assert len(said) == 1
    assert f"ticker=ABC date={date_of(bars.day[299])} rule=hundredfold" in said[0]
