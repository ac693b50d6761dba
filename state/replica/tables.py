"""A replica's copies of the workers' tables: each is what a worker's copy of the partition is, in `STATE_DIR/replica/tables`.

Readers (`state.copies`) find them as they find workers' copies, and of several copies of a value take the newest.
"""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from errors import StateError, StateLockedError
from state.copy_repair import Turns, damaged_copies, opened_copy
from state.database import BOOKKEEPING, Database
from state.database_files import discard
from state.folder import FORECASTS as EMBEDDED_FORECASTS
from state.folder import HISTORY as EMBEDDED_HISTORY
from state.follower import Follower
from state.partition_copy import PartitionCopy, Record
from state.shared_memory import SharedMemory

logger = logging.getLogger(__name__)

FOLDER: Final = Path("replica") / "tables"
FORECASTS: Final = "forecasts"
#: A replica reads only the values that it replaces.
_CACHE_BYTES: Final = 4 << 20
#: In the `forecasts.db` of a replica of an older version, and of no embedded engine.
_OLD_POSITION: Final = BOOKKEEPING + b"position"


class Place(NamedTuple):
    """A partition of a table."""

    table: str
    partition: int


class ReplicaTables:
    """The open copies, by place. `close` it."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / FOLDER
        self._memory = SharedMemory(cache_bytes=_CACHE_BYTES)
        self._topic_ids: dict[str, str] = {}
        self._copies: dict[Place, PartitionCopy] = {}
        self._turns = Turns()

    def __getitem__(self, place: Place) -> PartitionCopy:
        return self._copies[place]

    def __iter__(self) -> Iterator[Place]:
        return iter(list(self._copies))

    def open(self, table: str, topic_id: str, partitions: int) -> None:
        """Open the copies of all partitions of a table; other copies of the table are closed and removed.

        A damaged copy is replaced by an empty copy. Raises StateLockedError or StateWriteError.
        """
        if self._topic_ids.get(table) != topic_id:
            self._close(table)
        self._topic_ids[table] = topic_id
        for place in (Place(table, number) for number in range(partitions)):
            if place not in self._copies:
                self._copies[place] = self._opened(place)
                problem = self._copies[place].verify(complete=False)
                if problem is not None:
                    self.replace(place, problem)
        self._remove_others(table, {self._path(Place(table, number)) for number in range(partitions)})

    def remove(self, table: str) -> None:
        """Remove all copies of a table that is not followed: readers would take their old values."""
        self._close(table)
        self._remove_others(table, ())

    def apply(self, place: Place, records: Sequence[Record]) -> int:
        """Apply the next records of a partition. Returns the number of void records.

        Raises StateCorruptError or StateWriteError.
        """
        return len(self._copies[place].apply(records, up_to=records[-1].offset + 1))

    def replace(self, place: Place, reason: str) -> None:
        """Replace a copy by an empty copy, which has to be read from the beginning of its changelog."""
        logger.warning(
            "copy dropped, read again from its changelog table=%s partition=%d reason=%s", place.table, place.partition, reason
        )
        copy = self._copies.pop(place)
        with contextlib.suppress(StateError):  # the copy is removed, so its last writes do not matter
            copy.close()
        discard(copy.path)
        self._copies[place] = self._opened(place)

    def damaged(self) -> dict[Place, str]:
        """The problems of copies as readers see them; looks at the next copies in turn."""
        places = {copy.path: place for place, copy in self._copies.items()}
        applied = {copy.path: partial(_next_offset, copy) for copy in self._copies.values()}
        found = damaged_copies(self._turns, applied, complete=False)
        return {places[path]: problem for path, problem in found.items()}

    def values(self) -> Mapping[str, int]:
        """The number of values by table that readers get, also from before a rebuild."""
        counts: Counter[str] = Counter()
        for place, copy in self._copies.items():
            counts[place.table] += copy.keys + copy.outdated
        return counts

    def close(self) -> None:
        """Close all copies; idempotent."""
        for table in {place.table for place in self._copies}:
            self._close(table)

    def _close(self, table: str) -> None:
        for place in [place for place in self._copies if place.table == table]:
            self._copies.pop(place).close()

    def _opened(self, place: Place) -> PartitionCopy:
        return opened_copy(
            self._path(place),
            self._topic_ids[place.table],
            self._memory.options(),
            # Old rows are better than none until the workers have made new rows.
            keeps_outdated=place.table == FORECASTS,
        )

    def _path(self, place: Place) -> Path:
        return self._folder / f"{place.table}-{place.partition}.db"

    def _remove_others(self, table: str, kept: Collection[Path]) -> None:
        for path in sorted(set(self._folder.glob(f"{table}-*.db")) - set(kept)):
            logger.info("copy removed, its partition is not followed path=%s", path)
            Database.remove(path)
            discard(path.with_suffix(".lock"))


def remove_old_copy(state_dir: Path) -> None:
    """Remove `forecasts.db`, in which a replica of an older version kept its rows; a table of `streams run` stays.

    Call it when the copies have all rows: until then readers take them from there.
    """
    path = state_dir / EMBEDDED_FORECASTS
    # The embedded engine never has the one without the other.
    if not path.exists() or (state_dir / EMBEDDED_HISTORY).exists():
        return
    try:
        with Follower(path, refresh_seconds=0) as follower:
            if follower.read(lambda database: database.get(_OLD_POSITION)) is None:
                return
        reason = "a replica of an older version kept its rows there"
    except StateError as error:
        reason = str(error)
    logger.warning("old copy removed, the tables of this replica have its rows path=%s reason=%s", path, reason)
    try:
        Database.remove(path)
    except StateLockedError as error:
        logger.warning("old copy not removed: stop the other process path=%s reason=%s", path, error)


def _next_offset(copy: PartitionCopy) -> int:
    return copy.next_offset
