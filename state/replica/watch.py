"""What a replica says of itself: filled by its loop, read by the thread of its pages."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from errors import StateWriteError
from monitoring.progress import Progress, Sample, advanced
from monitoring.replica import ReplicaFigures, ReplicaPartition, replica_reasons
from state.replica.tables import FOLDER, FORECASTS, Place
from version import VERSION

#: The port of the replica's pages on loopback, in its state folder: `streams status` on the same host looks here.
_PAGE: Final = "replica.page"
_LOCK_TRIES: Final = 5
_LOCK_PAUSE_SECONDS: Final = 0.02


class ReplicaWatch:
    """Counts and progress of one replica. Thread-safe."""

    def __init__(self, state_dir: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = state_dir / FOLDER
        self._clock = clock
        self._mutex = threading.Lock()
        self._started_at = self._answered_at = clock()
        self._progress: dict[tuple[str, int], Progress] = {}
        self._values: Mapping[str, int] = {}
        self._incomplete: tuple[Place, ...] = ()
        self._leaderless: dict[tuple[str, int], float] = {}
        self._records = self._void = self._copies = 0

    def note_records(self, count: int, *, values: Mapping[str, int], void: int) -> None:
        """Records were read; `values` are the numbers of values by table after them."""
        with self._mutex:
            self._records += count
            self._void += void
            self._values = dict(values)

    def note_copy(self) -> None:
        """A copy is begun anew."""
        with self._mutex:
            self._copies += 1

    def note_offsets(self, offsets: Mapping[Place, tuple[int, int]], *, values: Mapping[str, int]) -> None:
        """The broker has answered: by place, the offset up to which the copy goes, and the log's end."""
        with self._mutex:
            now = self._answered_at = self._clock()
            self._values = dict(values)
            self._progress = {
                place: advanced(self._progress.get(place), Sample(now, done, end)) for place, (done, end) in offsets.items()
            }

    def note_incomplete(self, places: Iterable[Place]) -> None:
        """These copies were read to the end of their changelogs, and lack values."""
        with self._mutex:
            self._incomplete = tuple(sorted(places))

    def note_leaderless(self, places: Iterable[Place]) -> None:
        """Kafka has no leader for these partitions."""
        with self._mutex:
            now = self._clock()
            self._leaderless = {place: self._leaderless.get(place, now) for place in places}

    def figures(self) -> ReplicaFigures:
        """All numbers, as they are now."""
        sizes = _sizes(self._folder)
        with self._mutex:
            now = self._clock()
            return ReplicaFigures(
                version=VERSION,
                host=socket.gethostname(),
                pid=os.getpid(),
                uptime_seconds=now - self._started_at,
                reasons=replica_reasons(now, self._answered_at, self._progress, self._incomplete, self._leaderless),
                rows=self._values.get(FORECASTS, 0),
                values=self._values,
                records=self._records,
                void=self._void,
                copies=self._copies,
                partitions=tuple(
                    ReplicaPartition(
                        table=table,
                        partition=number,
                        lag_messages=each.lag,
                        lag_seconds=each.lag_seconds,
                        standing_seconds=each.stood_for(now),
                    )
                    for (table, number), each in sorted(self._progress.items())
                ),
                broker_silent_seconds=now - self._answered_at,
                table_bytes=sizes,
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
        if _is_ours(file):
            file.truncate(0)
            file.write(str(port))
            file.flush()
        yield


def _is_ours(file: TextIO) -> bool:
    """Whether no other replica has the page: its port stays, and this process is about to be refused."""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE_SECONDS)  # `status` has the lock for a moment
        except OSError:
            return True  # a file system without locks
        else:
            return True
    return False


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


def _sizes(folder: Path) -> dict[str, int]:
    """The bytes of the files by table."""
    sizes: dict[str, int] = {}
    for path in folder.glob("*-*.db/*"):
        table = path.parent.name.partition("-")[0]
        with contextlib.suppress(OSError):
            sizes[table] = sizes.get(table, 0) + path.stat().st_size
    return sizes
