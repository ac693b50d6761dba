"""What Linux tells of processes that are not ours to wait for. Each may end while it is looked at."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path


def children(pid: int | str) -> Iterator[int]:
    """What a process (`self`: this process) has started; none once it is gone."""
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread ended meanwhile
            yield from map(int, listing.read_text().split())


def descendants(pid: int) -> Iterator[int]:
    """All that a process has started, and what that has started in turn."""
    for child in children(pid):
        yield child
        yield from descendants(child)


def command_line(pid: int) -> list[str]:
    """The words of its command; none once it has ended."""
    return _read(pid, "cmdline").rstrip("\0").split("\0")


def is_forked_for_training(pid: int) -> bool:
    """Whether it is a forkserver, or a process that a forkserver has forked, with its command line."""
    return any("multiprocessing.forkserver" in word for word in command_line(pid))


def mapped_files(pid: int) -> str:
    """Its memory map, which names the libraries that it has loaded."""
    return _read(pid, "maps")


def parent(pid: int) -> int:
    """Who started a process that is there."""
    return int(_fields(pid)[1])


def is_alive(pid: int) -> bool:
    """Whether it runs or may run. A zombie has ended; who reaps it is its new parent's business."""
    return _fields(pid)[:1] not in ([], ["Z"], ["X"])


def _fields(pid: int) -> list[str]:
    """Of its status, what follows the name, which may contain anything."""
    return _read(pid, "stat").rpartition(")")[2].split()


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
