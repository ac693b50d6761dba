"""A partition at its owner: only acknowledged records on disk, and no other writer's record is skipped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from broker.claims import CLAIM_PREFIX, HEADER, Claim, decode_claim, encode_claim
from errors import StateCorruptError
from state.partition_copy import PartitionCopy, Record
from state.shared_memory import SharedMemory
from streams.kafka.tables.partition_log import PartitionLog

MEMORY = SharedMemory(cache_bytes=1 << 20)
PLACE = TP("changelog", 0)


class Broker:
    """A partition of a topic, acknowledged by the test."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._waiting: list[tuple[int, asyncio.Future[Any]]] = []

    def send(self, key: bytes, value: bytes | None, headers: dict[str, bytes]) -> Any:
        self.append(key, value, decode_claim(headers.items()))
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((len(self.records) - 1, future))
        return future

    def append(self, key: bytes, value: bytes | None, claim: Claim | None) -> None:
        self.records.append(Record(len(self.records), key, value, claim))

    async def acknowledge(self) -> None:
        waiting, self._waiting = self._waiting, []
        for offset, future in waiting:
            future.set_result(SimpleNamespace(offset=offset))
        for _ in range(20):  # what waits goes on, also on a busy machine
            await asyncio.sleep(0)


def with_log(check: Callable[[PartitionLog, Broker, list[str]], Awaitable[None]], folder: Path) -> None:
    async def run() -> None:
        broker, changes = Broker(), list[str]()
        copy = PartitionCopy(folder / "history-0.db", "id", MEMORY.options())
        log = PartitionLog(PLACE, copy, broker.send, writer="me", incarnation=0, changed=lambda: changes.append("changed"))
        claiming = asyncio.create_task(log.send_claim())
        await asyncio.sleep(0)
        await broker.acknowledge()
        end = await claiming
        log.apply(broker.records, end)
        assert log.stands(end)
        log.begin()
        await check(log, broker, changes)
        log.close()

    asyncio.run(run())


def test_what_is_not_acknowledged_is_read_back_but_not_on_disk(tmp_path: Path) -> None:
    async def check(log: PartitionLog, broker: Broker, changes: list[str]) -> None:
        log.put(b"A", b"1")
        assert log.get(b"A") == b"1"
        assert log.copy.get(b"A") is None
        await broker.acknowledge()
        assert log.copy.get(b"A") == b"1"
        log.put(b"A", b"2")
        log.put(b"A", None)
        assert log.get(b"A") is None
        assert log.copy.get(b"A") == b"1"
        await broker.acknowledge()
        assert log.copy.get(b"A") is None
        assert log.is_quiet
        assert log.copy.verify() is None
        assert changes == []

    with_log(check, tmp_path)


def test_deleting_what_is_not_there_sends_nothing(tmp_path: Path) -> None:
    async def check(log: PartitionLog, broker: Broker, _: list[str]) -> None:
        before = len(broker.records)
        log.put(b"A", None)
        assert len(broker.records) == before

    with_log(check, tmp_path)


def test_another_writers_record_is_a_gap_and_ours_is_put_behind_it(tmp_path: Path) -> None:
    async def check(log: PartitionLog, broker: Broker, changes: list[str]) -> None:
        log.put(b"A", b"ours")
        await broker.acknowledge()
        broker.append(b"A", b"a zombie's", Claim(0, 0, 1, 5))
        log.put(b"B", b"later")
        await broker.acknowledge()
        begin, end = log.gap or (0, 0)
        assert (begin, end) == (2, 3)
        assert not log.is_flushed
        assert changes
        log.apply(broker.records[begin:end], end)
        log.flush()
        await broker.acknowledge()
        assert log.is_flushed
        assert log.gap is None
        assert [(record.key, record.value) for record in broker.records[-1:]] == [(b"A", b"ours")]
        assert dict(log.copy.items()) == {b"A": b"ours", b"B": b"later"}
        assert log.copy.verify() is None

    with_log(check, tmp_path)


def test_another_claim_ends_ours(tmp_path: Path) -> None:
    async def check(log: PartitionLog, broker: Broker, changes: list[str]) -> None:
        broker.append(CLAIM_PREFIX + b"other", b"{}", Claim(0, log.copy.standing.claim, 0, 0))
        log.put(b"A", b"void")
        await broker.acknowledge()
        begin, end = log.gap or (0, 0)
        log.apply(broker.records[begin:end], end)
        log.flush()
        assert not log.is_ours
        assert log.copy.get(b"A") is None
        assert changes

    with_log(check, tmp_path)


def test_former_claims_are_removed_by_the_owner(tmp_path: Path) -> None:
    async def run() -> None:
        broker = Broker()
        broker.append(CLAIM_PREFIX + b"former", b"{}", Claim(0, 0, 0, 0))
        copy = PartitionCopy(tmp_path / "history-0.db", "id", MEMORY.options())
        log = PartitionLog(PLACE, copy, broker.send, writer="me", incarnation=0, changed=lambda: None)
        log.apply(broker.records, 1)
        claiming = asyncio.create_task(log.send_claim())
        await asyncio.sleep(0)
        await broker.acknowledge()
        log.apply(broker.records[1:], await claiming)
        log.begin()
        await broker.acknowledge()
        assert broker.records[-1][1:3] == (CLAIM_PREFIX + b"former", None)
        assert copy.claims == (CLAIM_PREFIX + b"me",)
        log.close()

    asyncio.run(run())


def test_every_record_says_what_there_is_after_it(tmp_path: Path) -> None:
    async def check(log: PartitionLog, broker: Broker, _: list[str]) -> None:
        for key, value in [(b"A", b"1"), (b"B", b"2"), (b"A", b"3"), (b"B", None)]:
            log.put(key, value)
        await broker.acknowledge()
        said = [record.claim.keys for record in broker.records[1:] if record.claim is not None]
        assert said == [1, 2, 2, 1]
        last = broker.records[-1].claim
        assert last is not None
        assert (last.keys, last.digest) == (log.copy.keys, log.copy.digest)

    with_log(check, tmp_path)


def test_a_copy_with_a_hole_or_another_value_is_found_out(tmp_path: Path) -> None:
    async def check(log: PartitionLog, broker: Broker, _: list[str]) -> None:
        log.put(b"A", b"1")
        log.put(b"B", b"2")
        await broker.acknowledge()
        assert log.copy.verify() is None
        database = log.copy._database
        kept = database.get(b"A")
        database.write([(b"A", None)])
        assert "2 keys were written" in str(log.copy.verify())
        database.write([(b"A", (kept or b"") + b"?")])
        assert "a value that was not written" in str(log.copy.verify())

    with_log(check, tmp_path)


def test_a_copy_of_another_topic_of_the_same_name_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "history-0.db"
    copy = PartitionCopy(path, "id", MEMORY.options())
    copy.apply([Record(0, b"A", b"1", None)], up_to=1)
    copy.close()
    again = PartitionCopy(path, "id", MEMORY.options())
    assert (again.next_offset, again.get(b"A")) == (1, b"1")
    again.close()
    other = PartitionCopy(path, "another", MEMORY.options())
    assert (other.next_offset, other.get(b"A"), other.keys) == (0, None, 0)
    other.close()


def test_a_read_that_fails_is_noted(tmp_path: Path) -> None:
    async def check(log: PartitionLog, _: Broker, changes: list[str]) -> None:
        def fails(key: bytes) -> bytes:
            raise StateCorruptError("block checksum mismatch")

        log.copy.get = fails  # type: ignore[assignment]
        with pytest.raises(StateCorruptError) as raised:
            log.get(b"A")
        assert log.failure is raised.value
        assert changes

    with_log(check, tmp_path)


def test_the_header_is_what_readers_of_the_topic_expect() -> None:
    assert decode_claim([(HEADER, encode_claim(Claim(1, 2, 3, 4)))]) == Claim(1, 2, 3, 4)
