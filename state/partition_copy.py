"""The copy of one partition of a changelog: always an exact prefix of the log, and able to prove it.

Records are applied in the order of the log, with their offsets, in one atomic write. So after any crash the copy equals the log
up to some offset. Each record of the log carries the number of keys after it, and their digest (`broker.claims`). If the keys
of a copy give another number or digest, the copy has lost records and must be read again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from rocksdict import Options

from broker.claims import CLAIM_PREFIX, Claim, Standing, Verdict
from errors import SchemaError, StateCorruptError, StateError, StateWriteError
from state.database import BOOKKEEPING, Database
from state.follower import Follower
from state.outdated_values import OutdatedValues, is_outdated
from state.stamp import Revision, fingerprint_of, stamp, unstamp

logger = logging.getLogger(__name__)

_POSITION_KEY: Final = BOOKKEEPING + b"position"
_DIGESTS: Final = 1 << 64
_REMEDY: Final = "remove this folder: it is restored from Kafka"


class Record(NamedTuple):
    """A record of a changelog; `value` is None for a deletion.

    `fingerprint` is that of key and value, set for a record that this process has written itself. Then count and digest of its
    claim are this process's own, too.
    """

    offset: int
    key: bytes
    value: bytes | None
    claim: Claim | None
    fingerprint: bytes | None = None


class _Position(msgspec.Struct, frozen=True):
    """How far the log has been applied, and the count and digest that it reports there."""

    topic_id: str
    next: int = 0
    incarnation: int = 0
    claim: int = 0
    keys: int = 0
    digest: int = 0
    #: Count and digest in the last valid record; None before the first.
    said: tuple[int, int] | None = None
    claims: tuple[bytes, ...] = ()
    #: Keys whose last record is void.
    void: tuple[bytes, ...] = ()
    #: The number of values that are kept from before a rebuild.
    outdated: int = 0


class PartitionCopy:
    """An open copy; for one thread at a time."""

    def __init__(self, path: Path, topic_id: str, options: Options, *, keeps_outdated: bool = False) -> None:
        """Open the copy, created if missing; a copy of another topic with the same name is cleared.

        With `keeps_outdated`, values from before a rebuild stay until newer values come, for readers of forecasts. They do not
        belong to what the copy proves.

        Raises StateCorruptError, SchemaError, StateLockedError or StateWriteError.
        """
        self.path = path
        self._keeps_outdated = keeps_outdated
        self._database = Database.open_writer(path, remedy=_REMEDY, options=options, look=False)
        try:
            self._position = self._stored_position() or _Position(topic_id)
            if self._position.topic_id != topic_id:
                logger.warning("copy of an earlier topic of the same name emptied path=%s", path)
                self._clear(_Position(topic_id))
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Close the copy; idempotent."""
        self._database.close()

    @property
    def next_offset(self) -> int:
        """The first offset of the log that is not applied yet."""
        return self._position.next

    @property
    def standing(self) -> Standing:
        """The claim under which the applied part of the log was written."""
        return Standing(self._position.incarnation, self._position.claim)

    @property
    def keys(self) -> int:
        """The number of keys."""
        return self._position.keys

    @property
    def outdated(self) -> int:
        """The number of values from before a rebuild, which readers get until newer values come."""
        return self._position.outdated

    @property
    def digest(self) -> int:
        """The sum of all keys' fingerprints, modulo 2^64."""
        return self._position.digest

    @property
    def claims(self) -> tuple[bytes, ...]:
        """The keys of all claims in the log, the newest last."""
        return self._position.claims

    @property
    def void(self) -> tuple[bytes, ...]:
        """Keys whose last record in the log is void: their owner writes them again."""
        return self._position.void

    @property
    def is_complete(self) -> bool:
        """Whether number and digest of the keys are those in the changelog's last record; only if it was read to its end."""
        return self._position.said in (None, (self.keys, self.digest))

    def get(self, key: bytes) -> bytes | None:
        """The payload under a key. Raises StateCorruptError."""
        value = self._database.get(key)
        return None if value is None else unstamp(value).payload

    def fingerprint(self, key: bytes) -> int | None:
        """The fingerprint of the value under a key, None without a value or if the value is from before a rebuild."""
        return self._fingerprint(key, self._position.incarnation)

    def _fingerprint(self, key: bytes, incarnation: int) -> int | None:
        value = self._database.get(key)
        stamped = None if value is None else unstamp(value)
        if stamped is None or is_outdated(stamped, incarnation):
            return None
        return int.from_bytes(stamped.fingerprint, "little")

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Keys and payloads, sorted by key."""
        for key, value in self._database.iterate():
            yield key, unstamp(value).payload

    def apply(self, records: Iterable[Record], *, up_to: int) -> list[bytes]:
        """Apply the records of the log from `next_offset` to `up_to`. Returns the keys whose record there is void.

        Offsets may be missing: marks, and records that compaction has removed.
        """
        changes: dict[bytes, bytes | None] = {}
        fingerprints: dict[bytes, int | None] = {}
        standing, keys, digest, said = self.standing, self.keys, self.digest, self._position.said
        claims = dict.fromkeys(self._position.claims)
        void: list[bytes] = []
        left = dict.fromkeys(self._position.void)
        outdated = OutdatedValues(self._database, self.outdated, are_kept=self._keeps_outdated)
        for record in records:
            before = standing
            standing, verdict = standing.after(record.offset, record.key, record.claim, deleted=record.value is None)
            _note_claim(claims, record)
            if standing.incarnation > before.incarnation:
                # By a claim, or by the first record that compaction has left of a rebuilt table.
                changes = outdated.after_rebuild(changes, keys)
                fingerprints, keys, digest, said = {}, 0, 0, None
                left.clear()
            _note_void(left, record.key, verdict)
            if verdict is Verdict.VOID and not record.key.startswith(BOOKKEEPING):
                void.append(record.key)
            elif verdict is Verdict.COUNTS and record.fingerprint is not None and record.claim is not None:
                # This process wrote the record: nothing needs to be computed or read again.
                changes[record.key] = None
                if record.value is not None:
                    revision = Revision(standing.incarnation, record.offset)
                    changes[record.key] = stamp(record.value, revision, record.fingerprint)
                fingerprints[record.key] = None if record.value is None else int.from_bytes(record.fingerprint, "little")
                keys, digest = said = record.claim.keys, record.claim.digest
            elif verdict is Verdict.COUNTS:
                if record.key in fingerprints:
                    old = fingerprints[record.key]
                else:
                    old = self._fingerprint(record.key, standing.incarnation)
                    outdated.note_write(record.key, standing.incarnation)
                if record.value is None:
                    new, changes[record.key] = None, None
                else:
                    raw = fingerprint_of(record.key, record.value)
                    new = int.from_bytes(raw, "little")
                    changes[record.key] = stamp(record.value, Revision(standing.incarnation, record.offset), raw)
                fingerprints[record.key] = new
                keys += (new is not None) - (old is not None)
                digest = (digest + (new or 0) - (old or 0)) % _DIGESTS
                said = None if record.claim is None else (record.claim.keys, record.claim.digest)
        position = _Position(
            self._position.topic_id,
            up_to,
            standing.incarnation,
            standing.claim,
            keys,
            digest,
            said,
            tuple(claims),
            tuple(left),
            outdated.count,
        )
        self._database.write([*changes.items(), (_POSITION_KEY, msgspec.msgpack.encode(position))])
        self._position = position
        return void

    def verify(self, *, complete: bool = True) -> str | None:
        """The fault of the copy, or None if it is proven whole: every key and value is read and counted.

        With `complete`, the changelog has been read to its end, and the copy must have all of its values.
        """
        return _problem(self._database, self._position, complete=complete)

    def _stored_position(self) -> _Position | None:
        return _position_in(self._database, self.path)

    def _clear(self, position: _Position) -> None:
        gone = [(key, None) for key, _ in self._database.iterate()]
        self._database.write([*gone, (_POSITION_KEY, msgspec.msgpack.encode(position))])
        self._position = position


def problem_on_disk(path: Path, *, at_least: int, complete: bool = True) -> str | None:
    """What is wrong with a copy as another process reads it now, None if it is whole and applied up to offset `at_least`.

    `complete` as in `PartitionCopy.verify`.

    The process that has the copy open would not notice: RocksDB reads most of its files only when it opens a database, so
    a damaged MANIFEST harms every reader and not the writer. Raises StateWriteError where rocksdict may not write its
    settings into the folder.
    """

    def look(database: Database) -> str | None:
        position = _position_in(database, path) or _Position("")
        if position.next < at_least:
            return f"readers see it as of offset {position.next}, {at_least} is written"
        return _problem(database, position, complete=complete)

    with Follower(path, refresh_seconds=0) as follower:
        try:
            return follower.read(look)
        except StateWriteError:
            raise
        except StateError as error:
            return str(error)


def _position_in(database: Database, path: Path) -> _Position | None:
    payload = database.get(_POSITION_KEY)
    try:
        return None if payload is None else msgspec.msgpack.decode(payload, type=_Position)
    except msgspec.MsgspecError as error:
        raise StateCorruptError(f"{path} cannot be read ({error}): {_REMEDY}") from error


def _problem(database: Database, position: _Position, *, complete: bool) -> str | None:
    """What is wrong with the values: every key and value is read, counted and added up."""
    keys = digest = 0
    try:
        for key, value in database.iterate():
            stamped = unstamp(value)
            found = fingerprint_of(key, stamped.payload)
            if found != stamped.fingerprint:
                return f"key {key!r:.60} has a value that was not written"
            if is_outdated(stamped, position.incarnation):
                continue
            keys += 1
            digest = (digest + int.from_bytes(found, "little")) % _DIGESTS
    except (StateCorruptError, SchemaError) as error:
        return str(error)
    if (keys, digest) != (position.keys, position.digest):
        return f"{keys} keys, but {position.keys} keys were written, or their values differ"
    if complete and position.said not in (None, (keys, digest)):
        return f"{keys} keys, but the changelog has {position.said[0]}, or their values differ"
    return None


def _note_claim(claims: dict[bytes, None], record: Record) -> None:
    if record.key.startswith(CLAIM_PREFIX):
        claims.pop(record.key, None)
        if record.value is not None:
            claims[record.key] = None


def _note_void(void: dict[bytes, None], key: bytes, verdict: Verdict) -> None:
    if verdict is Verdict.VOID and not key.startswith(BOOKKEEPING):
        void[key] = None
    elif verdict is Verdict.COUNTS:
        void.pop(key, None)
