"""`python -m streams run` as people and service managers use it: interrupted, killed, given nonsense."""

from __future__ import annotations

import contextlib
import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from records import date_of
from tests.streams.scenarios import CHEAP, export, market
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    "MODELS": "har",
    "LOOKBACK": str(CHEAP.lookback),
    "MINIMUM_BARS": str(CHEAP.minimum_bars),
    "HISTORY_BARS": str(CHEAP.history_bars),
}


@pytest.fixture(scope="module")
def bars_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market as a CSV file: 12 copies of each ticker, so that there is time to be interrupted."""
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
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


@pytest.fixture(scope="module")
def whole(bars_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The state of an uninterrupted run, and how long that took."""
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
    killed = 0
    for _ in range(6):
        process = started(bars_file, tmp_path)
        try:
            process.communicate(timeout=moments.uniform(0.1, 0.8) * whole[1])
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            killed += 1
    assert killed >= 2
    finished(bars_file, tmp_path)
    assert export(tmp_path) == export(whole[0])


@pytest.mark.slow
def test_ctrl_c_at_any_moment_and_run_again(bars_file: Path, whole: tuple[Path, float], tmp_path: Path) -> None:
    for part in (0.06, 0.15, 0.3, 0.5, 0.8):
        process = started(bars_file, tmp_path)
        time.sleep(part * whole[1])  # the moment is what is tested: any is as good
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        asked = time.monotonic()
        _, said = process.communicate(timeout=30)
        # 130, or when all was done, 0 or what a shell calls 130 as well: killed in the interpreter's last moments.
        assert process.returncode in {130, 0, -signal.SIGINT}, said
        assert "Traceback" not in said
        assert time.monotonic() - asked < 10
    finished(bars_file, tmp_path, "--jobs", 1)
    assert export(tmp_path) == export(whole[0])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("library", ["", "numpy", "torch"])
def test_ctrl_c_while_the_training_processes_load(library: str, bars_file: Path, tmp_path: Path) -> None:
    """Their libraries take seconds, and nothing of it may be heard or stay behind."""
    process = started(bars_file, tmp_path, environment={"MODELS": "har,lstm"})
    try:
        until(lambda: any(library in maps for maps in loading(process.pid)), seconds=60)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=10)  # until the last process that holds stderr has ended
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in said


def loading(parent: int) -> list[str]:
    """The memory maps of a process's forkserver, if there is one."""
    found = []
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        with contextlib.suppress(OSError):
            if b"multiprocessing.forkserver" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(Path(f"/proc/{child}/maps").read_text())
    return found


@pytest.mark.slow
def test_nonsense_ends_with_one_line(tmp_path: Path) -> None:
    for arguments, code, words in (
        (["--source", "file", "--path", tmp_path / "none.csv", "--state", tmp_path], 1, "there is no such file"),
        (["--source", "file", "--state", tmp_path], 1, "needs a path"),
        (["--jobs", 0, "--state", tmp_path], 2, "0 is not in the range"),
        (["--start", "yesterday", "--state", tmp_path], 2, "not a date"),
    ):
        process = subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        assert process.returncode == code, process.stderr
        assert words in process.stderr
        assert "Traceback" not in process.stderr
