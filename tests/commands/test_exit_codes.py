"""Every command keeps the exit codes of docs/reference/commands.md, and answers wrong input without a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands.tidecast import entries
from tests.conftest import ROOT
from tests.waiting import PATIENCE_SECONDS

#: By command: arguments with something wrong, and the exit code. NONE is a path where nothing is, FILE is a file.
WRONG: dict[str, tuple[str, int]] = {
    "run": ("--source file --path NONE --state NONE", 1),
    "forecasts": ("--state NONE", 1),
    "history": ("--ticker AAA --state NONE", 1),
    "explain": ("AAA --state NONE", 1),
    "allocate": ("--state NONE", 1),
    "serve": ("--state NONE --host no.such.name.invalid --port 0", 2),
    "check": ("--source file --path NONE", 1),
    "forms": ("--state NONE", 2),
    "publish": ("--source file --path NONE", 1),
    "schema": ("bar", 2),
    "refresh-group": ("DAX", 2),
    "worker": ("--state FILE", 2),
    "status": ("--embedded --state NONE", 3),
    "replica": ("--state FILE", 2),
    "rebuild": ("--state FILE", 2),
    "cluster": ("--port 70000", 2),
    "evaluate": ("--path NONE --out NONE", 1),
    "backtest": ("--path NONE --out NONE", 1),
    "report": ("--state NONE", 1),
    "pretrain": ("--path NONE --out NONE", 1),
}


def test_every_command_is_tried() -> None:
    assert {entry.name for entry in entries()} == set(WRONG)


def tidecast(arguments: list[str], tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "commands.tidecast", *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PRICE_PROVIDER": "none"} | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def arguments_of(name: str, tmp_path: Path) -> list[str]:
    (tmp_path / "file").write_text("x")
    places = {"NONE": str(tmp_path / "none"), "FILE": str(tmp_path / "file")}
    return [name, *(places.get(word, word) for word in WRONG[name][0].split())]


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_line_and_its_exit_code(name: str, tmp_path: Path) -> None:
    done = tidecast(arguments_of(name, tmp_path), tmp_path)
    assert done.returncode == WRONG[name][1], done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    if name != "status":  # its answer is the page on stdout
        assert done.stderr.splitlines()[-1].lower().startswith("error: ")
    assert not (tmp_path / "none").exists(), "nothing is written for input that cannot be used"


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_or_option_is_2(name: str, tmp_path: Path) -> None:
    for given, environment in ((arguments_of(name, tmp_path), {"HORIZON": "0"}), ([name, "--no-such-option"], {})):
        done = tidecast(given, tmp_path, **environment)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr + done.stdout
