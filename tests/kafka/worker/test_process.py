"""How a worker ends that is stopped early or cannot begin."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from broker.ports import free_port
from errors import SettingsError
from tests.conftest import ROOT
from tests.kafka.cluster import Cluster
from tests.waiting import PATIENCE_SECONDS, until


def start(environment: Mapping[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "streams", "worker"]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stderr=subprocess.PIPE, text=True)


def handles(process: subprocess.Popen[str], number: signal.Signals) -> bool:
    """Whether the process handles a signal."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)


@pytest.mark.kafka
@pytest.mark.slow
def test_a_taken_port_is_not_blamed_on_kafka(cluster: Cluster):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        with start(cluster.values | {"STATE_DIR": str(cluster.state), "WORKER_PORT": port, "LOG_LEVEL": "ERROR"}) as process:
            _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == SettingsError.exit_code
    assert f"error: port {port} is taken: set WORKER_PORT to another port, or to 0 for any free port" in said


@pytest.mark.slow
def test_a_worker_stopped_while_it_loads_has_not_failed(tmp_path: Path):
    with start({"STATE_DIR": str(tmp_path), "KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}"}) as process:
        until(lambda: handles(process, signal.SIGTERM))
        process.terminate()
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, said) == (0, "")


@pytest.mark.slow
def test_rebuild_forgets_nothing_while_kafka_is_away(tmp_path: Path):
    table = tmp_path / "workers" / "one" / "tables"
    table.mkdir(parents=True)
    command = [sys.executable, "-m", "streams", "rebuild", "--state", tmp_path, "--bootstrap", f"127.0.0.1:{free_port()}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no answer from Kafka" in done.stderr
    assert table.exists()
