"""`streams run` on a damaged state: the rows of an undamaged run, at once or after the advice of its error."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from errors import StateError
from records import date_of
from state.folder import FORECASTS, HISTORY, MODELS, StateFolder
from streams.embedded.engine import EmbeddedEngine
from streams.training.pool import TrainingPool
from tests.conftest import ROOT
from tests.made.bars import TODAY
from tests.state.damage import CASES, DAMAGES, WITH_VALUES
from tests.streams.scenarios import CHEAP, Export, batches, export, market, silent, train_or_fail, until
from tests.waiting import PATIENCE_SECONDS

Run = Callable[[Path], None]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """The engine over the whole market."""
    with TrainingPool(train_or_fail, jobs=2, deadline_seconds=60, preload=()) as pool:

        def over_the_market(folder: Path, fraction: float = 1.0, copy_before_close: Path | None = None) -> None:
            with StateFolder(folder).open_writer() as writer:
                engine = EmbeddedEngine(writer, CHEAP, state_dir=folder, today=TODAY, pool=pool, progress=silent)
                engine.run(batches(until(market(), fraction)))
                if copy_before_close is not None:
                    shutil.copytree(folder, copy_before_close)

        yield over_the_market


@pytest.fixture(scope="module")
def left(run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The states after a whole run, and after a second run that was killed at its end."""
    closed = tmp_path_factory.mktemp("closed")
    killed = tmp_path_factory.mktemp("killed") / "state"
    run(closed, 0.95)
    run(closed, copy_before_close=killed)
    return {"closed": closed, "killed": killed}


@pytest.fixture(scope="module")
def whole(left: dict[str, Path]) -> Export:
    return export(left["closed"])


@pytest.mark.parametrize("name", [HISTORY, FORECASTS, MODELS])
@pytest.mark.parametrize(("kind", "damage"), CASES)
@pytest.mark.parametrize("end", ["closed", "killed"])
def test_the_next_run_gives_the_same_rows_or_says_how(
    run: Run, left: dict[str, Path], whole: Export, tmp_path: Path, end: str, kind: str, damage: str, name: str
) -> None:
    for file in sorted((left[end] / name).glob(kind)):
        folder = tmp_path / file.name
        shutil.copytree(left[end], folder)
        DAMAGES[damage](folder / name / file.name)
        advice = refusal(run, folder)
        assert (advice is None) or (name == HISTORY and kind in WITH_VALUES)
        if advice is not None:
            assert re.search(rf"{folder}/{HISTORY}.* delete it and run again over all bars$", advice)
            shutil.rmtree(folder / HISTORY)
            run(folder)
        assert export(folder) == whole, file.name


@pytest.mark.slow
def test_the_command_ends_with_one_line_or_repairs(left: dict[str, Path], whole: Export, tmp_path: Path) -> None:
    bars = tmp_path / "bars.csv"
    with bars.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["date", "ticker", "open", "high", "low", "close", "volume"])
        for ticker, of_ticker in market().items():
            columns = (of_ticker.open, of_ticker.high, of_ticker.low, of_ticker.close, of_ticker.volume)
            rows.writerows((date_of(day), ticker, *values) for day, *values in zip(of_ticker.day, *columns, strict=True))
    folder = tmp_path / "state"
    shutil.copytree(left["closed"], folder)
    for name in (HISTORY, FORECASTS, MODELS):
        for file in (folder / name).glob("MANIFEST-*"):
            DAMAGES["half"](file)
    finished = run_command(bars, folder)
    assert finished.returncode == 1
    assert finished.stderr.startswith(f"error: {folder}/{HISTORY} cannot be read (")
    assert finished.stderr.endswith(": put a backup of this folder in its place, or delete it and run again over all bars\n")
    assert finished.stderr.count("\n") == 1
    shutil.rmtree(folder / HISTORY)
    finished = run_command(bars, folder)
    assert finished.returncode == 0
    assert "Traceback" not in finished.stderr
    for name in (FORECASTS, MODELS):
        assert f'event="damaged database replaced" path={folder}/{name} ' in finished.stderr
    assert export(folder).rows.keys() == whole.rows.keys()


def run_command(bars: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams", "run", "--source", "file", "--path", str(bars), "--state", str(folder)],
        cwd=ROOT,
        env=os.environ
        | {
            "MODELS": "har",
            "LOOKBACK": str(CHEAP.lookback),
            "MINIMUM_BARS": str(CHEAP.minimum_bars),
            "HISTORY_BARS": str(CHEAP.history_bars),
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def refusal(run: Run, folder: Path) -> str | None:
    """The error of the run, or None."""
    try:
        run(folder)
    except StateError as error:
        return str(error)
    return None
