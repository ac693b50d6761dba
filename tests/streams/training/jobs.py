"""Work for pool processes, good and bad; here because a child process has to import it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from streams.training.pool import TrainingPool


def square(job: int) -> int:
    return job * job


def environment(job: str) -> str | None:
    return os.environ.get(job)


def misbehave(job: tuple[str, str]) -> str:
    """`kind`, and a folder for marks: `mark` is written before anything bad happens."""
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
    """Leave the process's id in the folder, then never end."""
    Path(job, f"{os.getpid()}.pid").touch()
    time.sleep(3600)


def main(folder: str) -> None:
    """A program whose pool is busy until it is ended from outside."""
    with TrainingPool(hang, jobs=2, deadline_seconds=3600, preload=()) as pool:
        for key in ("A", "B"):
            pool.request(key, lambda: folder)
        try:
            pool.poll(block=True)
        except KeyboardInterrupt:
            sys.exit(130)


if __name__ == "__main__":
    main(sys.argv[1])
