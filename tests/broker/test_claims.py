"""Changelogs with claims: after any writes, crashes, late writers and compaction, readers see the last owner's values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.claims import BOOKKEEPING, CLAIM_PREFIX, Claim, Standing, Verdict, decode_claim, encode_claim
from state.partition_copy import PartitionCopy, Record
from state.shared_memory import SharedMemory
from state.stamp import fingerprint_of

MEMORY = SharedMemory(cache_bytes=1 << 20)
KEYS = [b"A", b"B", b"C"]


@dataclass
class Log:
    """A partition of a compacted topic."""

    records: dict[int, Record] = field(default_factory=dict)
    end: int = 0

    def append(self, key: bytes, value: bytes | None, claim: Claim | None) -> int:
        self.records[self.end] = Record(self.end, key, value, claim)
        self.end += 1
        return self.end - 1

    def compact(self, up_to: int) -> None:
        """As Kafka compacts closed segments: the last record of each key below `up_to` stays, and the newest record."""
        last = {record.key: offset for offset, record in sorted(self.records.items()) if offset < up_to}
        kept = set(last.values()) | {max(self.records)}
        self.records = {offset: record for offset, record in self.records.items() if offset >= up_to or offset in kept}

    def read(self, begin: int) -> list[Record]:
        return [record for offset, record in sorted(self.records.items()) if offset >= begin]


@dataclass
class Owner:
    """A worker that follows the rules: it claims, reads, and then writes under its claim."""

    name: str
    rows: dict[bytes, bytes] = field(default_factory=dict)
    claim: int = 0
    read_to: int = 0

    def digest(self) -> tuple[int, int]:
        prints = [int.from_bytes(fingerprint_of(key, value), "little") for key, value in self.rows.items()]
        return len(prints), sum(prints) % (1 << 64)

    def write(self, log: Log, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = value
        log.append(key, value, Claim(0, self.claim, *self.digest()))


def opened(folder: Path) -> PartitionCopy:
    return PartitionCopy(folder, "topic", MEMORY.options())


def replayed(log: Log, folder: Path) -> dict[bytes, bytes]:
    copy = opened(folder)
    try:
        copy.apply(log.read(copy.next_offset), up_to=log.end)
        assert copy.verify() is None
        return dict(copy.items())
    finally:
        copy.close()


MOVES = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(KEYS), st.one_of(st.none(), st.binary(max_size=3))),
    st.tuples(st.just("zombie"), st.sampled_from(KEYS), st.one_of(st.none(), st.binary(max_size=3))),
    st.tuples(st.just("zombie claims")),
    st.tuples(st.just("take over")),
    st.tuples(st.just("compact"), st.floats(0, 1)),
    st.tuples(st.just("read on")),
)


@settings(max_examples=30)
@given(st.lists(MOVES, max_size=30))
def test_whatever_zombies_and_compaction_do_the_last_owner_is_right(moves: list[tuple]) -> None:  # type: ignore[type-arg]
    with TemporaryDirectory() as folder:
        log = Log()
        owner, zombies, number = Owner("first"), [], 0
        lasting = opened(Path(folder) / "lasting")
        take_over(owner, log, Path(folder) / "0")
        for name, *arguments in moves:
            if name == "write":
                owner.write(log, *arguments)
            elif name == "zombie" and zombies:
                zombies[-1].write(log, *arguments)
                restate(owner, log, arguments[0])
            elif name == "zombie claims" and zombies:
                late = zombies[-1]
                log.append(CLAIM_PREFIX + late.name.encode(), b"{}", Claim(0, late.claim, 0, 0))
            elif name == "take over":
                zombies.append(owner)
                number += 1
                owner = Owner(f"owner {number}")
                take_over(owner, log, Path(folder) / str(number))
                assert owner.rows == zombies[-1].rows
            elif name == "compact" and log.records:
                log.compact(int(arguments[0] * log.end))
            elif name == "read on":
                lasting.apply(log.read(lasting.next_offset), up_to=log.end)
        lasting.apply(log.read(lasting.next_offset), up_to=log.end)
        assert dict(lasting.items()) == owner.rows
        lasting.close()
        assert replayed(log, Path(folder) / "fresh") == owner.rows


def take_over(owner: Owner, log: Log, folder: Path) -> None:
    copy = opened(folder)
    copy.apply(log.read(0), up_to=log.end)
    log.append(CLAIM_PREFIX + owner.name.encode(), b"{}", Claim(0, copy.standing.claim, 0, 0))
    copy.apply(log.read(copy.next_offset), up_to=log.end)
    assert copy.standing == Standing(0, log.end)
    owner.claim, owner.rows = log.end, dict(copy.items())
    copy.close()


def restate(owner: Owner, log: Log, key: bytes) -> None:
    """Write the owner's value again after a void record, which compaction would keep in its place."""
    log.append(key, owner.rows.get(key), Claim(0, owner.claim, *owner.digest()))


def test_of_two_claims_on_the_same_standing_the_first_counts() -> None:
    standing, _ = Standing().after(0, CLAIM_PREFIX + b"a", Claim(0, 0, 0, 0), deleted=False)
    assert standing == Standing(0, 1)
    second, verdict = standing.after(1, CLAIM_PREFIX + b"b", Claim(0, 0, 0, 0), deleted=False)
    assert (second, verdict) == (standing, Verdict.VOID)


def test_a_rebuild_forgets_what_was_before(tmp_path: Path) -> None:
    log = Log()
    log.append(b"A", b"old", None)
    log.append(CLAIM_PREFIX + b"w", b"{}", Claim(1, 0, 0, 0))
    assert replayed(log, tmp_path / "copy") == {}
    log.append(b"B", b"new", Claim(1, 2, *Owner("w", {b"B": b"new"}).digest()))
    log.append(b"A", b"from an old worker", Claim(0, 0, 1, 1))
    assert replayed(log, tmp_path / "copy") == {b"B": b"new"}


def test_records_of_older_versions_count_until_the_first_claim(tmp_path: Path) -> None:
    log = Log()
    log.append(b"A", b"1", None)
    log.append(BOOKKEEPING + b"something", b"else", None)
    log.append(CLAIM_PREFIX + b"w", b"{}", Claim(0, 0, 0, 0))
    log.append(b"A", b"foreign", None)
    assert replayed(log, tmp_path / "copy") == {b"A": b"1"}


@pytest.mark.parametrize("headers", [None, [], [("claim", b"short")], [("other", b"")], [("claim", None)]])
def test_headers_that_are_no_claim(headers: list[tuple[str, bytes]] | None) -> None:
    assert decode_claim(headers) is None


def test_a_claim_survives_its_encoding() -> None:
    claim = Claim(3, 1 << 40, 77, (1 << 64) - 1)
    assert decode_claim([("x", b"y"), ("claim", encode_claim(claim))]) == claim
