"""The files of a database as files: the lock beside them, remains, what holds no data, and setting a damaged one aside."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from errors import StateCorruptError, StateError, StateLockedError, StateWriteError
from state.rocksdb_errors import ACCESS_REMEDY, LOCKED_REMEDY, WRITE_REMEDY
from state.tally import MARK_NAME

logger = logging.getLogger(__name__)

#: Made anew with the next opening or close; damaged ones would stop it.
_WITHOUT_DATA: Final = ("LOCK", "LOG", "LOG.old.*", "IDENTITY", "OPTIONS-*", "rocksdict-config.json", f"{MARK_NAME}*")


def has_database(path: Path, remedy: str) -> bool:
    """Whether there is a database.

    Raises StateCorruptError for the remains of one, which RocksDB would make anew, StateError for a folder that cannot be read.
    """
    try:
        names = {file.name for file in path.iterdir()}
    except FileNotFoundError:
        return False
    except NotADirectoryError as error:
        raise StateCorruptError(f"{path} is no folder: {remedy}") from error
    except OSError as error:
        raise StateError(f"{path} cannot be read ({error.strerror}): {ACCESS_REMEDY}") from error
    if names and "CURRENT" not in names:
        raise StateCorruptError(f"{path} has lost its CURRENT file: {remedy}")
    return bool(names)


def remove_what_holds_no_data(path: Path) -> None:
    """Remove folders in the place of files that RocksDB makes anew. Raises StateWriteError for one that is not empty."""
    for pattern in _WITHOUT_DATA:
        for file in path.glob(pattern):
            if file.is_dir():
                with writing(file, remedy="remove it and run again: it holds no data"):
                    file.rmdir()
                logger.warning("folder in the place of a file removed path=%s", file)


def discard(path: Path) -> None:
    """Remove a file or a whole folder; nothing there is fine. Raises StateWriteError."""
    with writing(path):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def set_aside(path: Path) -> Path:
    """Give a damaged database another name, in the place of the one that was set aside before. Raises StateWriteError."""
    aside = path.with_suffix(".damaged")
    discard(aside)
    with writing(path):
        path.rename(aside)
    return aside


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """The right to write to the database at `path`, for this process alone; gives whether its last holder gave it back.

    It ends with the process, however that ends. The file beside the database holds the process id of its holder, for people and
    for the next one. Raises StateLockedError or StateWriteError.
    """
    file = path.with_suffix(".lock")
    with writing(file):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: on a full disk a buffer would be written once more when the file is closed.
        lock = file.open("a+b", buffering=0)
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(lock).decode("ascii", "replace")
            raise StateLockedError(
                f"{path} is open for writing in process {holder if holder.isdigit() else 'unknown'}: {LOCKED_REMEDY}"
            ) from error
        given_back = not _holder(lock)
        with writing(file):
            lock.truncate(0)
            lock.write(b"%d\n" % os.getpid())
        try:
            yield given_back
        finally:
            with contextlib.suppress(OSError):
                lock.truncate(0)


def _holder(lock: BinaryIO) -> bytes:
    lock.seek(0)
    return lock.read(20).strip()


@contextlib.contextmanager
def writing(path: Path, *, remedy: str = WRITE_REMEDY) -> Iterator[None]:
    """Operating system's errors of the block as StateWriteError."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EISDIR:
            remedy = "remove that folder and run again"
        raise StateWriteError(f"cannot write to {path} ({error.strerror}): {remedy}") from error
