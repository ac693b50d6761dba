"""Every copy of a table on this host: the embedded engine's database, each stream worker's partitions, a replica's.

After a failover the folder of the worker that died is still there and readable, only old; a standby's is there and new. So all
are read, and whoever asks takes the newest answer. Copies come and go while readers are open.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self, TypeVar

from errors import ForecastingError, StateMissingError
from state.database import Database
from state.follower import REFRESH_SECONDS, Follower

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

#: A new partition is noticed within this time: looking for one reads some directories.
_DISCOVERY_SECONDS: Final = 1.0


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
        self._own = self._follower(self._state_dir / f"{table}.db", keeps_format=True)
        self._partitions: dict[Path, Follower] = {}
        self._discovered_at: float | None = None

    def read(self, own: Callable[[Database], Result], partition: Callable[[Database], Result]) -> list[Result]:
        """The answers of all copies, to `own` in the layout of our engine's database, to `partition` in that of a worker's.

        Raises StateMissingError when there is no copy, and what is wrong with the only one. One that cannot be read beside
        others is left out with a warning.
        """
        partitions = self._discover()
        if not partitions:
            return [self._own.read(own)]
        answers: list[Result] = []
        failures: list[ForecastingError] = []
        with contextlib.suppress(StateMissingError):
            answers.append(self._own.read(own))
        for path, follower in partitions:
            try:
                answers.append(follower.read(partition))
            except ForecastingError as error:
                logger.warning("copy left out path=%s reason=%s", path, error)
                failures.append(error)
        if not answers:
            raise failures[0]
        return answers

    def close(self) -> None:
        """Close; again does nothing."""
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

    def _discover(self) -> list[tuple[Path, Follower]]:
        with self._mutex:
            now = self._clock()
            if self._discovered_at is None or now - self._discovered_at >= _DISCOVERY_SECONDS:
                self._discovered_at = now
                found = {path.parent for path in self._state_dir.glob(f"workers/*/v1/tables/{self._table}-*.db/CURRENT")}
                for path in self._partitions.keys() - found:
                    self._partitions.pop(path).close()
                for path in found - self._partitions.keys():
                    self._partitions[path] = self._follower(path, keeps_format=False)
            return sorted(self._partitions.items())

    def _follower(self, path: Path, *, keeps_format: bool) -> Follower:
        return Follower(path, refresh_seconds=self._refresh_seconds, clock=self._clock, keeps_format=keeps_format)
