"""Places where the service cannot listen: refused in one line, each with its mend."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.waiting import PATIENCE_SECONDS


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("no.such.name.invalid", "no such host; name an address of this machine with --host"),
        ("203.0.113.7", "(Cannot assign requested address): name an address of this machine with --host"),
    ],
)
def test_a_host_that_is_not_this_machine(host: str, said: str, tmp_path: Path) -> None:
    """A name that nobody knows had ended the service with a traceback."""
    command = [sys.executable, "-m", "optimizer", "serve", "--state", str(tmp_path), "--host", host, "--port", "0"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PRICE_PROVIDER": "none"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert f"error: cannot listen on {host}:0" in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
