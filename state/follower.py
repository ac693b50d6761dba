"""Following the database of another process: a RocksDB secondary, brought up to date a few times a second."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self, TypeVar

from errors import ForecastingError, StateError, StateMissingError
from state.database import Database

Result = TypeVar("Result")

#: Each catch-up costs about a millisecond and a line in a log: four a second show a new row within 0.3 s.
REFRESH_SECONDS: Final = 0.25
#: A writer that starts, compacts or is replaced removes files under the reader; it is done within some milliseconds.
_ATTEMPTS: Final = 5
_RETRY_SECONDS: Final = 0.02


class Follower:
    """Reads of a database that another process may be writing, restarting, or replacing by a new one.

    `keeps_format` is False for a database that another library made, which has no format key to check. Opened with the first
    read, so that a reader may start before there is a state: until then reads raise StateMissingError.
    Thread-safe. Its private directory is removed on `close`.
    """

    def __init__(
        self,
        path: Path,
        *,
        refresh_seconds: float = REFRESH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        keeps_format: bool = True,
    ) -> None:
        self._path = path
        self._keeps_format = keeps_format
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._mutex = threading.Lock()
        self._own_directory = tempfile.TemporaryDirectory(prefix="tidecast-reader-")
        self._database: Database | None = None
        self._identity: tuple[bytes, int, int] | None = None
        self._refreshed_at: float | None = None
        self._failure: ForecastingError | None = None

    def read(self, query: Callable[[Database], Result]) -> Result:
        """The query's answer on a view at most `refresh_seconds` old.

        Raises StateMissingError, StateCorruptError, SchemaError, or what the query raises.
        """
        with self._mutex:
            return query(self._current())

    def close(self) -> None:
        """Close and remove the private directory; again does nothing."""
        with self._mutex:
            self._forget()
            self._own_directory.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _current(self) -> Database:
        now = self._clock()
        if self._refreshed_at is None or now - self._refreshed_at >= self._refresh_seconds:
            self._failure = self._refresh()
            self._refreshed_at = self._clock()
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        assert self._database is not None
        return self._database

    def _refresh(self) -> ForecastingError | None:
        failure: ForecastingError | None = None
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(_RETRY_SECONDS)
            try:
                self._follow()
            except StateMissingError as error:
                self._forget()
                return error
            except StateError as error:
                self._forget()
                failure = error
            except ForecastingError as error:
                self._forget()
                return error
            else:
                return None
        return failure

    def _follow(self) -> None:
        # RocksDB gives each database an identity of its own: another one means that the folder was replaced, and the files
        # that a secondary holds open would be served for ever.
        identity = _identity(self._path)
        # A damaged one may have been repaired since: only another opening sees its new files.
        if self._database is None or identity != self._identity or self._database.is_damaged:
            self._forget()
            own_directory = Path(self._own_directory.name)
            self._database = Database.open_secondary(self._path, own_directory, keeps_format=self._keeps_format)
            self._identity = identity
        else:
            self._database.catch_up()
            if self._keeps_format:
                self._database.verify()

    def _forget(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def _identity(path: Path) -> tuple[bytes, int, int] | None:
    """What another database in this place, or a backup of the same, has otherwise."""
    file = path / "IDENTITY"
    try:
        status = file.stat()
        return file.read_bytes(), status.st_ino, status.st_ctime_ns
    except OSError:  # missing or damaged: RocksDB reads on without it
        return None
