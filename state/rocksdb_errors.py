"""Translates RocksDB's errors. rocksdict raises plain `Exception` with RocksDB's status text, which this module reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from rocksdict import DbClosedError

from errors import StateCorruptError, StateError, StateLockedError, StateWriteError

LOCKED_REMEDY: Final = "wait for that process or stop it, or name another --state"
WRITE_REMEDY: Final = "free the disk or make the folder writable, then run again; earlier values are kept"
ACCESS_REMEDY: Final = "make its files readable and writable for this user, then run again"

_STATUSES: Final = (
    (
        StateLockedError,
        re.compile(r"LOCK: (No locks available|Resource temporarily unavailable)"),
        f"{{path}} is open for writing elsewhere: {LOCKED_REMEDY}",
    ),
    # A secondary reports the same as "Operation failed". Its follower retries before it reports damage.
    (
        StateCorruptError,
        re.compile(r"^(Corruption|Invalid argument|Operation failed)|No such file or directory: While open|: Is a directory$"),
        "{path} cannot be read ({status}): {remedy}",
    ),
    (
        StateError,
        re.compile(r"^IO error: While (open|read|pread).*: Permission denied$"),
        f"{{path}} cannot be read ({{status}}): {ACCESS_REMEDY}",
    ),
    # "os error" comes from rocksdict: it writes a small file into the folder at every opening, of a secondary too.
    (StateWriteError, re.compile(r"^IO error|os error"), f"cannot write to {{path}} ({{status}}): {WRITE_REMEDY}"),
)


def translated(error: Exception, path: Path, remedy: str) -> Exception:
    """Translate an error of rocksdict; an error without a RocksDB status (a wrong argument) is returned unchanged.

    `remedy` says what to do about a damaged database.
    """
    if isinstance(error, DbClosedError):
        return StateError(f"{path} is closed already")
    if type(error) is not Exception and not isinstance(error, OSError):
        return error
    text = str(error)
    status = text.splitlines()[0] if text else type(error).__name__
    for kind, pattern, message in _STATUSES:
        if pattern.search(status):
            return kind(message.format(path=path, status=status, remedy=remedy))
    return StateError(f"{path}: {status}")
