"""What may happen to a file of a database while nothing runs."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from state.tally import MARK_NAME

#: `*.log` is the write-ahead log.
WITH_VALUES: Final = ("CURRENT", "MANIFEST-*", "*.sst", "*.log")
#: RocksDB's files, rocksdict's and our own.
KINDS: Final = (
    *WITH_VALUES,
    "OPTIONS-*",
    "IDENTITY",
    "LOCK",
    "LOG",
    "rocksdict-config.json",
    MARK_NAME,
)


def flip(place: float) -> Callable[[Path], None]:
    """One byte is changed."""

    def damage(file: Path) -> None:
        content = bytearray(file.read_bytes())
        if content:
            content[int(place * (len(content) - 1))] ^= 0x55
        file.write_bytes(content)

    return damage


def cut(part: float) -> Callable[[Path], None]:
    """The end is missing."""
    return lambda file: os.truncate(file, int(part * file.stat().st_size))


def zeroed(file: Path) -> None:
    """The last quarter is zeros: a file system after a power cut."""
    content = file.read_bytes()
    kept = len(content) - len(content) // 4
    file.write_bytes(content[:kept] + bytes(len(content) - kept))


def randomised(file: Path) -> None:
    """All other bytes, as many."""
    file.write_bytes(random.Random(file.name).randbytes(max(20, file.stat().st_size)))


def a_folder(file: Path) -> None:
    """A folder of the same name."""
    file.unlink()
    file.mkdir()


DAMAGES: Final[dict[str, Callable[[Path], None]]] = {
    "flip-first": flip(0.0),
    "flip-quarter": flip(0.25),
    "flip-middle": flip(0.5),
    "flip-late": flip(0.9),
    "flip-last": flip(1.0),
    "half": cut(0.5),
    "short": cut(0.95),
    "empty": cut(0.0),
    "zeroed": zeroed,
    "random": randomised,
    "deleted": Path.unlink,
    "folder": a_folder,
}


#: The cases that found something; all take a quarter of an hour.
_QUICK: Final = {
    ("CURRENT", "deleted"),
    ("MANIFEST-*", "half"),
    ("*.sst", "flip-middle"),
    ("*.log", "half"),
    ("*.log", "empty"),
    ("IDENTITY", "random"),
    ("LOCK", "folder"),
    ("OPTIONS-*", "flip-middle"),
    (MARK_NAME, "flip-middle"),
}
#: Of the others so many are left to the sweep for each that is run with all tests; five is prime to the number of damages.
_SWEPT: Final = 5


def _marks(number: int, kind: str, damage: str) -> tuple[pytest.MarkDecorator, ...]:
    if (kind, damage) in _QUICK:
        return ()
    return (pytest.mark.slow,) if number % _SWEPT == 0 else (pytest.mark.slow, pytest.mark.sweep)


#: A kind and a damage each, for `parametrize`.
CASES: Final = [
    pytest.param(kind, damage, marks=_marks(number, kind, damage))
    for number, (kind, damage) in enumerate((kind, damage) for kind in KINDS for damage in DAMAGES)
]


def damaged_copies(copy: Callable[[], Path], kind: str, damage: str) -> Iterator[tuple[str, Path]]:
    """Copies of a database, each with another file of this kind damaged; the file's name comes with it."""
    for name in sorted(file.name for file in copy().glob(kind)):
        path = copy()
        DAMAGES[damage](path / name)
        yield name, path
