"""The commands of the README and of the tutorial, run in their order, each page in its copy of the project."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest

from broker.ports import free_port
from tests.conftest import ROOT
from tests.house.readme import CLUSTER, background, commands, copied, curl, ended, run

#: Looked at with `make -n` instead: the first would run this test in itself, and so endlessly; the others run all of its
#: neighbours again, take minutes, or ask a package index.
NOT_RUN = {"make test", "make test-fast", "make check", "make bench", "make lock"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("readme") / "project")


@pytest.mark.parametrize("command", sorted(NOT_RUN))
def test_what_is_not_run_is_a_target_all_the_same(project, command):
    assert command in commands(), "the README has no such command any more"
    assert ".venv/bin/python -m" in run(project, f"{command} -n")


@pytest.mark.slow
def test_every_command_does_what_the_readme_says(project):
    outputs = _outputs(project, [command for command in commands() if command not in commands(CLUSTER)])
    _check_run(outputs["make run"])
    _check_run(outputs["make run SOURCE=file BARS=bars.csv STATE=mine"])
    _check_weights(outputs)
    again = ended(project, "make run")
    _check_run(again.stdout)
    assert "bars: 0 new" in again.stderr
    assert "trained now: 0, failed: 0; forecasts written: 0" in again.stderr


@pytest.mark.slow
def test_the_tutorial_leads_from_a_file_to_a_portfolio(tmp_path: Path):
    outputs = _outputs(copied(tmp_path / "project"), commands(page="docs/tutorial.md"))
    _check_run(outputs["make run SOURCE=file BARS=bars.csv STATE=mine"])
    _check_weights(outputs)


def _outputs(project: Path, lines: list[str]) -> dict[str, str]:
    port = free_port()
    outputs: dict[str, str] = {}
    with background() as start:
        for command in lines:
            if command in NOT_RUN:
                continue
            plain, environment = _split_environment(command)
            if plain.startswith("make serve"):
                start(project, f"{plain} PORT={port}", await_port=port, **environment)
            elif command.startswith("curl"):
                outputs[command] = curl(command.replace(":5000/", f":{port}/"))
            else:
                outputs[command] = run(project, command)
    assert (project / "forecasts.csv").read_text(encoding="utf-8").count("\n") == 6
    return outputs


def _split_environment(command: str) -> tuple[str, dict[str, str]]:
    """The command without the variables before it, and these."""
    words = command.split()
    names = list(itertools.takewhile(lambda word: re.fullmatch(r"[A-Z_]+=\S*", word), words))
    return " ".join(words[len(names) :]) if names else command, dict(name.split("=", 1) for name in names)


def _check_weights(outputs: dict[str, str]) -> None:
    weights = [json.loads(output)["weights"] for output in outputs.values() if output.startswith("{") and '"weights"' in output]
    assert len(weights) == 2  # on the command line and over HTTP
    assert all(abs(sum(chosen.values()) - 1) < 1e-4 for chosen in weights)


def _check_run(output: str) -> None:
    for ticker in ("AAPL", "FB", "GOOG", "IBM", "MSFT"):
        assert re.search(rf"^ *{ticker} ", output, flags=re.MULTILINE), output
    assert re.search(r"^FB: .*196 bars", output, flags=re.MULTILINE), output
    assert "weights sum to 1.00000" in output


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120
