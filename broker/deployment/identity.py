"""The identity of the process that uses a WORKER_ID, as records of the topic `deployment`. The last process counts."""

from __future__ import annotations

from typing import Final

import msgspec

from errors import MessageError

IDENTITY_VERSION: Final = 1
_PREFIX: Final = b"worker/"


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A process that uses a WORKER_ID. `nonce` is unique to it; its tables lie in `folder`; `started` is for people.

    Later versions may only add fields: an older worker has to understand that it was replaced.
    """

    schema_version: int = IDENTITY_VERSION
    nonce: str
    host: str
    folder: str
    pid: int
    started: str


def identity_key(worker_id: str) -> bytes:
    """The key of the records of a WORKER_ID."""
    return _PREFIX + worker_id.encode()


def encode_identity(identity: Identity) -> bytes:
    """The identity as JSON."""
    return msgspec.json.encode(identity)


def decode_identity(value: bytes) -> Identity:
    """The identity in a record's value. Raises MessageError."""
    try:
        return msgspec.json.decode(value, type=Identity)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MessageError(f"not a worker's identity: {error}") from error


def may_still_run(before: Identity | None, now: Identity) -> bool:
    """Whether the former process with the WORKER_ID may be alive.

    A process that ends in order deletes its record; a killed process does not. If the killed process used the same folder on
    the same host, the folder's lock shows that it is dead.
    """
    return before is not None and (before.host, before.folder) != (now.host, now.folder)
