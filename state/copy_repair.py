"""Finds damaged copies of partitions, as other processes read them from disk, and replaces unreadable copies.

RocksDB keeps the content of MANIFEST, CURRENT and IDENTITY in memory, and its table files open. So the process that has a copy
open does not notice that one of these files is cut, emptied or deleted. Every reader that opens the copy sees old values or an
error.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from rocksdict import Options

from errors import SchemaError, StateError, StateLockedError, StateWriteError
from state.database_files import discard, remove_misplaced_folders
from state.follower import DatabaseFiles
from state.partition_copy import PartitionCopy, problem_on_disk

logger = logging.getLogger(__name__)


class Turns:
    """Which copies to inspect next: those whose files changed without a write, or else the next copy in turn."""

    def __init__(self) -> None:
        self._files: dict[Path, DatabaseFiles] = {}
        self._turn: deque[Path] = deque()

    def next(self, paths: Iterable[Path]) -> list[Path]:
        """The copies to inspect now, of the open copies at `paths`."""
        files = {path: DatabaseFiles.of(path) for path in paths}
        changed = [path for path, now in files.items() if path in self._files and not now.continue_(self._files[path])]
        self._files = files
        known = set(self._turn)
        self._turn = deque([path for path in self._turn if path in files] + [path for path in files if path not in known])
        if changed or not self._turn:
            return changed
        self._turn.rotate(-1)
        return [self._turn[-1]]


def damaged_copies(turns: Turns, copies: Mapping[Path, Callable[[], int]], *, complete: bool) -> dict[Path, str]:
    """The problems of the copies in turn, and of all copies if one has a problem: a disk seldom damages a single file.

    `copies` gives for each open copy the offset up to which it was applied. A problem counts if it is found twice in a row.
    `complete` as in `PartitionCopy.verify`.
    """
    waiting = deque(turns.next(copies))
    problems: dict[Path, str] = {}
    seen: set[Path] = set()
    while waiting:
        path = waiting.popleft()
        seen.add(path)
        problem = _problem(path, copies[path], complete=complete)
        if problem is not None:
            problems[path] = problem
            waiting = deque(other for other in copies if other not in seen)
    return problems


def _problem(path: Path, applied: Callable[[], int], *, complete: bool) -> str | None:
    problem = None
    for _ in range(2):
        try:
            problem = problem_on_disk(path, at_least=applied(), complete=complete)
        except (StateWriteError, OSError) as error:  # for example a full disk: inspect again later
            logger.warning("copy not inspected path=%s reason=%s", path, error)
            return None
        if problem is None:
            return None
    return problem


def opened_copy(path: Path, topic_id: str, options: Options, *, keeps_outdated: bool = False) -> PartitionCopy:
    """An open copy; an unreadable copy is replaced by an empty copy. Raises StateLockedError or StateWriteError."""
    remove_misplaced_folders(path)
    try:
        return PartitionCopy(path, topic_id, options, keeps_outdated=keeps_outdated)
    except (StateLockedError, StateWriteError):
        raise
    except (SchemaError, StateError) as error:
        # Damaged, or of a newer version: the changelog has everything.
        reason = str(error)
    # Outside the block: an error keeps the iterator that raised it alive, and with it RocksDB's lock.
    logger.warning("copy dropped, read again from its changelog path=%s reason=%s", path, reason)
    discard(path)
    return PartitionCopy(path, topic_id, options, keeps_outdated=keeps_outdated)
