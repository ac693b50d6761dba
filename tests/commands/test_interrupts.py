"""Ctrl-C beside the locks of a pool: the command ends with 130 at once, whenever it comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from commands import interrupts
from tests.conftest import ROOT
from tests.waiting import PATIENCE_SECONDS

#: The jobs are done when the first line is out, so that Ctrl-C comes while the pool ends.
DONE = """
import time
import click
from commands.console import run_cli
from commands.processes import processes

def work():
    with processes(2, preload=["json"]) as pool:
        jobs = [pool.submit(abs, -number) for number in range(20)]
        found = list(pool.in_order(jobs))
        print("done", flush=True)
    print(sorted(pool.completed(jobs)) == found == list(range(20)), flush=True)

if __name__ == "__main__":
    run_cli(click.Command("work", callback=work))
"""
BUSY = DONE.replace(
    'print("done", flush=True)', 'print("done", flush=True); list(pool.completed([pool.submit(time.sleep, 900)]))'
)


def test_ctrl_c_waits_for_the_end_of_the_block() -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - what ran before the error is the test
        with interrupts.deferred():
            os.kill(os.getpid(), signal.SIGINT)
            steps.append("within")
        steps.append("after")
    assert steps == ["within"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_handler_is_called_once() -> None:
    calls: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: calls.append(number))
    try:
        with interrupts.deferred():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            assert calls == []
        assert calls == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("to_all", [False, True], ids=["to the command", "to its group"])
@pytest.mark.parametrize("script", [DONE, BUSY], ids=["at its end", "at work"])
def test_ctrl_c_ends_a_pool(script: str, *, to_all: bool) -> None:
    for _ in range(5):
        command = [sys.executable, "-c", script]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "done\n"
            (os.killpg if to_all else os.kill)(process.pid, signal.SIGINT)
            try:
                out, err = process.communicate(timeout=PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        # After the end of the work 0, or the code of a kill in the interpreter's last moments.
        had_ended = out == "True\n" and process.returncode in {0, -signal.SIGINT}
        assert had_ended or (process.returncode, err.strip()) == (130, "interrupted")
