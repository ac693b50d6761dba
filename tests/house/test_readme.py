"""The README's commands, run in the order in which they stand, in a copy of the project."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

#: Looked at with `make -n` instead: the first would run this test in itself, and so endlessly; the others run all of its
#: neighbours again, take minutes, or ask a package index.
NOT_RUN = {"make test", "make test-fast", "make check", "make bench", "make lock"}


def commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's files in a folder of their own, with this interpreter's environment and the sample as `bars.csv`."""
    copy = tmp_path_factory.mktemp("readme") / "project"
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listing.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    (copy / ".venv").symlink_to(sys.prefix)
    script = (
        "import gzip, importlib.resources as resources, pathlib\n"
        "sample = resources.files('bokeh_sampledata') / '_data' / 'stocks.csv.gz'\n"
        "pathlib.Path('bars.csv').write_bytes(gzip.decompress(sample.read_bytes()))"
    )
    subprocess.run([sys.executable, "-c", script], cwd=copy, check=True)
    return copy


def run(project: Path, command: str, *, timeout: float = 300) -> str:
    arguments = shlex.split(command)
    if arguments[0] == "make":
        # -o: the environment is this test's own; nothing is to be installed for it.
        arguments[1:1] = ["-o", ".venv/.installed"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    result = subprocess.run(
        arguments, cwd=project, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert result.returncode == 0, f"{command}\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}"
    return result.stdout


@pytest.mark.parametrize("command", sorted(NOT_RUN))
def test_what_is_not_run_is_a_target_all_the_same(project, command):
    assert command in commands(), "the README has no such command any more"
    assert ".venv/bin/python -m" in run(project, f"{command} -n")


@pytest.mark.slow
def test_every_command_does_what_the_readme_says(project):
    port = _free_port()
    server: subprocess.Popen[bytes] | None = None
    outputs: dict[str, str] = {}
    try:
        for command in commands():
            if command in NOT_RUN:
                continue
            if command.startswith("make serve"):
                server = _serve(project, f"{command} PORT={port}")
            elif command.startswith("curl"):
                outputs[command] = _curl(command.replace(":5000/", f":{port}/"))
            else:
                outputs[command] = run(project, command)
    finally:
        if server is not None:
            server.terminate()
            server.wait(timeout=30)
    _check_run(outputs["make run"])
    _check_run(outputs["make run SOURCE=file BARS=bars.csv STATE=mine"])
    assert (project / "forecasts.csv").read_text(encoding="utf-8").count("\n") == 6
    weights = [json.loads(output)["weights"] for output in outputs.values() if output.startswith("{") and '"weights"' in output]
    assert len(weights) == 2  # on the command line and over HTTP
    assert all(abs(sum(chosen.values()) - 1) < 1e-4 for chosen in weights)
    second = time.monotonic()
    _check_run(run(project, "make run"))
    assert time.monotonic() - second < 60, "a second run has nothing to do"


def _check_run(output: str) -> None:
    for ticker in ("AAPL", "FB", "GOOG", "IBM", "MSFT"):
        assert re.search(rf"^ *{ticker} ", output, flags=re.MULTILINE), output
    assert re.search(r"^FB: .*196 bars", output, flags=re.MULTILINE), output
    assert "weights sum to 1.00000" in output


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _serve(project: Path, command: str) -> subprocess.Popen[bytes]:
    """Start the server that a make command names, without make between: a signal must reach it."""
    recipe = run(project, f"{command} -n").strip()
    server = subprocess.Popen(shlex.split(recipe), cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    port = int(command.rpartition("PORT=")[2])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return server
        time.sleep(0.1)
    server.kill()
    server.wait()
    raise AssertionError(f"{recipe}: no server within a minute")


def _curl(command: str) -> str:
    """What curl would print: the options that the README uses, no others."""
    arguments: Iterator[str] = iter(shlex.split(command)[1:])
    headers: dict[str, str] = {}
    data: bytes | None = None
    url = ""
    for argument in arguments:
        if argument == "-H":
            name, _, value = next(arguments).partition(": ")
            headers[name] = value
        elif argument == "-d":
            data = next(arguments).encode()
        else:
            url = argument
    with urllib.request.urlopen(urllib.request.Request(url, data=data, headers=headers), timeout=120) as answer:
        return answer.read().decode()
