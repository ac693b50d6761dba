"""Jobs for pool processes, good and bad. A child process must be able to import them."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from models.stopwatch import span
from streams.training.pool import TrainingPool


def square(job: int) -> int:
    return job * job


def timed(job: int) -> int:
    """A job with a part for each of two models."""
    with span("har"):
        time.sleep(0.001)
    with span("lstm"):
        time.sleep(0.001)
    return job


def environment(job: str) -> str | None:
    return os.environ.get(job)


def misbehave(job: tuple[str, str]) -> str:
    """A job (kind, folder). `wait-once` writes its process's id into the folder, then waits."""
    kind, folder = job
    if kind == "raise":
        raise ValueError("no good")
    if kind == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "hang":
        while True:
            time.sleep(3600)
    if kind == "wait-once":
        mark = Path(folder, "pid")
        if not mark.exists():
            Path(folder, "writing").write_text(str(os.getpid()))
            Path(folder, "writing").rename(mark)
            time.sleep(3600)
    return kind


def hang(job: str) -> None:
    """Write the process's id into the folder, then wait for ever."""
    Path(job, f"{os.getpid()}.pid").touch()
    time.sleep(3600)


def main(folder: str) -> None:
    """A program whose pool is busy until the program is ended from outside."""
    with TrainingPool(hang, jobs=2, deadline_seconds=3600, preload=()) as pool:
        for key in ("A", "B"):
            pool.request(key, lambda: folder)
        try:
            pool.poll(block=True)
        except KeyboardInterrupt:
            sys.exit(130)


if __name__ == "__main__":
    main(sys.argv[1])
