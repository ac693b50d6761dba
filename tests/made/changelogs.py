"""Partitions of changelogs as workers write them: claims, and in each record the number and digest of the keys after it."""

from __future__ import annotations

from dataclasses import dataclass, field

from broker.claims import CLAIM_PREFIX, FIRST, Claim, Standing
from history.ticker_state import TickerState
from models.results import TrainedTicker, encode_trained
from state.model_store import STORED_VERSION, StoredModel, encode_stored
from state.partition_copy import Record
from state.record_codec import StoredBlocks, encode_writes, record_key
from state.stamp import fingerprint_of


@dataclass
class Changelog:
    """One partition; `records` as a reader gets them, with gaps once it is compacted."""

    records: list[Record] = field(default_factory=list)
    end: int = 0
    standing: Standing = FIRST
    fingerprints: dict[bytes, int] = field(default_factory=dict)

    def claim(self, writer: bytes = b"one", *, incarnation: int | None = None) -> None:
        """A worker takes the partition, after a rebuild under a higher incarnation."""
        chosen = self.standing.incarnation if incarnation is None else incarnation
        before = self.standing.claim if chosen == self.standing.incarnation else 0
        if chosen != self.standing.incarnation:
            self.fingerprints.clear()
        self._append(CLAIM_PREFIX + writer, b"{}", Claim(chosen, before, 0, 0))
        self.standing = Standing(chosen, self.end)

    def put(self, key: bytes, value: bytes | None) -> None:
        """The owner writes a value; None deletes it."""
        self.fingerprints.pop(key, None)
        if value is not None:
            self.fingerprints[key] = int.from_bytes(fingerprint_of(key, value), "little")
        digest = sum(self.fingerprints.values()) % 2**64
        self._append(key, value, Claim(*self.standing, len(self.fingerprints), digest))

    def put_void(self, key: bytes, value: bytes | None) -> None:
        """A worker that had the partition before the first claim writes a value."""
        self._append(key, value, Claim(0, 0, 1, 1))

    def compact(self) -> None:
        """Keep the last record of each key, and no deletion."""
        last = {record.key: record.offset for record in self.records}
        self.records = [record for record in self.records if last[record.key] == record.offset and record.value is not None]

    def _append(self, key: bytes, value: bytes | None, claim: Claim) -> None:
        self.records.append(Record(self.end, key, value, claim))
        self.end += 1


def put_history(
    log: Changelog, state: TickerState, stored: StoredBlocks | None = None, *, changed_from: int = 0
) -> StoredBlocks:
    """The owner saves a history, of which the log has the blocks `stored`."""
    writes = encode_writes(state, stored, changed_from)
    for key, value in [*writes.before, (record_key(state.ticker), writes.record), *writes.after]:
        log.put(key, value)
    return writes.stored


def put_models(log: Changelog, trained: TrainedTicker) -> None:
    """The owner saves a training's result."""
    log.put(trained.ticker.encode(), encode_stored(StoredModel(STORED_VERSION, 0.0, encode_trained(trained))))
