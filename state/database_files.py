"""The files of a database: its lock, leftovers, files without data, and renaming of a damaged database."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from errors import StateCorruptError, StateError, StateLockedError, StateWriteError, write_remedy
from state.rocksdb_errors import ACCESS_REMEDY, LOCKED_REMEDY, WRITE_REMEDY
from state.tally import MARK_NAME

logger = logging.getLogger(__name__)

#: A reader needs some milliseconds to open a database.
_ATTEMPTS: Final = 20
_RETRY_SECONDS: Final = 0.05
#: Files that the next opening or close creates anew; damaged, they would prevent it.
_WITHOUT_DATA: Final = ("LOCK", "LOG", "LOG.old.*", "IDENTITY", "OPTIONS-*", "rocksdict-config.json", f"{MARK_NAME}*")


def has_database(path: Path, remedy: str) -> bool:
    """Whether there is a database.

    Raises StateCorruptError for the remains of a database, which RocksDB would create anew, and StateError for an unreadable
    folder.
    """
    try:
        names = {file.name for file in path.iterdir()}
    except FileNotFoundError:
        return False
    except NotADirectoryError as error:
        if not path.parent.is_dir():
            raise StateError(f"{path.parent} is a file, and a state is a folder: name another --state or STATE_DIR") from error
        raise StateCorruptError(f"{path} is not a folder: {remedy}") from error
    except OSError as error:
        raise StateError(f"{path} cannot be read ({error.strerror}): {ACCESS_REMEDY}") from error
    if names and "CURRENT" not in names:
        raise StateCorruptError(f"{path} has lost its CURRENT file: {remedy}")
    return bool(names)


def remove_misplaced_folders(path: Path) -> None:
    """Remove folders in the place of files that RocksDB creates anew. Raises StateWriteError for a folder that is not empty."""
    for pattern in _WITHOUT_DATA:
        for file in path.glob(pattern):
            if file.is_dir():
                with writing(file, remedy="remove it and run again: it holds no data"):
                    file.rmdir()
                logger.warning("removed a folder in the place of a file path=%s", file)


def discard(path: Path) -> None:
    """Remove a file or a whole folder, if it exists. Raises StateWriteError."""
    for attempt in range(_ATTEMPTS):
        try:
            _remove(path)
        except OSError as error:
            # A reader that is opening the database writes its settings into the folder.
            if error.errno != errno.ENOTEMPTY or attempt == _ATTEMPTS - 1:
                with writing(path):
                    raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def set_aside(path: Path) -> Path:
    """Rename a damaged database, replacing the last renamed database. Returns the new name. Raises StateWriteError."""
    aside = path.with_suffix(".damaged")
    discard(aside)
    with writing(path):
        path.rename(aside)
    return aside


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """The exclusive right of this process to write to the database at `path`. Yields whether the last holder released it.

    The lock ends with the process, however that ends. The file beside the database contains the process id of the holder, for
    people and for the next holder. Raises StateLockedError or StateWriteError.
    """
    file = path.with_suffix(".lock")
    with writing(file):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: on a full disk, a buffer would be written again when the file is closed.
        lock = file.open("a+b", buffering=0)
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(lock).decode("ascii", "replace")
            raise StateLockedError(
                f"{path} is open for writing in process {holder if holder.isdigit() else 'unknown'}: {LOCKED_REMEDY}"
            ) from error
        was_released = not _holder(lock)
        with writing(file):
            lock.truncate(0)
            lock.write(b"%d\n" % os.getpid())
        try:
            yield was_released
        finally:
            with contextlib.suppress(OSError):
                lock.truncate(0)


def _holder(lock: BinaryIO) -> bytes:
    lock.seek(0)
    return lock.read(20).strip()


@contextlib.contextmanager
def writing(path: Path, *, remedy: str = WRITE_REMEDY) -> Iterator[None]:
    """Raise errors of the operating system in the block as StateWriteError."""
    try:
        yield
    except OSError as error:
        raise StateWriteError(f"cannot write to {path} ({error.strerror}): {write_remedy(error, remedy)}") from error
