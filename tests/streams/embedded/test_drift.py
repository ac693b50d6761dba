"""A forecast that has become worse is replaced and trained again early; the bytes are the same for any delivery."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from history.forecasting import is_current, refresh, training_job, wanted_training
from history.ticker_state import TickerState
from models.results import TrainedTicker
from models.selection.drift import ALARM, evidence
from models.serving import load_trained
from records import BarBatch, Bars, Forecast, date_of, day_number, decode_forecast, encode_forecast
from state.database import Database
from state.folder import FORECASTS, MODELS, StateFolder
from streams.embedded.engine import EmbeddedEngine
from streams.training.pool import TrainingPool
from tests.made.bars import TODAY, batch, cut, scaled
from tests.made.histories import backfill, deliver, due_of
from tests.streams.leaning import COUNT, CUTOFF, LEANING, WRONG_BEFORE, leaning_bars, train_leaning
from tests.streams.scenarios import export, silent

Pool = TrainingPool  # type: ignore[type-arg]


@pytest.fixture(scope="module")
def bars() -> Bars:
    return leaning_bars()


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with TrainingPool(train_leaning, jobs=1, deadline_seconds=60, preload=()) as started:
        yield started


def settled(state: TickerState) -> tuple[Forecast, list[int]]:
    """The row after all missing trainings, and their cut-offs."""
    trained, cutoffs = None, []
    row = refresh(state, None, LEANING)
    while (due := wanted_training(state, trained, row, LEANING)) is not None:
        trained = train_leaning(training_job(state, due, LEANING))
        assert is_current(trained, state, LEANING)
        cutoffs.append(due.cutoff)
        row = refresh(state, trained, LEANING)
    return row, cutoffs


def test_a_forecast_gone_wrong_is_displaced_within_days_with_the_evidence(bars: Bars, caplog: pytest.LogCaptureFixture) -> None:
    state = backfill(bars, LEANING)
    trained = train_leaning(training_job(state, due_of(state), LEANING))
    row = refresh(state, trained, LEANING)
    assert row.drift is not None
    watched = row.drift.variance
    assert watched is not None
    assert watched.alarm is not None
    assert bars.day[CUTOFF] < day_number(watched.alarm) <= bars.day[CUTOFF + 8]
    assert evidence(watched) >= ALARM
    baseline = {opinion.model: opinion for opinion in row.opinions}["har"]
    assert row.volatility_model == "har"
    assert row.volatility_weight == 0.0
    assert row.annual_volatility == pytest.approx(np.sqrt(252 * baseline.daily_variance), rel=1e-12)
    assert [step.model for step in row.fallbacks] == ["arima"]
    assert row.fallbacks[0].reason.startswith(f"displaced by har: up to {watched.alarm} ")
    assert f"drifted ticker=ABC alarm={watched.alarm}" in caplog.text


def test_it_is_trained_again_until_it_is_right(bars: Bars) -> None:
    row, cutoffs = settled(backfill(bars, LEANING))
    assert cutoffs[0] == bars.day[CUTOFF]
    assert len(cutoffs) >= 3
    assert all(earlier < bars.day[WRONG_BEFORE] <= cutoffs[-1] for earlier in cutoffs[:-1])
    assert row.volatility_model == "arima"
    assert row.fallbacks == ()


@pytest.mark.parametrize("kept", ["always", "every other bar", "of other bars"])
def test_an_earlier_row_saves_work_and_changes_nothing(bars: Bars, kept: str) -> None:
    state = backfill(bars[: CUTOFF + 1], LEANING)
    other = backfill(scaled(bars, slice(CUTOFF + 3, None), 1.1)[: CUTOFF + 4], LEANING)
    first, _ = deliver([batch(bars[CUTOFF + 1 : CUTOFF + 2])], LEANING, state)
    loaded = load_trained(train_leaning(training_job(first, due_of(first), LEANING)))
    previous: Forecast | None = refresh(other, loaded, LEANING) if kept == "of other bars" else None
    state = first
    for row in range(CUTOFF + 2, CUTOFF + 9):
        state, _ = deliver([batch(bars[row : row + 1])], LEANING, state)
        alone = refresh(state, loaded, LEANING)
        resumed = refresh(state, loaded, LEANING, previous=constantly(previous))
        assert encode_forecast(resumed) == encode_forecast(alone)
        if kept == "always" or (kept == "every other bar" and row % 2):
            previous = decode_forecast(encode_forecast(alone))


def constantly(row: Forecast | None) -> Callable[[], Forecast | None]:
    return lambda: row


def test_a_correction_undoes_what_followed_from_the_wrong_bars(bars: Bars) -> None:
    wrong = scaled(bars, slice(CUTOFF + 2, CUTOFF + 3), 1.01)
    state = backfill(wrong, LEANING)
    _, cutoffs = settled(state)
    assert len(cutoffs) > 1
    due = wanted_training(state, *regular(state), LEANING)
    assert due is not None
    early = train_leaning(training_job(state, due, LEANING))
    assert is_current(early, state, LEANING)
    after, _ = deliver([batch(bars[CUTOFF + 2 : CUTOFF + 3], as_of=TODAY)], LEANING, state)
    assert due_of(after) == due_of(state)
    assert not is_current(early, after, LEANING)
    assert encode_forecast(settled(after)[0]) == encode_forecast(settled(backfill(bars, LEANING))[0])


def regular(state: TickerState) -> tuple[TrainedTicker, Forecast]:
    trained = train_leaning(training_job(state, due_of(state), LEANING))
    return trained, refresh(state, trained, LEANING)


# -- The embedded engine --------------------------------------------------------------------------------------------------


def run(items: Iterable[BarBatch], folder: Path, pool: Pool | None) -> int:
    """The number of trainings of a run."""
    with StateFolder(folder).open_writer() as writer:
        engine = EmbeddedEngine(writer, LEANING, state_dir=folder, today=TODAY, pool=pool, progress=silent)
        return engine.run(items).trained


@pytest.fixture(scope="module")
def whole(bars: Bars, pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert run([batch(bars)], folder, pool) == len(settled(backfill(bars, LEANING))[1])
    assert run([], folder, pool) == 0
    return folder


@pytest.mark.slow
def test_a_backfill_ends_with_the_last_early_training(bars: Bars, whole: Path) -> None:
    row, cutoffs = settled(backfill(bars, LEANING))
    assert export(whole).rows["ABC"] == encode_forecast(row)
    assert row.training_cutoff == date_of(cutoffs[-1])


@pytest.mark.slow
def test_day_by_day_ends_the_same(bars: Bars, whole: Path, pool: Pool, tmp_path: Path) -> None:
    for part in cut(bars, range(CUTOFF - 1, COUNT)):
        run([batch(part)], tmp_path, pool)
    assert export(tmp_path) == export(whole)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.slow
@pytest.mark.parametrize("last", range(1, 8))
def test_a_crash_before_any_write_is_repaired(
    bars: Bars, whole: Path, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    write = Database.write
    writes = iter(range(last))

    def until_the_last(database: Database, changes: object) -> None:
        if next(writes, None) is None:
            raise Killed
        write(database, changes)  # type: ignore[arg-type]

    monkeypatch.setattr(Database, "write", until_the_last)
    with pytest.raises(Killed):
        run([batch(part) for part in cut(bars, [COUNT - 3])], tmp_path, pool)
    monkeypatch.undo()
    run([], tmp_path, pool)
    run([batch(bars)], tmp_path, pool)
    assert export(tmp_path) == export(whole)


@pytest.mark.slow
@pytest.mark.parametrize("damaged", [[MODELS], [FORECASTS], [MODELS, FORECASTS]])
def test_damaged_models_and_rows_are_made_again_early_trainings_included(
    bars: Bars, whole: Path, pool: Pool, tmp_path: Path, damaged: list[str]
) -> None:
    state = shutil.copytree(whole, tmp_path / "state")
    for name in damaged:
        (state / name / "CURRENT").unlink()
    run([], state, pool)
    assert export(state) == export(whole)


@pytest.mark.slow
def test_without_training_the_baseline_goes_on_serving(bars: Bars, pool: Pool, tmp_path: Path) -> None:
    run([batch(bars[: CUTOFF + 2])], tmp_path, pool)
    assert run([batch(bars)], tmp_path, None) == 0
    row = decode_forecast(export(tmp_path).rows["ABC"])
    assert row.training_cutoff == date_of(bars.day[CUTOFF])
    assert row.volatility_model == "har"
    assert run([], tmp_path, pool) == 2
