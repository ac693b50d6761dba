"""How many values a database holds and their checksum: whether what is on disk is all that was written.

RocksDB's checksums find a changed byte, not a lost file. Cut its MANIFEST, or empty a write-ahead log that another one follows,
and it opens without an error and with fewer values. So each batch writes the database's tally with its values, and each clean
close writes the tally into a file beside them, the mark. A database with another tally than its values have, or with fewer
batches than its mark says, has lost some. A writer that was killed leaves more batches than the mark says, never fewer.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

MARK_NAME: Final = "TALLY"
_FORMAT: Final = struct.Struct("<QQQ")
_MODULUS: Final = 2**64


class Tally(NamedTuple):
    """The values of a database: in how many batches they were written, how many there are, and the sum of their checksums."""

    batches: int = 0
    keys: int = 0
    digest: int = 0

    @classmethod
    def of(cls, values: Iterable[tuple[bytes, bytes]], *, batches: int = 0) -> Self:
        """The tally of these keys and values."""
        keys = digest = 0
        for key, value in values:
            keys += 1
            digest += _checksum(key, value)
        return cls(batches, keys, digest % _MODULUS)

    def after(self, changes: Mapping[bytes, bytes | None], before: Sequence[bytes | None]) -> Tally:
        """The tally after one more batch: the keys with their new values, and those that they had before (None: nothing)."""
        keys, digest = self.keys, self.digest
        for (key, value), replaced in zip(changes.items(), before, strict=True):
            if replaced is not None:
                keys -= 1
                digest -= _checksum(key, replaced)
            if value is not None:
                keys += 1
                digest += _checksum(key, value)
        return Tally(self.batches + 1, keys, digest % _MODULUS)

    def continues(self, mark: Tally) -> bool:
        """Whether a database with this tally has everything that one with the tally `mark` had."""
        return self == mark or self.batches > mark.batches

    def encode(self) -> bytes:
        """Its bytes, with a checksum of their own."""
        content = _FORMAT.pack(*self)
        return content + zlib.crc32(content).to_bytes(4, "little")

    @classmethod
    def decode(cls, payload: bytes) -> Self | None:
        """The tally in these bytes; None for any others."""
        content, checksum = payload[: _FORMAT.size], payload[_FORMAT.size :]
        if len(content) != _FORMAT.size or checksum != zlib.crc32(content).to_bytes(4, "little"):
            return None
        return cls(*_FORMAT.unpack(content))


def read_mark(folder: Path) -> Tally | None:
    """The tally at the last clean close of the database in this folder; None where the mark is missing or damaged."""
    try:
        return Tally.decode((folder / MARK_NAME).read_bytes())
    except OSError:
        return None


def write_mark(folder: Path, tally: Tally) -> None:
    """Write the mark, after everything that it counts is in table files. Raises OSError."""
    new = folder / f"{MARK_NAME}.new"
    with new.open("wb") as file:
        file.write(tally.encode())
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / MARK_NAME)


def _checksum(key: bytes, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(key))
