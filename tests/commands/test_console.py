"""What every command line promises: exit codes, one line for an error, progress that anyone can read."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from commands.console import progress
from errors import ForecastingError, SettingsError, StateLockedError
from tests.conftest import ROOT


def run(body: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command whose body is `body`, in a process of its own."""
    script = (
        "import click, logging, os, sys, errors\nfrom commands.console import run_cli\n"
        "@click.command()\n@click.option('--count', type=int, default=1)\n"
        f"def command(count):\n    {body}\nrun_cli(command)"
    )
    environment = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_success_ends_with_zero_and_only_the_result_on_stdout():
    result = run("logging.getLogger('x').warning('fallback ticker=A'); click.echo('result')")
    assert (result.returncode, result.stdout) == (0, "result\n")
    assert "level=WARNING logger=x event=fallback ticker=A" in result.stderr


def test_an_exit_code_given_by_the_command_is_kept():
    assert run("sys.exit(1)").returncode == 1
    assert run("click.get_current_context().exit(3)").returncode == 3


def test_our_errors_are_one_line_and_their_exit_code():
    result = run("raise errors.StateLockedError('var: another process\\nwrites there')")
    assert (result.returncode, result.stderr) == (StateLockedError.exit_code, "error: var: another process writes there\n")
    assert run("raise errors.SettingsError('x')").returncode == SettingsError.exit_code == 2


def test_a_wrong_option_or_setting_is_a_usage_error():
    wrong_option = run("pass", "--count", "many")
    assert wrong_option.returncode == 2
    assert "'many' is not a valid integer" in wrong_option.stderr
    wrong_setting = run("pass", LOG_LEVEL="LOUD")
    assert wrong_setting.returncode == 2
    assert "LOG_LEVEL" in wrong_setting.stderr
    assert "Traceback" not in wrong_setting.stderr


def test_a_defect_keeps_its_traceback():
    result = run("raise KeyError('x')")
    assert result.returncode == 1
    assert "Traceback" in result.stderr


def test_ctrl_c_ends_with_130():
    result = run(f"os.kill(os.getpid(), {int(signal.SIGINT)})")
    assert (result.returncode, result.stderr.strip()) == (130, "interrupted")


def test_ctrl_c_within_code_of_a_string_ends_with_130(tmp_path: Path):
    """As dataclasses and named tuples make theirs. The interpreter would end `python -m` with the signal itself."""
    (tmp_path / "a_command.py").write_text(
        "import click, os\nfrom commands.console import run_cli\n"
        f"run_cli(click.Command('c', callback=lambda: exec('os.kill(os.getpid(), {int(signal.SIGINT)})')))"
    )
    result = subprocess.run(
        [sys.executable, "-m", "a_command"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr.strip()) == (130, "interrupted")


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_reader_that_goes_away_is_no_error(lines: int):
    read_end, write_end = os.pipe()
    os.close(read_end)
    script = (
        "import click\nfrom commands.console import run_cli\n"
        f"run_cli(click.Command('c', callback=lambda: [print('x') for _ in range({lines})]))"
    )
    with os.fdopen(write_end, "w") as output:
        result = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, stdout=output, stderr=subprocess.PIPE, text=True, check=False
        )
    assert result.stderr == ""
    assert result.returncode == 1


def test_plain_progress_says_how_far_and_how_long():
    now = [0.0]
    stream = io.StringIO()
    with progress(1000, "bars", stream=stream, clock=lambda: now[0]) as advance:
        for _ in range(4):
            now[0] += 30
            advance(100)
    assert stream.getvalue().splitlines() == [
        "bars 100/1,000 (10%), about 4 min 30 s left",
        "bars 200/1,000 (20%), about 4 min 00 s left",
        "bars 300/1,000 (30%), about 3 min 30 s left",
        "bars 400/1,000 (40%), about 3 min 00 s left",
        "bars 400/1,000 (40%), in 120.0 s",
    ]


def test_plain_progress_is_quiet_between_its_lines():
    stream = io.StringIO()
    with progress(None, "bars", stream=stream, clock=lambda: 0.0) as advance:
        for _ in range(10_000):
            advance(1)
    assert stream.getvalue() == "bars 10,000, in 0.0 s\n"


def test_a_terminal_gets_a_bar_with_the_time_left():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with progress(10, "bars", stream=stream) as advance:
        advance(10)
    assert "bars" in stream.getvalue()
    assert "10/10" in stream.getvalue()


def test_every_error_of_the_tree_has_an_exit_code_that_is_not_zero():
    def all_of(error: type[ForecastingError]) -> list[type[ForecastingError]]:
        return [error, *(e for child in error.__subclasses__() for e in all_of(child))]

    assert all(error.exit_code in {1, 2, 75} and error.__doc__ for error in all_of(ForecastingError))
