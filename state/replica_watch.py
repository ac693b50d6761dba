"""What a replica says of itself: filled by its loop, read by the thread of its pages."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from errors import StateWriteError
from monitoring.figures import PartitionFigures
from monitoring.progress import Progress, Sample, advanced
from monitoring.replica import ReplicaFigures, replica_reasons
from state.folder import FORECASTS
from version import VERSION

#: The port of the replica's pages on loopback, in its state folder: `streams status` on the same host looks here.
_PAGE: Final = "replica.page"


class ReplicaWatch:
    """Counts and progress of one replica. Thread-safe."""

    def __init__(self, state_dir: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._table = state_dir / FORECASTS
        self._clock = clock
        self._mutex = threading.Lock()
        self._started_at = self._answered_at = clock()
        self._progress: dict[int, Progress] = {}
        self._rows = self._records = self._left_out = self._void = self._copies = 0

    def note_records(self, count: int, *, rows: int, left_out: int, void: int) -> None:
        """Records were read; `rows` is the copy's size after them."""
        with self._mutex:
            self._records += count
            self._left_out += left_out
            self._void += void
            self._rows = rows

    def note_copy(self) -> None:
        """The copy is begun anew."""
        with self._mutex:
            self._copies += 1
            self._rows = 0

    def note_offsets(self, done: Mapping[int, int], ends: Mapping[int, int], rows: int) -> None:
        """The broker has answered: by partition, the offset up to which the copy goes, and the log's end."""
        with self._mutex:
            now = self._answered_at = self._clock()
            self._rows = rows
            self._progress = {
                number: advanced(self._progress.get(number), Sample(now, done[number], end)) for number, end in ends.items()
            }

    def figures(self) -> ReplicaFigures:
        """All numbers, as they are now."""
        size = _bytes(self._table)
        with self._mutex:
            now = self._clock()
            return ReplicaFigures(
                version=VERSION,
                host=socket.gethostname(),
                pid=os.getpid(),
                uptime_seconds=now - self._started_at,
                reasons=replica_reasons(now, self._answered_at, self._progress),
                rows=self._rows,
                records=self._records,
                left_out=self._left_out,
                void=self._void,
                copies=self._copies,
                partitions=tuple(
                    PartitionFigures(
                        partition=number,
                        is_own=True,
                        lag_messages=each.lag,
                        lag_seconds=each.lag_seconds,
                        standing_seconds=each.stood_for(now),
                        moved_seconds=None if each.moved_at is None else now - each.moved_at,
                    )
                    for number, each in sorted(self._progress.items())
                ),
                broker_silent_seconds=now - self._answered_at,
                table_bytes=size,
            )


@contextmanager
def noted_page(state_dir: Path, port: int) -> Iterator[None]:
    """Within the block, `page_of` finds the port; also after a kill -9 nobody else's. Raises StateWriteError."""
    path = state_dir / _PAGE
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="ascii")
    except OSError as error:
        raise StateWriteError.at(path, error) from error
    with file:
        # Only its life says that the port is its own: the system frees the lock at the process's end, however it ends.
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(0)
        file.write(str(port))
        file.flush()
        yield


def page_of(state_dir: Path) -> int | None:
    """The port of the pages of the replica that runs on this folder; None if none runs."""
    try:
        with (state_dir / _PAGE).open(encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(file.read())
            return None
    except (OSError, ValueError):
        return None  # none ever ran here, or it is starting


def _bytes(folder: Path) -> int:
    size = 0
    for path in folder.glob("*"):
        with contextlib.suppress(OSError):
            size += path.stat().st_size
    return size
