"""The folders in which workers keep their copies of the tables, each for one process at a time."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from errors import StateLockedError, StateWriteError
from settings import Settings
from state.database_files import discard

logger = logging.getLogger(__name__)

_LOCK: Final = "lock"
#: Says of which incarnation (`broker.deployment.record`) the tables beside it are.
_INCARNATION: Final = "incarnation"
_OLD: Final = "v1"


def worker_folder(settings: Settings) -> Path:
    """Where this worker keeps its tables: readers on the same host look into all of them."""
    return _workers(settings) / settings.worker_id


def _workers(settings: Settings) -> Path:
    return settings.state_dir.absolute() / "workers"


def tables_folder(settings: Settings) -> Path:
    """Where the copies of this worker's tables lie."""
    return worker_folder(settings) / "tables"


@contextmanager
def own_folder(folder: Path) -> Iterator[Path]:
    """The folder, made if missing, to ourselves within the block. Raises StateLockedError or StateWriteError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StateWriteError(f"{folder}: cannot be written ({error.strerror}); make room or mend the permissions") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StateLockedError(f"{folder}: a worker runs on it; stop it, or give this one another WORKER_ID") from error
        yield folder
    finally:
        os.close(descriptor)


def remove_tables(folder: Path) -> None:
    """Remove the copies in a worker's folder; its next start restores them from Kafka. The caller has the folder to itself."""
    for part in folder.iterdir():
        if part.is_dir():
            discard(part)


def remove_old_tables(folder: Path) -> None:
    """Remove the tables of versions that kept them in `v1`; they are read back from Kafka. The caller has the folder."""
    old = folder / _OLD
    if any(old.glob("tables/*")):  # Faust makes the empty folder anew
        logger.info("tables of an older version removed, they are read back from Kafka path=%s", old)
        discard(old)


def keep_tables_of(folder: Path, incarnation: int) -> None:
    """Remove the tables if they are of another incarnation than this one. The caller has the folder to itself.

    `streams rebuild` removes the copies on the host on which it is run; those on other hosts are found here.
    """
    mark = folder / _INCARNATION
    try:
        # Older versions made no mark; nor had their tables been rebuilt.
        marked = mark.read_text(encoding="ascii", errors="replace") if mark.exists() else "0"
        if marked != str(incarnation):
            logger.info("tables of another incarnation removed path=%s theirs=%r ours=%d", folder, marked, incarnation)
            remove_tables(folder)
            mark.write_text(str(incarnation), encoding="ascii")
    except OSError as error:
        raise StateWriteError(f"{folder}: cannot be written ({error.strerror}); make room or mend the permissions") from error


def forget_tables(settings: Settings) -> None:
    """Remove the copies of all workers on this host. Raises StateLockedError while one of them runs."""
    for folder in sorted(_workers(settings).glob("*")):
        with own_folder(folder):
            remove_tables(folder)
