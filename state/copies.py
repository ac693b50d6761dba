"""All copies of a table on this host: the database of the embedded engine, and the partitions of stream workers and replicas.

After a failover the folder of the dead worker is still readable, but old. A folder copied or restored from a backup looks the
same. So all copies are read, and `state.newest` chooses among their values. Copies appear and disappear while readers are open.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self, TypeVar

from errors import ForecastingError, StateMissingError
from state.database import Database
from state.follower import REFRESH_SECONDS, Follower
from state.notices import Notices

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

#: How soon a new partition is noticed. Each look reads some directories.
_DISCOVERY_SECONDS: Final = 1.0
#: The folders with copies of partitions, in the state folder.
_PARTITIONED: Final = ("workers/*/tables", "replica/tables")


class Copies:
    """The copies of one table (`history`, `forecasts`). Thread-safe; a context manager."""

    def __init__(
        self,
        state_dir: Path,
        table: str,
        *,
        refresh_seconds: float = REFRESH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state_dir = Path(state_dir)
        self._table = table
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._mutex = threading.Lock()
        self._own = self._follower(self._state_dir / f"{table}.db")
        self._partitions: dict[Path, Follower] = {}
        self._discovered_at: float | None = None
        self._notices = Notices(logger)

    def read(self, query: Callable[[Database], Result]) -> list[tuple[Follower, Result]]:
        """The query's results from all copies, each with its copy.

        An unreadable copy is left out with a warning if others can be read. Raises StateMissingError if there is no copy, or
        the error of a copy if none can be read.
        """
        partitions = self._discover()
        if not partitions:
            return [(self._own, self._own.read(query))]
        results: list[tuple[Follower, Result]] = []
        failures: list[ForecastingError] = []
        missing: list[ForecastingError] = []
        for follower in (self._own, *partitions):
            try:
                results.append((follower, follower.read(query)))
            except StateMissingError as error:
                missing.append(error)
            except ForecastingError as error:
                self._notices.warn(follower, "copy left out path=%s reason=%s", follower.path, error)
                failures.append(error)
            else:
                self._notices.clear(follower)
        if not results:
            raise (failures or missing)[0].with_traceback(None)
        return results

    def close(self) -> None:
        """Close; idempotent."""
        with self._mutex:
            self._own.close()
            for follower in self._partitions.values():
                follower.close()
            self._partitions.clear()
            self._discovered_at = self._clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _discover(self) -> list[Follower]:
        with self._mutex:
            now = self._clock()
            if self._discovered_at is None or now - self._discovered_at >= _DISCOVERY_SECONDS:
                self._discovered_at = now
                found = {path for folder in _PARTITIONED for path in self._state_dir.glob(f"{folder}/{self._table}-*.db")}
                for path in self._partitions.keys() - found:
                    self._partitions.pop(path).close()
                for path in found - self._partitions.keys():
                    self._partitions[path] = self._follower(path)
            return [self._partitions[path] for path in sorted(self._partitions)]

    def _follower(self, path: Path) -> Follower:
        return Follower(path, refresh_seconds=self._refresh_seconds, clock=self._clock)


class CopiesReader:
    """A reader of one table's copies: a context manager that closes them."""

    _copies: Copies

    def close(self) -> None:
        """Close; idempotent."""
        self._copies.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
