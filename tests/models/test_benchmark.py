"""The benchmark of a retraining beside AutoARIMA: it says how to get what is missing, and divides the seconds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import training
from tests.models.windows import simulated_window


@pytest.fixture(autouse=True)
def _few_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "timed_windows", lambda: [simulated_window(300, seed=k) for k in range(3)])


def test_without_the_environment_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(training, "STATSFORECAST_PYTHON", tmp_path / "bin" / "python")
    row = training.beside_autoarima(0.3)
    assert row["skipped"].startswith("make .venv-statsforecast")
    assert not [name for name in row if name.startswith("ratio")]


def test_the_ratio_is_of_medians(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another interpreter stands in for the environment's: it takes the series as JSON and answers with seconds."""
    interpreter = tmp_path / "python"
    answer = 'import json, sys; assert len(json.load(sys.stdin)["series"]) == 3; print(json.dumps([0.5, 0.1, 0.2]))'
    interpreter.write_text(f"#!/bin/sh\nexec python3 -c '{answer}'\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr(training, "STATSFORECAST_PYTHON", interpreter)
    row = training.beside_autoarima(0.3)
    assert row["ratio_log_returns"] == row["ratio_log_closes"] == 1.5
    assert json.loads(json.dumps(row)) == row
