"""A replica's database: rows, the position in the topic, and a count and digest that prove it complete.

RocksDB does not notice every damage: with an older MANIFEST or log it opens, and lacks some writes. The rows are copies, so a
damaged database is removed and copied from the topic again.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

import msgspec

from broker.claims import Standing
from errors import StateCorruptError, StateError
from state.database import BOOKKEEPING, Database
from state.replica_rows import Row
from state.stamp import fingerprint_of, stamp, unstamp

logger = logging.getLogger(__name__)

_POSITION_KEY: Final = BOOKKEEPING + b"position"
_POSITION_VERSION: Final = 2
_DIGESTS: Final = 1 << 64
_REMEDY: Final = "`python -m state replica` copies it from the topic again"


class Progress(msgspec.Struct, frozen=True):
    """The position in a partition: the next offset, and the standing before it."""

    offset: int
    incarnation: int = 0
    claim: int = 0

    @property
    def standing(self) -> Standing:
        """The claim under which the partition was written up to there."""
        return Standing(self.incarnation, self.claim)


class Position(msgspec.Struct, frozen=True):
    """The position in the topic with this id, the number of rows, and the sum of their fingerprints."""

    version: int
    topic_id: str
    partitions: list[Progress]
    rows: int
    digest: int


_NOWHERE: Final = Position(_POSITION_VERSION, "", [], 0, 0)


class ReplicaStore:
    """Rows with their stamps; each write includes its position. A context manager; the only writer."""

    def __init__(self, path: Path) -> None:
        """Open the database; a damaged database is removed and created anew.

        Raises StateLockedError, StateWriteError, SchemaError for a newer format, or StateCorruptError if a new database is
        damaged at once.
        """
        self._path = path
        try:
            self._database, self.position = _opened(path)
            return
        except StateCorruptError as error:
            reason = str(error)
        # Outside the block: an error keeps the iterator that raised it alive, and with it RocksDB's lock.
        self._database, self.position = _made_anew(path, reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close; idempotent. Raises StateWriteError if a last write fails."""
        self._database.close()

    def make_anew(self, reason: str) -> None:
        """Replace the damaged database; call it outside the block that caught the damage. Raises as the constructor does."""
        with contextlib.suppress(StateError):  # the database is removed, so its last writes do not matter
            self._database.close()
        self._database, self.position = _made_anew(self._path, reason)

    def look(self) -> None:
        """Raise StateCorruptError if the files are gone: RocksDB continues without them for a long time."""
        if not (self._path / "CURRENT").exists():
            raise StateCorruptError(f"{self._path} has lost its CURRENT file: {_REMEDY}")

    def begin(self, topic_id: str) -> None:
        """Remove all rows, and set the position to the beginning of this topic."""
        gone = [(key, None) for key, _ in self._database.iterate()]
        self._write(dict(gone), msgspec.structs.replace(_NOWHERE, topic_id=topic_id))

    def write(self, rows: Mapping[bytes, Row], partitions: Sequence[Progress]) -> None:
        """Write rows and the position after them, completely or not at all.

        Raises StateCorruptError for damage found on the way, StateWriteError if the disk refuses.
        """
        count, digest = self.position.rows, self.position.digest
        changes: dict[bytes, bytes | None] = {}
        for (key, row), old in zip(rows.items(), self._database.get_many(list(rows)), strict=True):
            if old is not None:
                count -= 1
                digest -= _number(unstamp(old).fingerprint)
            changes[key] = None
            if row.value is not None:
                fingerprint = fingerprint_of(key, row.value)
                count += 1
                digest += _number(fingerprint)
                changes[key] = stamp(row.value, row.revision, fingerprint)
        self._write(changes, Position(_POSITION_VERSION, self.position.topic_id, list(partitions), count, digest % _DIGESTS))

    def _write(self, changes: Mapping[bytes, bytes | None], position: Position) -> None:
        self._database.write([*changes.items(), (_POSITION_KEY, msgspec.json.encode(position))])
        self.position = position


def _opened(path: Path) -> tuple[Database, Position]:
    with contextlib.ExitStack() as opened:
        database = opened.enter_context(Database.open_writer(path, remedy=_REMEDY))
        position = _position(database, path)
        opened.pop_all()
    return database, position


def _made_anew(path: Path, reason: str) -> tuple[Database, Position]:
    logger.warning("damaged copy removed, the topic is copied again path=%s reason=%s", path, reason)
    Database.remove(path)
    return _opened(path)


def _position(database: Database, path: Path) -> Position:
    """The stored position, after proof that the rows belong to it."""
    stored = database.get(_POSITION_KEY)
    if stored is None:
        return _NOWHERE
    try:
        position = msgspec.json.decode(stored, type=Position)
    except msgspec.MsgspecError:
        position = None
    if position is None or position.version != _POSITION_VERSION:
        logger.warning("copy of another version, the topic is copied again path=%s", path)
        return _NOWHERE
    rows = digest = 0
    for key, value in database.iterate():
        stamped = unstamp(value)
        if fingerprint_of(key, stamped.payload) != stamped.fingerprint:
            raise StateCorruptError(
                f"{path}: the row of {key.decode(errors='replace')} differs from the written row: {_REMEDY}"
            )
        rows += 1
        digest += _number(stamped.fingerprint)
    if (rows, digest % _DIGESTS) != (position.rows, position.digest):
        raise StateCorruptError(
            f"{path}: {position.rows} rows were written; {rows} are there, and some may be older: {_REMEDY}"
        )
    return position


def _number(fingerprint: bytes) -> int:
    return int.from_bytes(fingerprint, "little")
