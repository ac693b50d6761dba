"""Stamps stored values with a revision, which says which of two copies is newer.

A worker's tables are copies of changelog topics. Several copies of a partition may exist: another worker's, an outdated one,
one restored from a backup. So every stored value carries the position of its record in the changelog. The rows themselves do
not contain it, since the same bars must give the same rows, byte for byte.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final, NamedTuple

from errors import SchemaError, StateCorruptError
from records.versioned import check_version

STAMP_VERSION: Final = 1
#: No msgpack value begins with this byte: it distinguishes values with and without a stamp.
_MAGIC: Final = 0xC1
_MARK: Final = bytes([_MAGIC])
_FORMAT: Final = struct.Struct("<BBIQ8s")
FINGERPRINT_BYTES: Final = 8


class Revision(NamedTuple):
    """Grows with every change of a key: the incarnation of its table, and the offset of its record in the changelog."""

    incarnation: int
    offset: int


#: The revision of a value without a stamp, written by the embedded engine, which has one copy of each value.
UNSTAMPED: Final = Revision(-1, -1)


class Stamped(NamedTuple):
    """The parts of a stored value. `fingerprint` covers the key and the payload (`fingerprint_of`)."""

    revision: Revision
    fingerprint: bytes
    payload: bytes


def fingerprint_of(key: bytes, payload: bytes) -> bytes:
    """Eight bytes; another key or payload has the same bytes with a probability of 1 in 2^64."""
    begun = hashlib.blake2b(len(key).to_bytes(4, "little") + key, digest_size=FINGERPRINT_BYTES)
    begun.update(payload)
    return begun.digest()


def stamp(payload: bytes, revision: Revision, fingerprint: bytes) -> bytes:
    """The stored value of a payload."""
    return _FORMAT.pack(_MAGIC, STAMP_VERSION, *revision, fingerprint) + payload


def unstamp(value: bytes) -> Stamped:
    """The parts of a stored value; without a stamp the revision is `UNSTAMPED` and the fingerprint empty.

    Raises SchemaError for a stamp of a newer version, StateCorruptError for a cut stamp.
    """
    if not value or value[0] != _MAGIC:
        return Stamped(UNSTAMPED, b"", value)
    if len(value) < _FORMAT.size:
        raise StateCorruptError("a stored value is shorter than its stamp")
    _, version, incarnation, offset, fingerprint = _FORMAT.unpack_from(value)
    check_version("the stamp of a stored value", version, STAMP_VERSION)
    return Stamped(Revision(incarnation, offset), fingerprint, value[_FORMAT.size :])


def is_stamped(value: bytes) -> bool:
    """Whether a stored value has a stamp."""
    return value[:1] == _MARK


def payload_of(ticker: str, value: bytes) -> bytes:
    """The payload of a ticker's stored value, with or without a stamp. Raises as `unstamp` does, naming the ticker."""
    try:
        return unstamp(value).payload
    except SchemaError as error:
        raise SchemaError(f"{ticker}: {error}") from error
    except StateCorruptError as error:
        raise StateCorruptError(f"{ticker}: {error}") from error
