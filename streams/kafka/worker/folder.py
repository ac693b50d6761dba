"""The folders of workers with their copies of the tables. Only one process uses a folder at a time."""

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
#: A file with the incarnation (`broker.deployment.record`) of the tables beside it.
_INCARNATION: Final = "incarnation"
_OLD: Final = "v1"
#: The port of the worker's pages on loopback, and its process: `streams status` on the same host looks here.
_PAGE: Final = "page"


def worker_folder(settings: Settings) -> Path:
    """The worker's folder. Readers on the same host read the folders of all workers."""
    return _workers(settings) / settings.worker_id


def _workers(settings: Settings) -> Path:
    return settings.state_dir.absolute() / "workers"


def tables_folder(settings: Settings) -> Path:
    """The folder of this worker's copies of tables."""
    return worker_folder(settings) / "tables"


@contextmanager
def own_folder(folder: Path) -> Iterator[Path]:
    """Lock the folder, created if missing, within the block. Raises StateLockedError or StateWriteError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StateWriteError.at(folder, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StateLockedError(f"{folder}: a worker runs on it; stop it, or set another WORKER_ID") from error
        yield folder
    finally:
        os.close(descriptor)


def remove_tables(folder: Path) -> None:
    """Remove the copies in a worker's folder; its next start restores them from Kafka. The caller holds the lock."""
    for part in folder.iterdir():
        if part.is_dir():
            discard(part)


def remove_old_tables(folder: Path) -> None:
    """Remove tables in `v1`, where older versions kept them; they are restored from Kafka. The caller holds the lock."""
    old = folder / _OLD
    if any(old.glob("tables/*")):  # Faust creates the empty folder at each start
        logger.info("tables of an older version removed, they are read back from Kafka path=%s", old)
        discard(old)


def keep_tables_of(folder: Path, incarnation: int) -> None:
    """Remove the tables if they are of another incarnation. The caller holds the lock.

    `streams rebuild` removes the copies on its own host; copies on other hosts are removed here.
    """
    mark = folder / _INCARNATION
    try:
        # Older versions wrote no mark, and could not rebuild.
        marked = mark.read_text(encoding="ascii", errors="replace") if mark.exists() else "0"
        if marked != str(incarnation):
            logger.info("tables of another incarnation removed path=%s theirs=%r ours=%d", folder, marked, incarnation)
            remove_tables(folder)
            mark.write_text(str(incarnation), encoding="ascii")
    except OSError as error:
        raise StateWriteError.at(folder, error) from error


def note_page(folder: Path, port: int) -> None:
    """Write down where this process serves its pages. Raises StateWriteError."""
    try:
        (folder / _PAGE).write_text(f"{port} {os.getpid()}", encoding="ascii")
    except OSError as error:
        raise StateWriteError.at(folder, error) from error


def noted_pages(settings: Settings) -> dict[str, int]:
    """By WORKER_ID, the port of the pages of each worker on this host whose folder a process has."""
    pages: dict[str, int] = {}
    for folder in sorted(_workers(settings).glob("*")):
        try:
            with own_folder(folder):
                continue  # nobody works there
        except StateLockedError:
            pass
        except StateWriteError as error:
            logger.warning("worker left out reason=%s", error)
            continue
        try:
            pages[folder.name] = int((folder / _PAGE).read_text(encoding="ascii").split()[0])
        except (OSError, ValueError, IndexError):
            continue  # it is starting, or of an older version
    return pages


def forget_tables(settings: Settings) -> None:
    """Remove the copies of all workers on this host. Raises StateLockedError if a worker runs."""
    for folder in sorted(_workers(settings).glob("*")):
        with own_folder(folder):
            remove_tables(folder)
