"""The commands of the README and of the tutorial, and running them as a reader would, in a copy of the project."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import ROOT
from tests.waiting import PATIENCE_SECONDS, until

#: The section whose commands need a broker.
CLUSTER = "On a cluster"


def commands(section: str | None = None, *, page: str = "README.md") -> list[str]:
    """The command lines of the whole page, or of one section, in their order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    if section is not None:
        text = text.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line and not line.startswith("#")]


def copied(target: Path) -> Path:
    """The project's files in a folder of their own, with this interpreter's environment and the sample as `bars.csv`."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listing.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    (target / ".venv").symlink_to(sys.prefix)
    script = (
        "import gzip, importlib.resources as resources, pathlib\n"
        "sample = resources.files('bokeh_sampledata') / '_data' / 'stocks.csv.gz'\n"
        "pathlib.Path('bars.csv').write_bytes(gzip.decompress(sample.read_bytes()))"
    )
    subprocess.run([sys.executable, "-c", script], cwd=target, check=True)
    return target


def run(project: Path, command: str, **environment: str) -> str:
    """What a command that ends prints; it must end well."""
    return ended(project, command, **environment).stdout


def ended(project: Path, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command that has ended well."""
    arguments = shlex.split(_without_installation(command))
    if arguments[0] == "make":
        # -o: the environment is this test's own; nothing is installed for it.
        arguments[1:1] = ["-o", ".venv/.installed", "-o", ".venv/.tidecast"]
    result = subprocess.run(
        arguments,
        cwd=project,
        env=_environment() | environment,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_SECONDS,  # all models of several tickers
        check=False,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}"
    return result


Start = Callable[..., subprocess.Popen[bytes]]


@contextmanager
def background() -> Iterator[Start]:
    """`start(project, command, await_port=…, **environment)` for commands that last: ended by SIGTERM with the block."""
    running: list[subprocess.Popen[bytes]] = []

    def start(project: Path, command: str, *, await_port: int | None = None, **environment: str) -> subprocess.Popen[bytes]:
        # Without make between: a signal must reach the process itself.
        recipe = run(project, f"{command} -n").strip() if command.startswith("make ") else _without_installation(command)
        with (project / "background.log").open("ab") as log:
            process = subprocess.Popen(
                shlex.split(recipe.replace("\\\n", " ")), cwd=project, env=_environment() | environment, stdout=log, stderr=log
            )
        running.append(process)
        if await_port is not None:
            until(lambda: process.poll() is not None or _listens(await_port), (project / "background.log").read_text)
            assert process.poll() is None, f"{recipe} ended\n{(project / 'background.log').read_text()[-3000:]}"
        return process

    try:
        yield start
    finally:
        for process in reversed(running):
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=PATIENCE_SECONDS)


def curl(command: str) -> str:
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
    with urllib.request.urlopen(urllib.request.Request(url, data=data, headers=headers), timeout=PATIENCE_SECONDS) as answer:
        return answer.read().decode()


def _without_installation(command: str) -> str:
    """The same command where the project itself is not installed."""
    return command.replace(".venv/bin/tidecast", ".venv/bin/python -m commands.tidecast")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
