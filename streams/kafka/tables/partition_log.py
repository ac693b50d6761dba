"""One partition of a table at its owner: the copy of its changelog, and the writes without an acknowledgement.

A write is sent to the changelog at once, and read back from memory until the broker has acknowledged it. Only then does it
reach the copy on disk, with its offset. So the copy is never ahead of the log, whatever dies. Acknowledgements come in the
log's order. An offset that they skip is a record of another writer (a former owner, or the next owner); it is read before any
later acknowledgement is applied.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final, Protocol

from faust.types import TP
from faust.types.tuples import FutureMessage

from broker.claims import CLAIM_PREFIX, HEADER, Claim, encode_claim
from errors import StateCorruptError, StateError
from state.partition_copy import PartitionCopy, Record
from state.stamp import fingerprint_of

_DIGESTS: Final = 1 << 64


class Send(Protocol):
    """Sends a record to this partition of the changelog."""

    def __call__(self, key: bytes, value: bytes | None, headers: dict[str, bytes]) -> FutureMessage: ...  # noqa: D102 - as above


class _Unacknowledged:
    """The value of a key after all writes have arrived, and how many of its records are not acknowledged."""

    __slots__ = ("count", "fingerprint", "value")

    def __init__(self, value: bytes | None, fingerprint: int | None) -> None:
        self.value = value
        self.fingerprint = fingerprint
        self.count = 0


class PartitionLog:
    """`writer` is unique to this process. `changed` is called after a gap, a failure, or another writer's claim."""

    def __init__(
        self, partition: TP, copy: PartitionCopy, send: Send, *, writer: str, incarnation: int, changed: Callable[[], None]
    ) -> None:
        self.partition = partition
        self.copy = copy
        self._send = send
        self._claim_key = CLAIM_PREFIX + writer.encode()
        self._incarnation = incarnation
        self._changed = changed
        self._claim = 0
        self._keys = self._digest = 0
        self._unacknowledged: dict[bytes, _Unacknowledged] = {}
        self._acknowledged: deque[Record] = deque()
        self._flushing = False
        self._closed = False
        self.failure: StateError | None = None

    def close(self) -> None:
        """Close the copy. Later acknowledgements are ignored: the next reader of the log sees the records."""
        self._closed = True
        self.copy.close()

    # -- Reading and writing --------------------------------------------------------------------------------------------

    def get(self, key: bytes) -> bytes | None:
        """The newest value of a key, acknowledged or not; None if there is none. Raises StateCorruptError."""
        held = self._unacknowledged.get(key)
        if held is not None:
            return held.value
        with self._noticing():
            return self.copy.get(key)

    def all_keys(self) -> list[bytes]:
        """All keys on disk, sorted. Raises StateCorruptError."""
        with self._noticing():
            return [key for key, _ in self.copy.items()]

    def put(self, key: bytes, value: bytes | None) -> None:
        """Write a value, None deletes. Raises StateCorruptError."""
        held = self._unacknowledged.get(key)
        if held is not None:
            old = held.fingerprint
        else:
            with self._noticing():
                old = self.copy.fingerprint(key)
        if value is None and old is None:
            return
        raw = b"" if value is None else fingerprint_of(key, value)
        new = None if value is None else int.from_bytes(raw, "little")
        self._keys += (new is not None) - (old is not None)
        self._digest = (self._digest + (new or 0) - (old or 0)) % _DIGESTS
        if held is None:
            held = self._unacknowledged[key] = _Unacknowledged(value, new)
        held.value, held.fingerprint = value, new
        held.count += 1
        self._append(key, value, raw)

    def _append(self, key: bytes, value: bytes | None, fingerprint: bytes | None = None) -> None:
        claim = Claim(self._incarnation, self._claim, self._keys, self._digest)
        sent = self._send(key, value, {HEADER: encode_claim(claim)})
        sent.add_done_callback(partial(self._on_acknowledged, key, value, claim, fingerprint))

    # -- The claim ------------------------------------------------------------------------------------------------------

    async def send_claim(self) -> int:
        """Claim the partition. Returns the offset after the claim; the log has to be read up to it."""
        standing = self.copy.standing
        claim = Claim(self._incarnation, standing.claim if standing.incarnation == self._incarnation else 0, 0, 0)
        # Shielded: a cancelled caller must not cancel the message.
        place = await asyncio.shield(self._send(self._claim_key, b"{}", {HEADER: encode_claim(claim)}))
        return int(place.offset) + 1

    def stands(self, end: int) -> bool:
        """Whether the claim before offset `end` is the standing claim. The log must have been read up to `end`."""
        return self.copy.standing == (self._incarnation, end)

    def begin(self) -> None:
        """Write under the standing claim, which must be ours. Removes former claims."""
        self._unacknowledged.clear()
        self._acknowledged.clear()
        self._claim = self.copy.standing.claim
        self._keys, self._digest = self.copy.keys, self.copy.digest
        # The newest first: else a claim that lost against a removed claim would stand.
        for key in reversed(self.copy.claims):
            if key != self._claim_key:
                self._append(key, None)
        for key in self.copy.void:
            self._restate(key)

    @property
    def is_ours(self) -> bool:
        """Whether our claim is the standing claim."""
        return self._claim > 0 and self.copy.standing == (self._incarnation, self._claim)

    @property
    def is_rebuilt(self) -> bool:
        """Whether a newer deployment has rebuilt the tables."""
        return self.copy.standing.incarnation > self._incarnation

    @property
    def is_quiet(self) -> bool:
        """Whether every write of ours is acknowledged and in the copy."""
        return not self._unacknowledged and not self._acknowledged

    @property
    def is_flushed(self) -> bool:
        """Whether every acknowledged write is in the copy."""
        return not self._acknowledged

    @property
    def gap(self) -> tuple[int, int] | None:
        """Offsets `[begin, end)` of another writer's records, which have to be read; None if there are none."""
        if self._acknowledged and self._acknowledged[0].offset > self.copy.next_offset:
            return self.copy.next_offset, self._acknowledged[0].offset
        return None

    # -- From the log to the copy ----------------------------------------------------------------------------------------

    def apply(self, records: Sequence[Record], up_to: int) -> None:
        """Apply records of the log from `copy.next_offset` to `up_to`. Raises StateCorruptError, StateWriteError."""
        if self._closed or up_to <= self.copy.next_offset:
            return  # applied already, from acknowledgements
        records = [record for record in records if record.offset >= self.copy.next_offset]
        void = self.copy.apply(records, up_to=up_to)
        self._release(records)
        if self.is_ours:
            # Compaction keeps the last record of a key, which is void now: our value has to come after it.
            for key in dict.fromkeys(void):
                self._restate(key)

    def flush(self) -> None:
        """Apply acknowledged writes, up to the first gap. Raises as `apply` does."""
        waiting = self._acknowledged
        while waiting and waiting[0].offset < self.copy.next_offset:
            waiting.popleft()  # applied already, from the log
        ready: list[Record] = []
        end = self.copy.next_offset
        while waiting and waiting[0].offset == end:
            ready.append(waiting.popleft())
            end += 1
        if ready:
            self.apply(ready, end)

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """Note a failure to read the copy; the restoration then drops it."""
        try:
            yield
        except StateCorruptError as error:
            self.report(error)
            raise

    def report(self, error: StateError) -> None:
        """Note that the copy is damaged; the restoration then drops it."""
        self.failure = error
        self._changed()

    def _restate(self, key: bytes) -> None:
        value = self.get(key)
        if value is not None:
            self.put(key, value)
        else:
            self._unacknowledged.setdefault(key, _Unacknowledged(None, None)).count += 1
            self._append(key, None)

    def _release(self, records: Sequence[Record]) -> None:
        for record in records:
            held = self._unacknowledged.get(record.key)
            if held is not None and record.claim is not None and record.claim.claim == self._claim:
                held.count -= 1
                if held.count <= 0:
                    del self._unacknowledged[record.key]

    def _on_acknowledged(
        self, key: bytes, value: bytes | None, claim: Claim, fingerprint: bytes | None, sent: FutureMessage
    ) -> None:
        if self._closed or sent.cancelled() or sent.exception() is not None:
            return
        self._acknowledged.append(Record(int(sent.result().offset), key, value, claim, fingerprint))
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._closed:
            return
        try:
            self.flush()
        except StateError as error:
            self.failure = error
        if self.failure is not None or self.gap is not None or not self.is_ours:
            self._changed()
