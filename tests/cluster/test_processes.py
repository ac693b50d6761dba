"""How `python -m cluster` handles processes that end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cluster.processes import Ending, Processes
from tests.waiting import until

#: A program that records each start and exits as its first argument says.
MODULE = """
import os, signal, sys
with open("starts", "a") as marks:
    marks.write("x")
code = int(sys.argv[1])
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    (tmp_path / "ends.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return os.environ | {"PYTHONPATH": str(tmp_path)}


@pytest.mark.parametrize("code", [-9, os.EX_TEMPFAIL])
def test_a_worker_that_was_killed_or_fenced_is_started_again(code: int, environment: dict[str, str]) -> None:
    with Processes() as processes:
        processes.start("worker-1", ["ends", str(code)], environment, Ending.RESTARTED)
        until(lambda: processes.watch() is None and len(Path("starts").read_text()) >= 3 if Path("starts").exists() else False)


@pytest.mark.parametrize(
    ("code", "ending", "failure"),
    [
        (0, Ending.FINE, None),
        (3, Ending.FINE, "one ended with exit code 3"),
        (0, Ending.FAILURE, "one ended with exit code 0"),
        (2, Ending.RESTARTED, "one ended with exit code 2"),
    ],
)
def test_any_other_end_is_a_failure_but_that_of_what_is_done(
    code: int, ending: Ending, failure: str | None, environment: dict[str, str]
) -> None:
    with Processes() as processes:
        processes.start("one", ["ends", str(code)], environment, ending)
        processes.start("last", ["ends", "7"], environment)
        until(lambda: processes.watch() is not None)
        until(lambda: processes.watch() == (failure or "last ended with exit code 7"))
