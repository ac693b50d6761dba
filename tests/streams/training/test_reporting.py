"""A training's scores are in the command's log, although another process has trained."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.waiting import PATIENCE_SECONDS

#: A number in the log, or `none`.
NUMBER = r"-?[0-9.]+(e-?[0-9]+)?"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The standard error of a run that trains one ticker, with two candidates and the baseline."""
    state = tmp_path_factory.mktemp("said") / "state"
    process = subprocess.run(
        [sys.executable, "-m", "streams", "run", "--source", "sample", "--tickers", "FB,IBM", "--state", str(state)],
        cwd=ROOT,
        env={**os.environ, "MODELS": "har,arima,xgboost", "JOBS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stderr


@pytest.mark.slow
@pytest.mark.parametrize("model", ["arima", "xgboost"])
def test_the_scores_and_the_evidence_of_each_candidate(said: str, model: str) -> None:
    line = next(line for line in said.splitlines() if f"candidate ticker=IBM model={model} " in line)
    assert "level=INFO" in line
    for name in (
        "return_r2",
        "return_rmse",
        "volatility_r2",
        "volatility_rmse",
        "qlike",
        "return_evidence",
        "variance_evidence",
    ):
        assert re.search(rf" {name}={NUMBER}( |$)", line), name
    assert re.search(r" origins=[1-9][0-9]* ", line)


@pytest.mark.slow
def test_the_baseline_has_no_evidence_against_itself(said: str) -> None:
    line = next(line for line in said.splitlines() if "candidate ticker=IBM model=har " in line)
    assert line.endswith("return_evidence=none variance_evidence=none")


@pytest.mark.slow
def test_the_weights_of_what_was_selected(said: str) -> None:
    lines = [line for line in said.splitlines() if "trained ticker=IBM " in line]
    assert len(lines) == 1
    for part in ("return", "volatility"):
        assert re.search(rf" {part}_model=\w+ {part}_best=\w+ {part}_weight=[01]\.[0-9]{{3}}( |$)", lines[0]), lines[0]
