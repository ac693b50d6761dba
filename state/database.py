"""A database of plain bytes, opened by its single writer or followed by readers. It is complete, or refused.

RocksDB does not refuse every damage. It creates a database without CURRENT anew. A database with a cut MANIFEST opens with
fewer values and loses its files. A secondary of a damaged database sees no damage. So each database has a format key, written
first, and may keep a tally of its values (`state.tally`), and a writer checks the database before it opens it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Self

from rocksdict import AccessType, DBRecoveryMode, Options

from errors import StateCorruptError, StateMissingError
from records.versioned import check_version
from state.database_files import discard, has_database, locked, remove_misplaced_folders, set_aside, writing
from state.rocksdb import RocksDb, default_options
from state.tally import Tally, read_mark, write_mark

logger = logging.getLogger(__name__)

#: Bookkeeping keys begin with a zero byte, which no ticker does.
BOOKKEEPING: Final = b"\0"
#: Written before any other key.
FORMAT_KEY: Final = BOOKKEEPING + b"format"
FORMAT_VERSION: Final = 2
#: The format without a tally. A tally needs a newer format: an older version of this project would not update the tally.
_FORMAT_WITHOUT_TALLY: Final = 1
_TALLY_KEY: Final = BOOKKEEPING + b"tally"

STATE_REMEDY: Final = "delete this folder and run again: it is rebuilt"
_READER_REMEDY: Final = "run `python -m streams run` (or its worker) again: it repairs the database or says what to do"


class Database:
    """An open database. Thread-safe as RocksDB is; use as a context manager, or `close` it."""

    def __init__(self, path: Path, access: AccessType, remedy: str, options: Options | None = None) -> None:
        self._path = path
        self._lock = contextlib.ExitStack()
        self._writing = threading.Lock()
        self._keeps_tally = False
        # Read the mark before the values that it counts: a writer may close in between.
        self._mark = read_mark(path)
        self._rocks = RocksDb(path, access, remedy, default_options() if options is None else options)

    @classmethod
    def open_writer(
        cls,
        path: Path,
        *,
        remedy: str = STATE_REMEDY,
        options: Options | None = None,
        look: bool = True,
        keep_tally: bool = False,
        replace_damaged: bool = False,
    ) -> Self:
        """Open for writing, as the only writer; a missing database is created. `remedy` says what to do about a damaged one.

        `options`, with `raw_mode`, replace the options of the embedded state. `look` reads the whole database first. Without it
        opening is faster but finds less damage, and may delete files of a damaged database: use it only for copies that can be
        dropped. `keep_tally` begins a tally, with which the look finds lost values; an existing tally is always kept.
        `replace_damaged` renames a damaged database, with a warning, and creates an empty one.

        Raises StateLockedError, StateCorruptError, StateWriteError, SchemaError for a newer format, or StateError for files
        that this user may not read. With `look`, a refused database is not changed.
        """
        with contextlib.ExitStack() as lock:
            was_closed = lock.enter_context(locked(path))
            if look:
                if not was_closed and path.exists():
                    logger.warning("not closed by its last writer, its last writes may be lost path=%s", path)
                remove_misplaced_folders(path)
                cls._look(path, remedy, replace_damaged=replace_damaged)
            if not has_database(path, remedy):
                cls._make(path, remedy, keep_tally=keep_tally)
            database = cls(path, AccessType.read_write(), remedy, options)
            database._lock = lock.pop_all()
        with database._closed_on_error():
            database._keeps_tally = database.verify() is not None
            if keep_tally and not database._keeps_tally:
                database._begin_tally()
        return database

    @classmethod
    def open_secondary(cls, path: Path, own_directory: Path, *, read_whole: bool = True) -> Self:
        """Open as a follower of another process's database; the follower's own log is written to `own_directory`.

        A database with a tally is read whole, unless `read_whole` is false: it was read before, and only new table files were
        added. Raises StateMissingError if there is no database yet, StateCorruptError, SchemaError for a newer format, or
        StateWriteError if rocksdict cannot write its settings into the folder.
        """
        if not has_database(path, _READER_REMEDY):
            raise StateMissingError(f"no state in {path}: create it with `python -m streams run`, or name another --state")
        database = cls(path, AccessType.secondary(str(own_directory)), _READER_REMEDY)
        with database._closed_on_error():
            tally = database.verify()
            if tally is not None and read_whole:
                database.verify_values(tally)
        return database

    @classmethod
    def remove(cls, path: Path) -> None:
        """Remove a database. Raises StateLockedError if a process has it open for writing, or StateWriteError."""
        with locked(path):
            discard(path)

    @property
    def is_damaged(self) -> bool:
        """Whether a read or write has found damage since opening."""
        return self._rocks.is_damaged

    def verify(self) -> Tally | None:
        """Check the format key, and the tally, if there is one, against its mark. Returns the tally.

        Raises StateCorruptError if a value is missing, SchemaError for a newer format.
        """
        payload = self.get(FORMAT_KEY)
        if payload is None or not payload.isdigit():
            raise self._corrupt("files are missing or cut")
        check_version(f"the database {self._path}", int(payload), FORMAT_VERSION)
        stored = self.get(_TALLY_KEY)
        if int(payload) == _FORMAT_WITHOUT_TALLY and stored is None and self._mark is None:
            return None
        tally = None if stored is None or int(payload) == _FORMAT_WITHOUT_TALLY else Tally.decode(stored)
        if tally is None or (self._mark is not None and not tally.continues(self._mark)):
            raise self._corrupt("written values are lost")
        return tally

    def verify_values(self, tally: Tally | None) -> None:
        """Read all values, and compare them with the tally, if there is one. Raises StateCorruptError."""
        values = (row for row in self._rocks.iterate(b"") if row[0] != _TALLY_KEY)
        counted = Tally.of(values, batches=tally.batches if tally else 0)
        if tally is not None and counted != tally:
            raise self._corrupt(f"{tally.keys} values were written; {counted.keys} are there, and some may be older")

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        return self._rocks.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of several keys, in their order."""
        return self._rocks.get_many(keys)

    def scan(self, prefix: bytes = b"") -> list[tuple[bytes, bytes]]:
        """All keys with this prefix and their values, sorted by key, without bookkeeping."""
        return list(self.iterate(prefix))

    def iterate(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """As `scan`, item by item, from a snapshot taken at the first item."""
        return (row for row in self._rocks.iterate(prefix) if not row[0].startswith(BOOKKEEPING))

    def write(self, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Write all changes or none; None deletes. Raises StateWriteError if the disk refuses."""
        if not self._keeps_tally:
            self._rocks.write(changes)
            return
        with self._writing:
            self._write_counted(self._stored_tally(), dict(changes))

    def catch_up(self) -> None:
        """Update a secondary to the last write of its writer."""
        self._mark = read_mark(self._path)
        self._rocks.catch_up()

    def flush(self) -> None:
        """Write the values in memory to table files."""
        self._rocks.flush()

    def close(self) -> None:
        """Close; idempotent.

        Raises StateWriteError if the last write fails (its values are in the write-ahead log), or StateCorruptError if the
        tally is lost.
        """
        with contextlib.ExitStack() as last:
            last.callback(self._lock.close)
            last.callback(self._rocks.close)
            if self._keeps_tally:
                self._keeps_tally = False
                tally = self._stored_tally()
                self._rocks.flush()
                if tally != read_mark(self._path):
                    with writing(self._path):
                        write_mark(self._path, tally)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @classmethod
    def _look(cls, path: Path, remedy: str, *, replace_damaged: bool) -> None:
        """Read an existing database whole, unchanged: opened for writing, RocksDB deletes files that its MANIFEST lacks."""
        try:
            if has_database(path, remedy):
                with cls._opened_to_look(path, remedy) as looked_at:
                    looked_at.verify_values(looked_at.verify())
        except StateCorruptError as error:
            if not replace_damaged:
                raise
            aside = set_aside(path)
            logger.warning("damaged database replaced path=%s set_aside=%s reason=%s", path, aside, error)

    @classmethod
    def _opened_to_look(cls, path: Path, remedy: str) -> Self:
        access = AccessType.read_only(error_if_log_file_exist=False)
        strict = default_options()
        strict.set_wal_recovery_mode(DBRecoveryMode.absolute_consistency())
        try:
            looked_at = cls(path, access, "earlier values are complete", strict)
        except StateCorruptError as error:
            looked_at = cls(path, access, remedy)
            # A power cut causes this as well.
            logger.warning("newest values lost, the write-ahead log is damaged reason=%s", error)
        looked_at._rocks.remedy = remedy
        return looked_at

    @classmethod
    def _make(cls, path: Path, remedy: str, *, keep_tally: bool) -> None:
        """Create an empty database under a temporary name first: a database without a format key is never new."""
        new = path.with_suffix(".new")
        discard(new)
        with cls(new, AccessType.read_write(), remedy) as database:
            database.write([(FORMAT_KEY, b"%d" % _FORMAT_WITHOUT_TALLY)])
            if keep_tally:
                database._begin_tally()
        with writing(path):
            new.replace(path)

    def _begin_tally(self) -> None:
        self._write_counted(Tally.of(self._rocks.iterate(b"")), {FORMAT_KEY: b"%d" % FORMAT_VERSION})
        self._keeps_tally = True

    def _stored_tally(self) -> Tally:
        """The tally as of the last write.

        It is read for each write: Ctrl-C may come between a write and the next statement, and a tally in memory would be old.
        """
        tally = Tally.decode(self.get(_TALLY_KEY) or b"")
        if tally is None:
            raise self._corrupt("its tally is lost")
        return tally

    def _write_counted(self, tally: Tally, changes: dict[bytes, bytes | None]) -> None:
        tally = tally.after(changes, self.get_many(list(changes)))
        self._rocks.write([*changes.items(), (_TALLY_KEY, tally.encode())])

    @contextlib.contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _corrupt(self, what: str) -> StateCorruptError:
        return StateCorruptError(f"{self._path} cannot be read ({what}): {self._rocks.remedy}")
