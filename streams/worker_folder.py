"""The folders in which workers keep their copies of the tables, each for one process at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from errors import StateLockedError, StateWriteError
from settings import Settings

_LOCK: Final = "lock"


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
            shutil.rmtree(part)


def remove_former_tables(folder: Path) -> None:
    """Remove the copies that versions before 0.3 kept there; they are read back from Kafka into other folders."""
    shutil.rmtree(folder / "v1", ignore_errors=True)


def forget_tables(settings: Settings) -> None:
    """Remove the copies of all workers on this host. Raises StateLockedError while one of them runs."""
    for folder in sorted(_workers(settings).glob("*")):
        with own_folder(folder):
            remove_tables(folder)
