"""Damage to the files of a RocksDB database, as by disks, people and incomplete copies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

Kind = TypeVar("Kind")

FILES: Final = ("CURRENT", "MANIFEST-*", "*.sst", "*.log", "OPTIONS-*", "IDENTITY", "LOCK")
WAYS: Final = ("flip", "cut", "empty", "delete")


def damage(folder: Path, draws: Sequence[float]) -> str:
    """Damage a file of a database under `folder`. Returns what was done, or that there is no file."""
    databases = sorted(path for path in folder.rglob("*.db") if path.is_dir())
    if not databases:
        return "no database to damage"
    database = _pick(databases, draws[0])
    kinds = [pattern for pattern in FILES if list(database.glob(pattern))]
    if not kinds:
        return f"no file to damage in {database.name}"
    file = _pick(sorted(database.glob(_pick(kinds, draws[1]))), draws[2])
    way = _pick(WAYS, draws[3])
    try:
        done = _spoil(file, way, draws[4])
    except OSError as error:  # a running worker removed it meanwhile
        return f"{file.name} of {database.name} could not be damaged: {error.strerror}"
    return f"{done} {database.name}/{file.name}"


def _spoil(file: Path, way: str, where: float) -> str:
    size = file.stat().st_size
    if way == "delete":
        file.unlink()
        return "deleted"
    if way == "empty" or size == 0:
        file.write_bytes(b"")
        return "emptied"
    at = int(where * size)
    with file.open("r+b") as content:
        if way == "cut":
            content.truncate(at)
            return f"cut to {at} of {size} bytes"
        content.seek(at)
        (byte,) = content.read(1)
        content.seek(at)
        content.write(bytes([byte ^ 0x5A]))
        return f"flipped byte {at} of {size} of"


def _pick(values: Sequence[Kind], draw: float) -> Kind:
    return values[int(draw * len(values))]
