"""Stored values with the revision that says which of two copies is newer.

A worker's tables are copies of changelog topics, and several copies of one partition may lie beside each other: another
worker's, one that is out of date, one restored from a backup. Every value therefore carries the place of its record in the
changelog. The rows themselves stay free of it, since the same bars must give the same rows, byte for byte.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final, NamedTuple

from errors import SchemaError, StateCorruptError

STAMP_VERSION: Final = 1
#: The one byte with which no msgpack value begins: values without a stamp are told apart by it.
_MAGIC: Final = 0xC1
_MARK: Final = bytes([_MAGIC])
_FORMAT: Final = struct.Struct("<BBIQ8s")
FINGERPRINT_BYTES: Final = 8


class Revision(NamedTuple):
    """Grows with every change of a key: the rebuild that its table was begun with, and its record's offset in the changelog."""

    incarnation: int
    offset: int


#: Of a value without a stamp: it was written by the embedded engine, which has one copy of each value.
UNSTAMPED: Final = Revision(-1, -1)


class Stamped(NamedTuple):
    """A stored value, taken apart. `fingerprint` is that of the key and the payload (`fingerprint_of`)."""

    revision: Revision
    fingerprint: bytes
    payload: bytes


def fingerprint_of(key: bytes, payload: bytes) -> bytes:
    """Eight bytes that another key or payload has only by a chance of 1 in 2^64."""
    begun = hashlib.blake2b(len(key).to_bytes(4, "little") + key, digest_size=FINGERPRINT_BYTES)
    begun.update(payload)
    return begun.digest()


def stamp(payload: bytes, revision: Revision, fingerprint: bytes) -> bytes:
    """The stored value of a payload."""
    return _FORMAT.pack(_MAGIC, STAMP_VERSION, *revision, fingerprint) + payload


def unstamp(value: bytes) -> Stamped:
    """A stored value taken apart; one without a stamp has the revision `UNSTAMPED` and no fingerprint.

    Raises SchemaError for a stamp of a newer version, StateCorruptError for one that is cut short.
    """
    if not value or value[0] != _MAGIC:
        return Stamped(UNSTAMPED, b"", value)
    if len(value) < _FORMAT.size:
        raise StateCorruptError("a stored value is shorter than its stamp")
    _, version, incarnation, offset, fingerprint = _FORMAT.unpack_from(value)
    if version > STAMP_VERSION:
        raise SchemaError(f"a stored value has a stamp of version {version}, known is {STAMP_VERSION}: upgrade first")
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
