"""The Makefile: what it lists, how it installs (once, wholly, again after an interruption), and what it hands on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

#: Stands in for an interpreter and its package tools: notes what it is asked to do, and fails at what FAIL names.
RECORDER = """#!/bin/sh
echo "$*" >> "{log}"
case "$*" in
  *alive*) echo alive ;;
  *${{FAIL:-nothing fails}}*) exit 1 ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "requirements-dev.lock", "requirements-torch.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    interpreter = tmp_path / ".venv" / "bin" / "python"
    interpreter.write_text(RECORDER.format(log=tmp_path / "log"))
    interpreter.chmod(0o755)
    return tmp_path


def make(project: Path, *arguments: str, **environment: str) -> tuple[int, str, list[str]]:
    """Exit code, what was printed, and what the interpreter was asked to do."""
    (project / "log").write_text("")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", f"PYTHON={sys.executable}", *arguments]
    result = subprocess.run(command, cwd=project, env=clean | environment, capture_output=True, text=True, check=False)
    asked = [line for line in (project / "log").read_text().splitlines() if line.startswith("-m")]
    return result.returncode, result.stdout + result.stderr, asked


def test_make_alone_lists_every_target(project):
    code, output, asked = make(project)
    assert (code, asked) == (0, [])
    [phony] = re.findall(r"^\.PHONY: (help .*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    for target in phony.split():
        assert re.search(rf"^  make {target} +\S", output, flags=re.MULTILINE), target


def test_an_installation_is_made_once(project):
    _, _, asked = make(project, "install")
    assert [line.split()[:2] for line in asked] == [["-m", "pip"], ["-m", "uv"], ["-m", "uv"]]
    assert "requirements-dev.lock" in asked[1]
    assert asked[2].endswith("--no-deps --editable .")
    assert make(project, "install")[2] == []


@pytest.mark.parametrize(
    ("name", "stamp", "target", "steps"),
    [
        ("requirements-dev.lock", ".installed", "install", 3),
        ("pyproject.toml", ".tidecast", "install", 1),
        ("requirements-torch.txt", ".torch", ".venv/.torch", 1),
    ],
)
def test_a_changed_list_installs_anew(project, name, stamp, target, steps):
    make(project, target)
    later = (project / ".venv" / stamp).stat().st_mtime + 10
    os.utime(project / name, (later, later))
    assert len(make(project, target, FAIL="importlib.metadata")[2]) == steps


def test_a_run_needs_no_torch(project):
    _, _, asked = make(project, "run", FAIL="importlib.metadata")
    assert not [line for line in asked if "torch" in line]
    assert not (project / ".venv" / ".torch").exists()


def test_an_interrupted_installation_is_taken_up_again(project):
    code, _, _ = make(project, "install", FAIL="uv pip")
    assert code != 0
    assert not (project / ".venv" / ".installed").exists()
    assert len(make(project, "install")[2]) == 3


def test_torch_is_installed_only_where_there_is_none_and_from_the_index_named(project):
    _, _, asked = make(project, ".venv/.torch", "TORCH_INDEX=there", FAIL="importlib.metadata")
    assert "-r requirements-torch.txt -c requirements-dev.lock --index there" in asked[-1]
    assert len(asked) == 3


def test_a_dead_environment_is_made_anew(project):
    make(project, "install")
    (project / ".venv" / "bin" / "python").unlink()
    _, output, _ = make(project, "install", "-n")
    assert "-m venv --clear" in output


def test_an_old_python_is_told_in_one_sentence(project):
    old = project / "old-python"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 || exit 1\n')
    old.chmod(0o755)
    code, output, asked = make(project, "run", f"PYTHON={old}")
    assert (code, asked) == (2, [])
    assert f"Python 3.11, 3.12 or 3.13 is needed, and {old} is Python 3.9.2. Name another one: make PYTHON=python3.12" in output


def test_run_hands_its_variables_on(project):
    arguments = ("SOURCE=file", "BARS=my bars.csv", "TICKERS=A,B", "STATE=mine", "JOBS=2", "START=2020-01-01")
    _, _, asked = make(project, "run", *arguments)
    assert asked[-3:] == [
        "-m streams run --source file --path my bars.csv --start 2020-01-01 --tickers A,B --state mine --jobs 2",
        "-m state forecasts --state mine --tickers A,B",
        "-m optimizer allocate --state mine --tickers A,B",
    ]


def test_cluster_hands_its_variables_on(project):
    _, _, asked = make(project, "cluster", "SOURCE=yfinance", "GROUP=DOW", "START=2020-01-01", "STATE=mine", "PORT=5001")
    assert asked[-1] == "-m cluster --source yfinance --start 2020-01-01 --group DOW --state mine --port 5001"
    assert make(project, "cluster")[2][-1] == "-m cluster --source sample"


def test_backtest_takes_the_sample_or_the_bars_that_are_named(project):
    assert make(project, "backtest")[2][-1] == "-m optimizer backtest --sample --models har --out var/backtest"
    _, _, asked = make(
        project, "backtest", "BARS=my bars.csv", "TICKERS=A,B", "BACKTEST_MODELS=har,arima", "OUT=there", "JOBS=2"
    )
    assert asked[-1] == ("-m optimizer backtest --path my bars.csv --tickers A,B --models har,arima --jobs 2 --out there")


def test_run_does_not_heed_variables_of_the_environment_that_only_share_a_name(project):
    _, _, asked = make(project, "run", SOURCE="web", STATE="/elsewhere", TICKERS="X")
    assert asked[-3] == "-m streams run --source sample --state var"


def test_no_file_names_a_package_index():
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = [
        name for name in listing.split("\0") if name.startswith(("requirements", "Makefile", ".ci/", "pyproject", "Dockerfile"))
    ]
    assert len(names) >= 8
    for name in names:
        assert "://" not in (ROOT / name).read_text(encoding="utf-8"), name
