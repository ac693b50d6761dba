"""A ticker's history as records of a log: written one by one, replayed from any prefix, complete at every point.

A table behind a changelog has no write that spans two keys. After a crash any prefix of the writes may remain, and a local copy
may be ahead of it. So the parts that change with an ordinary new day, the head and the last block, are one record. A full block
has a record of its own, written before the head that no longer carries it. A corrected older block is carried by the head as
well (`rewritten`) until it is written. Checksums detect a mixture of two points in time.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from errors import StateCorruptError
from history.ticker_state import BLOCK_BARS, TickerState
from records.versioned import Versioned
from state.history_codec import block_key, decode_head, decode_state, encode_block, encode_head, head_key

RECORD_VERSION: Final = 1
_REMEDY: Final = "delete this worker's folder (its tables are restored from Kafka), or run `python -m streams rebuild`"


class _Record(msgspec.Struct, frozen=True, array_like=True):
    """`checksums` has a CRC-32 for each full block; `rewritten` maps numbers of full blocks to their new values."""

    schema_version: int
    head: bytes
    last: bytes
    checksums: tuple[int, ...]
    rewritten: dict[int, bytes]


_codec = Versioned(_Record, RECORD_VERSION)


@dataclass(frozen=True, slots=True)
class StoredBlocks:
    """The full blocks of a ticker in a table: the number of the first, and their checksums."""

    first: int
    checksums: tuple[int, ...]

    @property
    def numbers(self) -> range:
        """Their numbers."""
        return range(self.first, self.first + len(self.checksums))


@dataclass(frozen=True, slots=True)
class Writes:
    """The writes, in order: `before`, the record under its ticker, `after` (None: delete)."""

    before: list[tuple[bytes, bytes]]
    record: bytes
    after: list[tuple[bytes, bytes | None]]
    stored: StoredBlocks


def record_key(ticker: str) -> bytes:
    """Key of a ticker's record; its full blocks have the keys `history_codec.block_key`."""
    return head_key(ticker)


def encode_writes(state: TickerState, stored: StoredBlocks | None, changed_from: int) -> Writes:
    """The writes that turn the stored blocks into `state`, whose bars differ from absolute index `changed_from` on.

    A lower `changed_from` than needed only writes more: after a crash this restores blocks that may have been lost.
    """
    known = stored or StoredBlocks(0, ())
    numbers = known.numbers
    first = state.first_index // BLOCK_BARS
    last = first + len(state.snapshots) - 1
    before: list[tuple[bytes, bytes]] = []
    after: list[tuple[bytes, bytes | None]] = []
    rewritten: dict[int, bytes] = {}
    checksums: list[int] = []
    for number in range(first, last):
        held = number in numbers
        if held and number < changed_from // BLOCK_BARS:
            checksums.append(known.checksums[number - known.first])
            continue
        value = encode_block(state, number)
        checksums.append(zlib.crc32(value))
        if not held:
            before.append((block_key(state.ticker, number), value))
            continue
        if checksums[-1] != known.checksums[number - known.first]:
            rewritten[number] = value
        after.append((block_key(state.ticker, number), value))
    after += [(block_key(state.ticker, number), None) for number in numbers if not first <= number < last]
    record = _Record(RECORD_VERSION, encode_head(state), encode_block(state, last), tuple(checksums), rewritten)
    return Writes(before, _codec.encode(record), after, StoredBlocks(first, tuple(checksums)))


def decode_record(ticker: str, payload: bytes, block: Callable[[bytes], bytes | None]) -> tuple[TickerState, StoredBlocks]:
    """The state in a record and in the full blocks that `block(key)` returns.

    Raises SchemaError for a newer version, StateCorruptError if a block is missing or belongs to another point in time.
    """
    record = _record(ticker, payload)
    head = decode_head(ticker, record.head)
    first = head.first_index // BLOCK_BARS
    blocks: list[bytes | None] = []
    for number, checksum in enumerate(record.checksums, first):
        value = record.rewritten.get(number) or block(block_key(ticker, number))
        if value is None or zlib.crc32(value) != checksum:
            raise StateCorruptError(f"{ticker}: block {number} is missing, or belongs to another time than its head; {_REMEDY}")
        blocks.append(value)
    state = decode_state(ticker, head, [*blocks, record.last])
    return state, StoredBlocks(first, record.checksums)


def head_of_record(ticker: str, payload: bytes) -> bytes:
    """The bytes of the head in a record. Raises SchemaError or StateCorruptError."""
    return _record(ticker, payload).head


def _record(ticker: str, payload: bytes) -> _Record:
    return _codec.decode(
        payload,
        f"{ticker}: its history record",
        lambda error: StateCorruptError(f"{ticker}: its history record cannot be decoded ({error}); {_REMEDY}"),
    )
