"""The inspection: a worker reads its own copies from disk as other processes do, one after another (`state.copy_repair`)."""

from __future__ import annotations

from functools import partial

from errors import StateCorruptError
from state.copy_repair import Turns, damaged_copies
from state.partition_copy import PartitionCopy
from streams.kafka.tables.in_thread import in_thread
from streams.kafka.tables.partition_logs import PartitionLogs


class Inspection:
    """Inspects copies whose files changed without a write, or else the next copy in turn.

    A problem that is found twice in a row is reported to the copy's log, as a failed read would be.
    """

    def __init__(self, logs: PartitionLogs) -> None:
        self._logs = logs
        self._turns = Turns()

    async def look(self) -> None:
        """Inspect the next copies, and all copies if one has a problem."""
        logs = {log.copy.path: log for log in self._logs}
        applied = {path: partial(_applied, log.copy) for path, log in logs.items()}
        problems = await in_thread(damaged_copies, self._turns, applied, complete=True)
        for path, problem in problems.items():
            if any(logs[path] is log for log in self._logs):
                logs[path].report(StateCorruptError(problem))


def _applied(copy: PartitionCopy) -> int:
    return copy.next_offset
