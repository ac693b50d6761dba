"""The inspection: a worker reads its own copies from disk as other processes do, one after another.

RocksDB keeps the content of MANIFEST, CURRENT and IDENTITY in memory, and its table files open. So a worker does not notice
that one of these files is cut, emptied or deleted, while every reader that opens the copy sees old values or an error.
"""

from __future__ import annotations

import logging
from collections import deque
from pathlib import Path

from errors import StateCorruptError, StateWriteError
from state.follower import DatabaseFiles
from state.partition_copy import problem_on_disk
from streams.kafka.tables.in_thread import in_thread
from streams.kafka.tables.partition_log import PartitionLog
from streams.kafka.tables.partition_logs import PartitionLogs

logger = logging.getLogger(__name__)


class Inspection:
    """Inspects copies whose files changed without a write, or else the next copy in turn.

    A problem that is found twice in a row is reported to the copy's log, as a failed read would be.
    """

    def __init__(self, logs: PartitionLogs) -> None:
        self._logs = logs
        self._files: dict[Path, DatabaseFiles] = {}
        self._turn: deque[Path] = deque()

    async def look(self) -> None:
        """Inspect the next copies, and all copies if one has a problem: a disk seldom damages a single file."""
        logs = {log.copy.path: log for log in self._logs}
        waiting = deque(self._next(list(logs)))
        problems: dict[Path, str] = {}
        seen: set[Path] = set()
        while waiting:
            path = waiting.popleft()
            seen.add(path)
            problem = await self._problem(logs[path])
            if problem is not None:
                problems[path] = problem
                waiting = deque(other for other in logs if other not in seen)
        for path, problem in problems.items():
            if any(logs[path] is log for log in self._logs):
                logs[path].report(StateCorruptError(problem))

    async def _problem(self, log: PartitionLog) -> str | None:
        problem = None
        for _ in range(2):
            try:
                problem = await in_thread(problem_on_disk, log.copy.path, at_least=log.copy.next_offset)
            except (StateWriteError, OSError) as error:  # for example a full disk: inspect again later
                logger.warning("copy not inspected path=%s reason=%s", log.copy.path, error)
                return None
            if problem is None:
                return None
        return problem

    def _next(self, paths: list[Path]) -> list[Path]:
        files = {path: DatabaseFiles.of(path) for path in paths}
        changed = [path for path, now in files.items() if path in self._files and not now.continue_(self._files[path])]
        self._files = files
        known = set(self._turn)
        self._turn = deque([path for path in self._turn if path in files] + [path for path in paths if path not in known])
        if changed or not self._turn:
            return changed
        self._turn.rotate(-1)
        return [self._turn[-1]]
