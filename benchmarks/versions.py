"""An earlier version beside this version, in turns: a training, and all tickers of a file up to their forecasts.

`EARLIER_VERSION` names a folder with the earlier version (`git worktree add --detach FOLDER COMMIT`). Both run with the same
interpreter and libraries.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.bars import REAL_BARS
from benchmarks.isolated import in_fresh_process

TURNS: Final = 3
SAMPLE_SECONDS: Final = 0.1
HERE: Final = Path(__file__).resolve().parent.parent
#: `prctl` makes the caller the parent of orphans: https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html
_PR_SET_CHILD_SUBREAPER: Final = 36
_TRAINING: Final = (
    "import json\n"
    "from benchmarks.isolated import in_fresh_process\n"
    "from benchmarks.training import cpu_seconds_per_ticker\n"
    "if __name__ == '__main__':\n"
    "    print(json.dumps(in_fresh_process(cpu_seconds_per_ticker).result))\n"
)


class Usage(NamedTuple):
    """CPU time of a run with all its processes, and the highest memory of one of the processes that it has started."""

    cpu_seconds: float
    training_megabytes: float


def run() -> Iterator[dict[str, Any]]:
    """Two rows, with medians of the turns."""
    folder = os.environ.get("EARLIER_VERSION")
    if folder is None:
        yield {"benchmark": "this version / an earlier version", "skipped": "EARLIER_VERSION=FOLDER names a checkout of it"}
        return
    trees = {"earlier": Path(folder).resolve(), "now": HERE}
    seconds: dict[str, list[float]] = {name: [] for name in trees}
    for _ in range(TURNS):
        for name, tree in trees.items():
            seconds[name].append(_training_seconds(tree))
    yield _row("retrain one ticker, all models validated and selected", seconds) | {"aim": "now <= 0.12 where earlier is 0.28"}
    if not REAL_BARS.exists():
        return
    usages: dict[str, list[Usage]] = {name: [] for name in trees}
    for _ in range(TURNS):
        for name, tree in trees.items():
            usages[name].append(in_fresh_process(whole_run, tree).result)
    yield (
        _row(f"{REAL_BARS.name} from file to forecasts, two training processes", _part(usages, "cpu_seconds"))
        | {f"training_megabytes_{name}": round(max(values)) for name, values in _part(usages, "training_megabytes").items()}
        | {"aim": "ratio <= 0.5; <= 250 MB"}
    )


def _row(benchmark: str, seconds: dict[str, list[float]]) -> dict[str, Any]:
    median = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "benchmark": benchmark,
        "cpu_seconds_earlier": round(median["earlier"], 3),
        "cpu_seconds_now": round(median["now"], 3),
        "ratio": round(median["now"] / median["earlier"], 2),
    }


def _part(usages: dict[str, list[Usage]], field: str) -> dict[str, list[float]]:
    return {name: [getattr(usage, field) for usage in values] for name, values in usages.items()}


def _training_seconds(tree: Path) -> float:
    """Median CPU-seconds of a training in that version."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "training.py"
        script.write_text(_TRAINING, encoding="utf-8")
        environment = os.environ | {"PYTHONPATH": str(tree)}
        output = subprocess.run(
            [sys.executable, script], cwd=tree, env=environment, stdout=subprocess.PIPE, check=True, text=True
        )
    seconds: float = json.loads(output.stdout)["all"]
    return seconds


def whole_run(tree: Path) -> Usage:
    """`python -m streams run` of that version over the file, into a new state folder; in a process of its own.

    Training processes are orphans when the run ends. They become this process's children, so their CPU time is counted.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["--source", "file", "--path", str(REAL_BARS), "--state", folder, "--jobs", "2"]
        command = subprocess.Popen([sys.executable, "-m", "streams", "run", *arguments], cwd=tree, stdout=subprocess.DEVNULL)
        cpu_seconds = megabytes = 0.0
        while True:
            megabytes = max([megabytes, *(_peak_megabytes(pid) for pid in _descendants(command.pid))])
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                time.sleep(SAMPLE_SECONDS)
                continue
            cpu_seconds += usage.ru_utime + usage.ru_stime
            if pid == command.pid:
                command.returncode = os.waitstatus_to_exitcode(status)
    if command.returncode:
        raise subprocess.CalledProcessError(command.returncode, command.args)
    return Usage(cpu_seconds, megabytes)


def _descendants(pid: int) -> list[int]:
    """All processes that a process, or one of these, has started."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            for child in map(int, children.read_text(encoding="ascii").split()):
                found += [child, *_descendants(child)]
    return found


def _peak_megabytes(pid: int) -> float:
    """The highest resident memory of a process since it began, 0 if it has ended; `ru_maxrss` begins with its parent's."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0
