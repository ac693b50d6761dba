"""`python -m streams status` on a folder of the embedded engine, and where Kafka is away."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.ports import free_port
from state.folder import StateFolder
from streams.status_command import status
from tests.conftest import ROOT
from tests.made.histories import history
from tests.made.rows import forecast
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with StateFolder(tmp_path / "state").open_writer() as writer:
        for row in (forecast("MSFT"), forecast("AAPL", as_of=dt.date(2018, 2, 8))):
            writer.forecasts.put(row)
        writer.history.save(history("AAPL", 3), changed_from=0)
    return tmp_path / "state"


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(status, list(arguments), env={"BARS_DUE_HOURS": "0"} | environment)


def test_an_embedded_folder_is_well_where_no_bars_are_expected(folder: Path) -> None:
    result = run("--state", str(folder), "--embedded")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("all well")
    assert "2 rows" in result.output
    assert "MSFT" in result.output  # the stalest


def test_bars_that_are_late_make_it_red(folder: Path) -> None:
    result = run("--state", str(folder), "--embedded", "--json", BARS_DUE_HOURS="12")
    assert result.exit_code == 3, result.output
    found = json.loads(result.output)
    assert [reason["code"] for reason in found["reasons"]] == ["bars_late"]
    newest = max(dt.date.fromisoformat(date) for _, date in found["table"]["freshest"])
    assert found["table"]["late_sessions"]["XNYS"] > 240 * (dt.datetime.now(dt.UTC).date() - newest).days / 365 - 5, (
        "all of them"
    )
    assert "BARS_DUE_HOURS=0" in found["reasons"][0]["text"]


def test_a_broker_that_is_away_is_said(folder: Path) -> None:
    command = [sys.executable, "-m", "streams", "status", "--state", str(folder), "--json"]
    environment = os.environ | {"BARS_DUE_HOURS": "0", "KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 3, done.stderr
    assert [reason["code"] for reason in json.loads(done.stdout)["reasons"]] == ["broker_away"]


def test_a_folder_without_a_state(tmp_path: Path) -> None:
    result = run("--state", str(tmp_path / "none"), "--embedded")
    assert result.exit_code == 3, result.output
    assert "no state in" in result.output
