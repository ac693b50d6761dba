"""Running Python in another process: writers that are killed, disks that are full."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

from tests.conftest import ROOT
from tests.waiting import PATIENCE_SECONDS


def python(code: str, *arguments: object) -> list[str]:
    """The command that runs this code with these arguments."""
    return [sys.executable, "-c", dedent(code), *map(str, arguments)]


def run(code: str, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the code to its end."""
    return subprocess.run(
        python(code, *arguments),
        cwd=cwd or ROOT,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@contextmanager
def running(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """The code in a process with pipes to it, killed at the end if it still runs."""
    with subprocess.Popen(
        python(code, *arguments), cwd=ROOT, env=_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}
