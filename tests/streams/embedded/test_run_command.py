"""`python -m streams run` as a process: interrupted, killed, with wrong arguments."""

from __future__ import annotations

import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from records import date_of
from tests import proc
from tests.conftest import ROOT
from tests.streams.scenarios import CHEAP, export, market
from tests.waiting import PATIENCE_SECONDS, until

ENVIRONMENT = {
    "MODELS": "har",
    "LOOKBACK": str(CHEAP.lookback),
    "MINIMUM_BARS": str(CHEAP.minimum_bars),
    "HISTORY_BARS": str(CHEAP.history_bars),
}


@pytest.fixture(scope="module")
def bars_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market as a CSV file: 12 copies of each ticker, so that there is time for an interruption."""
    path = tmp_path_factory.mktemp("bars") / "bars.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["date", "ticker", "open", "high", "low", "close", "volume"])
        for ticker, bars in market().items():
            for copy in range(12 if ticker in {"AAA", "BBB", "CCC"} else 1):
                name = f"{ticker}{copy}"
                rows.writerows(
                    (date_of(bars.day[i]), name, bars.open[i], bars.high[i], bars.low[i], bars.close[i], bars.volume[i])
                    for i in range(len(bars))
                )
    return path


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "streams", "run", *map(str, arguments)]


def started(
    bars_file: Path, state: Path, *more: object, environment: Mapping[str, str] = MappingProxyType({})
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("--source", "file", "--path", bars_file, "--state", state, *more),
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(bars_file: Path, state: Path, *more: object) -> str:
    process = started(bars_file, state, *more)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, said
    return said


@pytest.fixture(scope="module")
def whole(bars_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The state of an uninterrupted run, and its duration."""
    state = tmp_path_factory.mktemp("whole") / "state"
    begun = time.monotonic()
    said = finished(bars_file, state)
    assert "tickers: 38; trained now: 37, failed: 0; forecasts written: 38" in said
    assert "YOUNG0: trained: 150 bars, 378 needed to train" in said
    return state, time.monotonic() - begun


@pytest.mark.slow
def test_a_second_run_changes_nothing(bars_file: Path, whole: tuple[Path, float]) -> None:
    before = export(whole[0])
    said = finished(bars_file, whole[0])
    assert "trained now: 0, failed: 0; forecasts written: 0" in said
    assert "bars: 0 new" in said
    assert export(whole[0]) == before


@pytest.mark.slow
def test_killed_at_any_moment_and_run_again(bars_file: Path, whole: tuple[Path, float], tmp_path: Path) -> None:
    moments = random.Random(0)
    killed, span = 0, whole[1]
    while killed < 4:
        process = started(bars_file, tmp_path)
        try:
            process.communicate(timeout=moments.uniform(0.1, 0.8) * span)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            killed += 1
        else:
            # The run ended before the kill: the machine is faster now, or little was left to do. Start again.
            shutil.rmtree(tmp_path)
            span /= 2
    finished(bars_file, tmp_path)
    assert export(tmp_path) == export(whole[0])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ctrl_c_at_any_moment_and_run_again(bars_file: Path, whole: tuple[Path, float], tmp_path: Path) -> None:
    interrupted, span = 0, whole[1]
    for part in (0.01, 0.08, 0.2, 0.4, 0.7):
        process = started(bars_file, tmp_path)
        until(lambda process=process: has_begun(process))
        time.sleep(part * span)  # any moment will do
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        asked = time.monotonic()
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
        # 130; after the end of the work 0, or the code of a kill in the interpreter's last moments.
        assert process.returncode in {130, 0, -signal.SIGINT}, said
        assert "Traceback" not in said
        if process.returncode == 130:
            interrupted += 1
            assert time.monotonic() - asked < max(30, whole[1]), "at once, and not when all is done"
    assert interrupted, "not even the first one, a moment after its beginning"
    finished(bars_file, tmp_path, "--jobs", 1)
    assert export(tmp_path) == export(whole[0])


def has_begun(process: subprocess.Popen[str]) -> bool:
    """Whether the interpreter has started: before that, nothing can handle Ctrl-C."""
    return process.poll() is not None or "pydantic_core" in proc.mapped_files(process.pid)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("library", ["", "numpy", "scipy"])
def test_ctrl_c_while_the_training_processes_load(library: str, bars_file: Path, tmp_path: Path) -> None:
    """Loading libraries takes seconds. No output and no process may be left."""
    process = started(bars_file, tmp_path, environment={"MODELS": "har,arima"})
    try:
        until(lambda: any(library in maps for maps in loading(process.pid)))
        os.killpg(process.pid, signal.SIGINT)
        # Reads until the last process with this stderr has ended.
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in said


def loading(parent: int) -> list[str]:
    """The memory maps of a process's forkserver, if there is one."""
    return [proc.mapped_files(child) for child in proc.children(parent) if proc.is_forked_for_training(child)]


@pytest.mark.slow
def test_nonsense_ends_with_one_line(tmp_path: Path) -> None:
    for arguments, code, words in (
        (["--source", "file", "--path", tmp_path / "none.csv", "--state", tmp_path], 1, "there is no such file"),
        (["--source", "file", "--state", tmp_path], 2, "needs a path"),
        (["--jobs", 0, "--state", tmp_path], 2, "0 is not in the range"),
        (["--start", "yesterday", "--state", tmp_path], 2, "not a date"),
    ):
        process = subprocess.run(
            command(*arguments), cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
        )
        assert process.returncode == code, process.stderr
        assert words in process.stderr
        assert "Traceback" not in process.stderr
