"""The benchmark of a retraining beside AutoARIMA: it says how to get what is missing, and divides the seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import training
from evaluation import benchmarks
from tests.models.windows import simulated_window


@pytest.fixture(autouse=True)
def _few_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "timed_windows", lambda: [simulated_window(300, seed=k, warm=0) for k in range(3)])


def test_without_the_environment_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(benchmarks, "STATSFORECAST_PYTHON", tmp_path / "bin" / "python")
    row = training.beside_autoarima(0.3)
    assert row["skipped"].startswith("make .venv-statsforecast")
    assert not [name for name in row if name.startswith("ratio")]


def stand_in(folder: Path, answer: str) -> Path:
    """Another interpreter in place of the environment's: it takes three series as JSON and answers."""
    script = folder / "answer.py"
    script.write_text(
        f"import json, sys\nseries = json.load(sys.stdin)['series']\nassert len(series) == 3\nprint(json.dumps({answer}))\n"
    )
    interpreter = folder / "python"
    interpreter.write_text(f"#!/bin/sh\nexec python3 {script}\n")
    interpreter.chmod(0o755)
    return interpreter


def test_the_ratio_is_of_medians(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    interpreter = stand_in(tmp_path, "[{'seconds': seconds} for seconds in (0.5, 0.1, 0.2)]")
    monkeypatch.setattr(benchmarks, "STATSFORECAST_PYTHON", interpreter)
    row = training.beside_autoarima(0.3)
    assert row["ratio_log_returns"] == row["ratio_log_closes"] == 1.5
    assert json.loads(json.dumps(row)) == row


def test_a_forecast_of_log_variances_becomes_a_mean_variance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A path at the mean of each window's log variances, whose residuals take it to the mean variance: the mean square."""
    answer = (
        "[{'path': [sum(s) / len(s)] * 21,"
        " 'smearing': sum(2.718281828459045 ** (v - sum(s) / len(s)) for v in s) / len(s)} for s in series]"
    )
    monkeypatch.setattr(benchmarks, "STATSFORECAST_PYTHON", stand_in(tmp_path, answer))
    windows = training.timed_windows()
    found = benchmarks.auto_arima_variances(windows, 21)
    assert found == pytest.approx([float(np.nanmean(window.log_return**2)) for window in windows])
