"""Follows the database of another process with a RocksDB secondary, updated or reopened a few times a second."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, Self, TypeVar

from errors import ForecastingError, StateError, StateMissingError
from state.database import Database
from state.reader_folder import ReaderFolder

Result = TypeVar("Result")

#: Each update costs about a millisecond and a log line. Four a second show a new row within 0.3 s.
REFRESH_SECONDS: Final = 0.25
#: A writer that starts, compacts or is replaced removes files that the reader uses; this takes some milliseconds.
_ATTEMPTS: Final = 5
_RETRY_SECONDS: Final = 0.02
_MANIFEST: Final = re.compile(rb"MANIFEST-\d+")


class Follower:
    """Reads a database that another process may write, reopen or replace meanwhile.

    It opens with the first read, so a reader may start before there is a state: until then reads raise StateMissingError.
    Thread-safe. `close` removes its private directory.
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
        self._own_directory = ReaderFolder()
        self._database: Database | None = None
        self._files: DatabaseFiles | None = None
        self._refreshed_at: float | None = None
        self._failure: ForecastingError | None = None
        self._generation = 0

    @property
    def generation(self) -> int:
        """Grows when another database has replaced the followed database, or damage was found."""
        return self._generation

    def read(self, query: Callable[[Database], Result]) -> Result:
        """The query's result, from a view that is at most `refresh_seconds` old.

        Raises StateMissingError, StateCorruptError, SchemaError, or what the query raises.
        """
        with self._mutex:
            return query(self._current())

    def close(self) -> None:
        """Close and remove the private directory; idempotent."""
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
        # Damage found at the last refresh too is real, so a reader does not wait for it at every refresh.
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
            # A damaged database may have been repaired: only a new opening sees its new files.
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
        # The writer did not pause long enough: the next refresh opens the database again.

    def _forget(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


class DatabaseFiles(NamedTuple):
    """The files of a database whose change means that a secondary must be opened anew.

    A secondary continues to serve the files that it opened, although others have replaced them. Each database has an identity.
    But a copied or restored folder has the identity of its original, so the files themselves are compared as well.

    Also, the part of the log that a secondary has read hides the table files that the writer has written since. If nothing else
    is written, it hides them for ever (facebook/rocksdb, issues 14444 and 15051). The manifest grows with each such file.
    """

    identity: bytes
    identity_file: tuple[int, ...]
    manifest: tuple[bytes, int, int]

    def continue_(self, earlier: DatabaseFiles | None) -> bool:
        """Whether these are files of the same database, after further writes."""
        if earlier is None or not self.identity_file or self[:2] != earlier[:2]:
            return False
        (name, number, size), (name_before, number_before, size_before) = self.manifest, earlier.manifest
        if name == name_before:
            return number == number_before and size >= size_before
        return name_before != b"" and _number(name) > _number(name_before)

    @classmethod
    def of(cls, path: Path) -> DatabaseFiles:
        """The files, as far as they can be read."""
        identity: tuple[bytes, tuple[int, ...]] = b"", ()
        manifest = b"", 0, 0
        with contextlib.suppress(OSError):  # missing or damaged: RocksDB reads without it
            file = (path / "IDENTITY").stat()
            # A new file may get the inode number of a removed file, so the time is compared as well.
            identity = (path / "IDENTITY").read_bytes(), (file.st_dev, file.st_ino, file.st_ctime_ns)
        with contextlib.suppress(OSError):
            name = (path / "CURRENT").read_bytes().strip()
            if _MANIFEST.fullmatch(name):
                file = (path / os.fsdecode(name)).stat()
                manifest = name, file.st_ino, file.st_size
        return cls(*identity, manifest)


def _number(manifest: bytes) -> int:
    return int(manifest.partition(b"-")[2] or 0)
