"""The README's section on Kafka: `make cluster` with one Ctrl-C, and the same system started by hand."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
from pathlib import Path

import pytest

from broker.ports import free_port
from tests import proc
from tests.conftest import ROOT
from tests.house.readme import CLUSTER, background, commands, copied, curl, run
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

#: Settings that the README leaves at their defaults, and that would take a test too long.
QUICK = {"MODELS": "har"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = copied(tmp_path_factory.mktemp("readme") / "project")
    jars = ROOT / "broker" / "libs"
    if jars.exists():
        (copy / "broker" / "libs").symlink_to(jars)
    return copy


def tickers(port: int) -> list[str]:
    try:
        rows = json.loads(curl(f"curl http://127.0.0.1:{port}/api/forecasts"))["forecasts"]
    except (OSError, urllib.error.HTTPError):
        return []  # not listening yet, or no forecast yet
    return [row["ticker"] for row in rows]


def test_make_cluster_ends_with_one_ctrl_c(bootstrap: str, project: Path) -> None:
    assert "make cluster" in commands(CLUSTER)
    port = free_port()
    values = QUICK | {"KAFKA_BOOTSTRAP": bootstrap, "KAFKA_PREFIX": "readme-cluster-"}
    with background() as start:
        launcher = start(project, f"make cluster PORT={port}", **values)
        until(lambda: tickers(port) == ["AAPL", "FB", "GOOG", "IBM", "MSFT"], (project / "background.log").read_text)
        started = list(proc.descendants(launcher.pid))
        assert len(started) >= 3, "two workers and the service; the producer is done"
        (killed,) = processes_of("worker-1", launcher.pid)
        os.kill(killed, signal.SIGKILL)
        until(lambda: processes_of("worker-1", launcher.pid) - {killed})
        started += proc.descendants(launcher.pid)
        launcher.send_signal(signal.SIGINT)
        assert launcher.wait(timeout=PATIENCE_SECONDS) == 130
    # The training processes of the killed worker notice its death.
    until(lambda: not any(proc.is_alive(pid) for pid in started))
    with pytest.raises(OSError, match="refused"):
        curl(f"curl http://127.0.0.1:{port}/healthz")


def processes_of(worker: str, launcher: int) -> set[int]:
    """A worker's process, without its children."""
    return {pid for pid in proc.children(launcher) if worker in proc.command_line(pid)}


def test_by_hand(bootstrap: str, project: Path) -> None:
    export, worker, publish, replica, serve = commands(CLUSTER)[1:]
    assert export.startswith("export KAFKA_BOOTSTRAP=")
    values = QUICK | {"KAFKA_BOOTSTRAP": bootstrap, "KAFKA_PREFIX": "readme-hand-"}
    port = free_port()
    with background() as start:
        start(project, worker, **values)
        run(project, publish, **values)
        start(project, replica, **values)
        start(project, f"{serve} PORT={port}", await_port=port)
        until(lambda: tickers(port) == ["AAPL", "FB", "GOOG", "IBM", "MSFT"], (project / "background.log").read_text)
