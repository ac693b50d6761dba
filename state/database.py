"""One RocksDB database of plain bytes, opened by its one writer or followed by a reader; errors in the project's terms.

rocksdict raises plain `Exception` with RocksDB's status text; `Database` is the one place that reads it. RocksDB alone
does not refuse every damage: a database without CURRENT is made anew, one with a cut MANIFEST opens empty and loses its
files, and a secondary of a damaged database sees no rows. So each database carries a format key, written first, and a writer
looks before it opens.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self, TextIO

from rocksdict import AccessType, BlockBasedOptions, Cache, DbClosedError, DBCompressionType, Options, Rdict, WriteBatch

from errors import SchemaError, StateCorruptError, StateError, StateLockedError, StateMissingError, StateWriteError

#: Keys that are not the table's own begin with a zero byte; no ticker does.
BOOKKEEPING: Final = b"\0"
#: Written before anything else.
FORMAT_KEY: Final = BOOKKEEPING + b"format"
FORMAT_VERSION: Final = 1

#: Small on purpose: RocksDB's defaults take 2 × 64 MB of write buffers per database. 4 MB hold a day of 500 tickers twice over.
_WRITE_BUFFER_BYTES: Final = 4 << 20
_BLOCK_CACHE_BYTES: Final = 8 << 20
#: A stored block of bars is about 4 kB: a table block of several of them compresses better than one each.
_TABLE_BLOCK_BYTES: Final = 16 << 10
_LOG_BYTES: Final = 1 << 20

STATE_REMEDY: Final = "delete the state folder and run again: it is rebuilt from the bars"
_LOCKED_REMEDY: Final = "wait for it or stop it, or name another --state"
_WRITE_REMEDY: Final = "free the disk or make the folder writable, then run again; what was written before is kept"

_STATUSES: Final = (
    (StateLockedError, re.compile(r"LOCK:"), f"{{path}} is open for writing elsewhere: {_LOCKED_REMEDY}"),
    (
        StateCorruptError,
        # "Operation failed": a secondary that finds no manifest; its follower tries again before it believes that.
        re.compile(r"^(Corruption|Invalid argument|Operation failed)|No such file or directory: While open"),
        "{path} cannot be read ({status}): {remedy}",
    ),
    # "os error" is rocksdict's own: it writes a small file into the folder on every opening, a secondary's included.
    (StateWriteError, re.compile(r"^IO error|os error"), f"cannot write to {{path}} ({{status}}): {_WRITE_REMEDY}"),
)


class Database:
    """An open database. Thread-safe as RocksDB is; use as a context manager, or `close` it."""

    def __init__(
        self, path: Path, access: AccessType, remedy: str, *, options: Options | None = None, lock: TextIO | None = None
    ) -> None:
        self._path = path
        self._remedy = remedy
        self._lock = lock
        options = _options() if options is None else options
        try:
            # Without the column family, a database that exists is opened with the options that it was made with.
            self._rdict = Rdict(str(path), options, column_families={"default": options}, access_type=access)
        except Exception as error:
            raise self._translated(error) from error

    @classmethod
    def open_writer(cls, path: Path, *, remedy: str = STATE_REMEDY, options: Options | None = None, look: bool = True) -> Self:
        """Open for writing, made if missing; the only writer. `remedy` says what to do about a damaged one.

        `options`, with `raw_mode`, replace those of the embedded state. Without `look` the opening is quicker, but may delete
        files of a damaged database: for a copy that is dropped then anyway.

        Raises StateLockedError, StateCorruptError, StateWriteError, or SchemaError for a newer format. With `look` none of
        them changes anything.
        """
        with _writing(path):
            path.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as opened:
            lock = opened.enter_context(_lock(path))
            if not _has_files(path, remedy):
                cls._make(path, remedy)
            if look:
                # RocksDB deletes the files that a damaged MANIFEST does not name as soon as it opens for writing.
                with cls(path, AccessType.read_only(error_if_log_file_exist=False), remedy, options=options) as looked_at:
                    looked_at.verify()
            database = cls(path, AccessType.read_write(), remedy, options=options, lock=lock)
            opened.enter_context(database)
            if not look:
                database.verify()
            opened.pop_all()
        return database

    @classmethod
    def open_secondary(cls, path: Path, own_directory: Path, *, keeps_format: bool = True) -> Self:
        """Open as a follower of another process's database; its own log goes to `own_directory`.

        Without `keeps_format` the format key is not looked for: another library made this database.

        Raises StateMissingError when there is none yet, StateCorruptError, SchemaError for a newer format, or StateWriteError
        when rocksdict may not write its settings into the folder.
        """
        if not _has_files(path, STATE_REMEDY):
            raise StateMissingError(f"no state in {path}: make it with `python -m streams run`, or name another --state")
        database = cls(path, AccessType.secondary(str(own_directory)), STATE_REMEDY)
        if not keeps_format:
            return database
        try:
            database.verify()
        except BaseException:
            database.close()
            raise
        return database

    def verify(self) -> None:
        """Check the format key. Raises StateCorruptError when it is gone, SchemaError for a newer format."""
        payload = self.get(FORMAT_KEY)
        if payload is None or not payload.isdigit():
            raise StateCorruptError(f"{self._path} cannot be read (files of it are missing or cut): {self._remedy}")
        if int(payload) > FORMAT_VERSION:
            raise SchemaError(
                f"{self._path} is of format {int(payload)}; this process knows up to {FORMAT_VERSION}: upgrade it first"
            )

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        try:
            value: bytes | None = self._rdict.get(key)
        except Exception as error:
            raise self._translated(error) from error
        return value

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of several keys, in their order."""
        try:
            values: Any = self._rdict.get(list(keys))
        except Exception as error:
            raise self._translated(error) from error
        return list(values)

    def scan(self, prefix: bytes = b"") -> list[tuple[bytes, bytes]]:
        """All keys with this prefix and their values, sorted by key; bookkeeping is left out."""
        return list(self.iterate(prefix))

    def iterate(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """As `scan`, one at a time, over a view of the moment of the first one."""
        try:
            # rocksdict's own iterators end silently at a damaged block; this one has a status.
            rows = self._rdict.iter()
            rows.seek(prefix)
            while rows.valid():
                key: bytes = rows.key()
                if not key.startswith(prefix):
                    break
                if not key.startswith(BOOKKEEPING):
                    yield key, rows.value()
                rows.next()
            rows.status()
        except Exception as error:
            raise self._translated(error) from error

    def write(self, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Write all changes or none; None deletes. Raises StateWriteError when the disk refuses."""
        batch = WriteBatch(raw_mode=True)
        for key, value in changes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        try:
            self._rdict.write(batch)
        except Exception as error:
            raise self._translated(error) from error

    def catch_up(self) -> None:
        """Bring a secondary up to what its writer has written by now."""
        try:
            self._rdict.try_catch_up_with_primary()
        except Exception as error:
            raise self._translated(error) from error

    def flush(self) -> None:
        """Write what is in memory to table files."""
        try:
            self._rdict.flush()
        except Exception as error:
            raise self._translated(error) from error

    def close(self) -> None:
        """Close; again does nothing. Raises StateWriteError when the last write fails (it is in the write-ahead log)."""
        try:
            self._rdict.close()
        except DbClosedError:
            return
        except Exception as error:
            raise self._translated(error) from error
        finally:
            if self._lock is not None:
                self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @classmethod
    def _make(cls, path: Path, remedy: str) -> None:
        """An empty database under another name first, so that one without a format key is never a new one."""
        new = path.with_suffix(".new")
        with _writing(path):
            shutil.rmtree(new, ignore_errors=True)
        with cls(new, AccessType.read_write(), remedy) as database:
            database.write([(FORMAT_KEY, b"%d" % FORMAT_VERSION)])
        with _writing(path):
            new.replace(path)

    def _translated(self, error: Exception) -> Exception:
        """The project's error for one of rocksdict's; what is no RocksDB status (a wrong argument) stays as it is."""
        if isinstance(error, DbClosedError):
            return StateError(f"{self._path} is closed already")
        if type(error) is not Exception and not isinstance(error, OSError):
            return error
        text = str(error)
        status = text.splitlines()[0] if text else type(error).__name__
        for kind, pattern, message in _STATUSES:
            if pattern.search(text):
                return kind(message.format(path=self._path, status=status, remedy=self._remedy))
        return StateError(f"{self._path}: {status}")


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(create_if_missing=True)
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(2)
    options.set_max_total_wal_size(4 * _WRITE_BUFFER_BYTES)
    # zstd would take a fifth less disk, and three times as long to load a ticker.
    options.set_compression_type(DBCompressionType.lz4())
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(_LOG_BYTES)
    options.set_stats_dump_period_sec(0)
    # A secondary must keep its files open: the writer deletes them once it has compacted them.
    options.set_max_open_files(-1)
    table = BlockBasedOptions()
    table.set_block_cache(Cache(_BLOCK_CACHE_BYTES))
    table.set_block_size(_TABLE_BLOCK_BYTES)
    table.set_bloom_filter(10, block_based=False)
    options.set_block_based_table_factory(table)
    return options


def _has_files(path: Path, remedy: str) -> bool:
    """Whether there is a database. Raises StateCorruptError for the remains of one, which RocksDB would make anew."""
    if (path / "CURRENT").exists():
        return True
    remains = [name for pattern in ("MANIFEST-*", "*.sst") for name in path.glob(pattern)]
    if remains:
        raise StateCorruptError(f"{path} has lost its CURRENT file: {remedy}")
    return False


def _lock(path: Path) -> TextIO:
    """A lock that ends with the process, however it ends. The file holds the writer's process id, for people."""
    with _writing(path):
        lock = path.with_suffix(".lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        holder = lock.read(20).strip() or "unknown"
        lock.close()
        raise StateLockedError(f"{path} is open for writing in process {holder}: {_LOCKED_REMEDY}") from error
    try:
        with _writing(path):
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
    except StateWriteError:
        with contextlib.suppress(OSError):  # closing tries the same write again
            lock.close()
        raise
    return lock


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StateWriteError(f"cannot write to {path} ({error.strerror}): {_WRITE_REMEDY}") from error
