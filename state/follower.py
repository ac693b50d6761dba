"""Following the database of another process: a RocksDB secondary, brought up to date or opened anew a few times a second."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, Self, TypeVar

from errors import ForecastingError, StateError, StateMissingError
from state.database import Database

Result = TypeVar("Result")

#: Each catch-up costs about a millisecond and a line in a log: four a second show a new row within 0.3 s.
REFRESH_SECONDS: Final = 0.25
#: A writer that starts, compacts or is replaced removes files under the reader; it is done within some milliseconds.
_ATTEMPTS: Final = 5
_RETRY_SECONDS: Final = 0.02
_MANIFEST: Final = re.compile(rb"MANIFEST-\d+")


class Follower:
    """Reads of a database that another process may be writing, restarting, or replacing by a new one.

    Opened with the first read, so that a reader may start before there is a state: until then reads raise StateMissingError.
    Thread-safe. Its private directory is removed on `close`.
    """

    def __init__(
        self,
        path: Path,
        *,
        refresh_seconds: float = REFRESH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._mutex = threading.Lock()
        self._own_directory = tempfile.TemporaryDirectory(prefix="tidecast-reader-")
        self._database: Database | None = None
        self._files: DatabaseFiles | None = None
        self._refreshed_at: float | None = None
        self._failure: ForecastingError | None = None
        self._generation = 0

    @property
    def generation(self) -> int:
        """Grows when another database has taken the place of the one that was followed, or damage was met."""
        return self._generation

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
        # What was damaged at the last look as well is damaged: no reader waits for it with every look.
        was_damaged = self._failure is not None and not isinstance(self._failure, StateMissingError)
        for attempt in range(1 if was_damaged else _ATTEMPTS):
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
            except OSError as error:
                self._forget()
                failure = StateError(f"{self.path} cannot be read ({error.strerror}): make it readable for this process")
            else:
                return None
        return failure

    def _follow(self) -> None:
        for _ in range(_ATTEMPTS):
            files = DatabaseFiles.of(self.path)
            # A damaged one may have been repaired since: only another opening sees its new files.
            if self._database is None or files != self._files or self._database.is_damaged:
                only_grown = self._database is not None and not self._database.is_damaged and files.continue_(self._files)
                self._forget()
                if not only_grown:
                    self._generation += 1
                self._database = Database.open_secondary(self.path, Path(self._own_directory.name), read_whole=not only_grown)
            else:
                self._database.catch_up()
                self._database.verify()
            self._files = files
            if DatabaseFiles.of(self.path) == files:
                return
        # A writer that never stands still for so long: the next look opens it once more.

    def _forget(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


class DatabaseFiles(NamedTuple):
    """The files of a database, as far as a secondary has to be opened anew when they change.

    A secondary goes on serving the files that it opened, although others have replaced them. Each database has an identity of
    its own; but a folder that was copied or restored has that of its original, so the files themselves are told apart as well.

    And what a secondary has read of the log shadows what the writer has written to table files since, for good where nothing
    else is written (facebook/rocksdb, issues 14444 and 15051). The manifest grows with each such file.
    """

    identity: bytes
    identity_file: tuple[int, ...]
    manifest: tuple[bytes, int, int]

    def continue_(self, earlier: DatabaseFiles | None) -> bool:
        """Whether they are those of the same database, written further."""
        if earlier is None or not self.identity_file or self[:2] != earlier[:2]:
            return False
        (name, number, size), (name_before, number_before, size_before) = self.manifest, earlier.manifest
        if name == name_before:
            return number == number_before and size >= size_before
        return name_before != b"" and _number(name) > _number(name_before)

    @classmethod
    def of(cls, path: Path) -> DatabaseFiles:
        """What is there, as far as it can be read."""
        identity: tuple[bytes, tuple[int, ...]] = b"", ()
        manifest = b"", 0, 0
        with contextlib.suppress(OSError):  # missing or damaged: RocksDB reads on without it
            file = (path / "IDENTITY").stat()
            # The number of a file that was removed is given to a new one, hence the time.
            identity = (path / "IDENTITY").read_bytes(), (file.st_dev, file.st_ino, file.st_ctime_ns)
        with contextlib.suppress(OSError):
            name = (path / "CURRENT").read_bytes().strip()
            if _MANIFEST.fullmatch(name):
                file = (path / os.fsdecode(name)).stat()
                manifest = name, file.st_ino, file.st_size
        return cls(*identity, manifest)


def _number(manifest: bytes) -> int:
    return int(manifest.partition(b"-")[2] or 0)
