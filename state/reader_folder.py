"""The private folder of a reader. One that a killed process left behind is removed by the next process that reads."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

_PREFIX: Final = "tidecast-reader-"
_LOCK: Final = "in-use"
#: A folder is locked some microseconds after it was made; a younger one is left alone.
_YOUNGEST_SECONDS: Final = 60.0


class ReaderFolder:
    """A temporary folder, `name`, that is locked as long as its process lives. `cleanup` removes it; idempotent."""

    def __init__(self) -> None:
        _remove_abandoned_once()
        self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX)
        self.name = self._folder.name
        self._lock: int | None = os.open(Path(self.name) / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def cleanup(self) -> None:
        """Remove the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        self._folder.cleanup()


def remove_abandoned() -> None:
    """Remove the folders of processes that have ended without doing it themselves."""
    oldest = time.time() - _YOUNGEST_SECONDS
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # Other users' folders, and folders that another process removes at the same time.
        with contextlib.suppress(OSError):
            if folder.stat().st_mtime < oldest and not _is_locked(folder / _LOCK):
                shutil.rmtree(folder, ignore_errors=True)


def _is_locked(path: Path) -> bool:
    if not path.exists():
        return False
    lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


@functools.cache
def _remove_abandoned_once() -> None:
    remove_abandoned()
