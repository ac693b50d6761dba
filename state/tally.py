"""A database's count and checksum of its values: it shows whether all written values are on disk.

RocksDB's checksums find a changed byte, but not a lost file. With a cut MANIFEST, or with an emptied write-ahead log before
another, it opens without an error and with fewer values. So each batch writes the tally together with its values, and each
clean close writes the tally into a file beside them, the mark. A database has lost values if its tally does not match its
values, or if it has fewer batches than its mark. A killed writer leaves more batches than the mark, never fewer.
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
    """The number of batches written to a database, the number of its values, and the sum of their checksums."""

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
        """The tally after another batch: `changes` are keys with new values, `before` their values before (None: no value)."""
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
        """Whether a database with this tally has all the values that it had at the tally `mark`."""
        return self == mark or self.batches > mark.batches

    def encode(self) -> bytes:
        """The bytes of the tally, with a checksum."""
        content = _FORMAT.pack(*self)
        return content + zlib.crc32(content).to_bytes(4, "little")

    @classmethod
    def decode(cls, payload: bytes) -> Self | None:
        """The tally in these bytes; None for any other bytes."""
        content, checksum = payload[: _FORMAT.size], payload[_FORMAT.size :]
        if len(content) != _FORMAT.size or checksum != zlib.crc32(content).to_bytes(4, "little"):
            return None
        return cls(*_FORMAT.unpack(content))


def read_mark(folder: Path) -> Tally | None:
    """The tally at the last clean close of the database in this folder; None if the mark is missing or damaged."""
    try:
        return Tally.decode((folder / MARK_NAME).read_bytes())
    except OSError:
        return None


def write_mark(folder: Path, tally: Tally) -> None:
    """Write the mark; the values that it counts must be in table files. Raises OSError."""
    new = folder / f"{MARK_NAME}.new"
    with new.open("wb") as file:
        file.write(tally.encode())
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / MARK_NAME)


def _checksum(key: bytes, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(key))
