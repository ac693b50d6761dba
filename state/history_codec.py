"""The bytes of a TickerState: a small head and a value per block of bars, so that a new day rewrites only a few kilobytes.

Pure. Keys and values are plain bytes (msgpack around raw little-endian arrays, exact to the bit), for any kind of table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from errors import MessageError, StateCorruptError
from history.adjustment import Restatement, WithdrawnSplit, basis_of
from history.ticker_state import BLOCK_BARS, Counters, DueTraining, TickerState
from records import VALUE_COLUMNS, Bars, CurrencySpan, Floats
from records.versioned import Versioned

#: Version 5 added the currencies that bars name; a history of version 4 is read as one that names none.
HISTORY_VERSION: Final = 5
#: The oldest version that can be read: 1 and 2 lack the prices as delivered or the moment of fetching. Version 3 does not
#: say which editions gave splits: a bar with a split is taken to have it from its own edition.
_OLDEST_VERSION: Final = 3
_SAYS_WHO_GAVE_SPLITS: Final = 4
HEAD_PREFIX: Final = b"h"
_BLOCK_PREFIX: Final = b"b"
_DAY: Final = np.dtype("<i4")
_MOMENT: Final = np.dtype("<f8")
_FLOAT: Final = np.dtype("<f8")
_REMEDY: Final = "delete the state folder and run again: it is rebuilt from the bars"


class Head(msgspec.Struct, frozen=True, array_like=True):
    """The state of a ticker without its blocks; `total` is `TickerState.total_bars`."""

    schema_version: int
    first_index: int
    total: int
    due: DueTraining | None
    counters: Counters
    feature_state: bytes
    restatements: tuple[Restatement, ...]
    withdrawn: tuple[WithdrawnSplit, ...] = ()
    currencies: tuple[CurrencySpan, ...] = ()

    @property
    def blocks(self) -> range:
        """The numbers of the stored blocks."""
        return range(self.first_index // BLOCK_BARS, -(-self.total // BLOCK_BARS))


class _Block(msgspec.Struct, frozen=True, array_like=True):
    """BLOCK_BARS bars (the last block may have fewer); `values` holds the seven value columns, one after the other.

    `split_fetched` is None if it equals `fetched`, and empty if no edition of these bars reports splits.
    """

    schema_version: int
    first_index: int
    day: bytes
    fetched: bytes
    values: bytes
    snapshot: bytes
    split_fetched: bytes | None = None


_heads = Versioned(Head, HISTORY_VERSION, oldest=_OLDEST_VERSION, remedy=_REMEDY)
_blocks = Versioned(_Block, HISTORY_VERSION, oldest=_OLDEST_VERSION, remedy=_REMEDY)


def head_key(ticker: str) -> bytes:
    """Key of a ticker's head."""
    return HEAD_PREFIX + ticker.encode()


def block_key(ticker: str, number: int) -> bytes:
    """Key of the block whose first bar is number × BLOCK_BARS. Big-endian, so keys sort as blocks do."""
    return block_prefix(ticker) + number.to_bytes(4, "big")


def block_prefix(ticker: str) -> bytes:
    """The common prefix of the keys of all blocks of a ticker."""
    return _BLOCK_PREFIX + ticker.encode() + b"\0"


def encode_head(state: TickerState) -> bytes:
    """The value under `head_key`."""
    return _heads.encode(
        Head(
            HISTORY_VERSION,
            state.first_index,
            state.total_bars,
            state.due,
            state.counters,
            state.feature_state.astype(_FLOAT, copy=False).tobytes(),
            state.restatements,
            state.withdrawn,
            state.currencies,
        )
    )


def encode_block(state: TickerState, number: int) -> bytes:
    """The value under `block_key(state.ticker, number)`. Raises IndexError if the state does not hold that block."""
    held = number - state.first_index // BLOCK_BARS
    if not 0 <= held < len(state.snapshots):
        raise IndexError(f"{state.ticker}: no block {number} in the state")
    rows = slice(held * BLOCK_BARS, (held + 1) * BLOCK_BARS)
    columns = [getattr(state.delivered, name)[rows] for name in VALUE_COLUMNS]
    fetched = state.fetched[rows].astype(_MOMENT, copy=False).tobytes()
    split_fetched = state.split_fetched[rows].astype(_MOMENT, copy=False)
    moments = b"" if (split_fetched == -math.inf).all() else split_fetched.tobytes()
    return _blocks.encode(
        _Block(
            HISTORY_VERSION,
            number * BLOCK_BARS,
            state.delivered.day[rows].astype(_DAY, copy=False).tobytes(),
            fetched,
            np.concatenate(columns, dtype=_FLOAT).tobytes(),
            state.snapshots[held].astype(_FLOAT, copy=False).tobytes(),
            None if moments == fetched else moments,
        )
    )


def changes(state: TickerState, previous: Head | None, changed_from: int) -> list[tuple[bytes, bytes | None]]:
    """Keys with new values (None: delete) that turn the stored history into `state`; write them as one batch.

    `previous` is the stored head, `changed_from` the absolute index of the first bar that may differ from the stored history.
    """
    stored = range(0) if previous is None else previous.blocks
    # Appended bars change the last stored block, whatever the caller says.
    changed = 0 if previous is None else min(changed_from, previous.total) // BLOCK_BARS
    first = state.first_index // BLOCK_BARS
    held = range(first, first + len(state.snapshots))
    written = [number for number in held if number >= changed or number not in stored]
    left = [number for number in stored if number not in held]
    return [
        *((block_key(state.ticker, number), None) for number in left),
        *((block_key(state.ticker, number), encode_block(state, number)) for number in written),
        (head_key(state.ticker), encode_head(state)),
    ]


def decode_head(ticker: str, payload: bytes) -> Head:
    """The head in these bytes. Raises SchemaError for an unknown version, StateCorruptError for any other bytes."""
    head = _heads.decode(
        payload, f"{ticker}: its history", lambda error: _corrupt(ticker, f"its head cannot be decoded ({error})")
    )
    if not 0 <= head.first_index <= head.total or head.first_index % BLOCK_BARS or len(head.feature_state) % _FLOAT.itemsize:
        raise _corrupt(ticker, "its head contradicts itself")
    return head


def decode_state(ticker: str, head: Head, blocks: Sequence[bytes | None]) -> TickerState:
    """The state from its head and its blocks, in the order of `head.blocks`.

    Raises SchemaError for an unknown version, StateCorruptError if a block is missing or has a size that contradicts the head.
    """
    count = head.total - head.first_index
    feature_state = np.frombuffer(head.feature_state, dtype=_FLOAT).astype(np.float64)
    sizes = [min(BLOCK_BARS, count - start) for start in range(0, count, BLOCK_BARS)]
    if len(blocks) != len(sizes):
        raise _corrupt(ticker, f"it has {len(blocks)} blocks where {len(sizes)} are needed")
    decoded = [
        _decode_block(ticker, number * BLOCK_BARS, bars, len(head.feature_state), payload)
        for number, bars, payload in zip(head.blocks, sizes, blocks, strict=True)
    ]
    # One pass over the joined bytes of all blocks: block by block, most of the time would be NumPy's overhead per call.
    day = np.frombuffer(b"".join(block.day for block in decoded), dtype=_DAY).astype(np.int32)
    fetched = np.frombuffer(b"".join(block.fetched for block in decoded), dtype=_MOMENT).astype(np.float64)
    snapshots = np.frombuffer(b"".join(block.snapshot for block in decoded), dtype=_FLOAT).astype(np.float64)
    delivered = Bars(day, *_columns([block.values for block in decoded], count))
    try:
        bars = basis_of(delivered, fetched, head.restatements, head.withdrawn).adjusted(delivered, fetched)
    except MessageError as error:
        raise _corrupt(ticker, f"its bars cannot be adjusted ({error})") from error
    return TickerState(
        ticker=ticker,
        first_index=head.first_index,
        delivered=delivered,
        fetched=fetched,
        split_fetched=_split_moments(decoded, fetched, delivered.split),
        withdrawn=head.withdrawn,
        restatements=head.restatements,
        bars=bars,
        feature_state=feature_state,
        snapshots=snapshots.reshape(len(sizes), len(feature_state)),
        due=head.due,
        counters=head.counters,
        currencies=head.currencies,
    )


def _columns(values: list[bytes], count: int) -> Floats:
    """The value columns, shape (7, count); all blocks but the last are full."""
    full = count // BLOCK_BARS
    columns = np.empty((len(VALUE_COLUMNS), count))
    head = np.frombuffer(b"".join(values[:full]), dtype=_FLOAT).reshape(full, len(VALUE_COLUMNS), BLOCK_BARS)
    columns[:, : full * BLOCK_BARS] = head.transpose(1, 0, 2).reshape(len(VALUE_COLUMNS), -1)
    if full < len(values):
        columns[:, full * BLOCK_BARS :] = np.frombuffer(values[-1], dtype=_FLOAT).reshape(len(VALUE_COLUMNS), -1)
    return columns


def _split_moments(blocks: Sequence[_Block], fetched: Floats, split: Floats) -> Floats:
    """`TickerState.split_fetched`."""
    if all(block.split_fetched is None and block.schema_version >= _SAYS_WHO_GAVE_SPLITS for block in blocks):
        return fetched
    moments = np.full(len(fetched), -math.inf)
    for number, block in enumerate(blocks):
        rows = slice(number * BLOCK_BARS, number * BLOCK_BARS + len(block.fetched) // _MOMENT.itemsize)
        if block.schema_version < _SAYS_WHO_GAVE_SPLITS:
            moments[rows] = np.where(split[rows] != 1.0, fetched[rows], -math.inf)
        elif block.split_fetched is None:
            moments[rows] = fetched[rows]
        elif block.split_fetched:
            moments[rows] = np.frombuffer(block.split_fetched, dtype=_MOMENT)
    return moments


def _decode_block(ticker: str, first_index: int, bars: int, snapshot_bytes: int, payload: bytes | None) -> _Block:
    if payload is None:
        raise _corrupt(ticker, f"the block of bar {first_index} is missing")
    block = _blocks.decode(
        payload,
        f"{ticker}: its history",
        lambda error: _corrupt(ticker, f"the block of bar {first_index} cannot be decoded ({error})"),
    )
    moments = bars * _MOMENT.itemsize
    found = (
        block.first_index,
        len(block.day),
        len(block.fetched),
        len(block.values),
        len(block.snapshot),
        len(block.split_fetched or b"") or moments,
    )
    expected = (
        first_index,
        bars * _DAY.itemsize,
        moments,
        bars * len(VALUE_COLUMNS) * _FLOAT.itemsize,
        snapshot_bytes,
        moments,
    )
    if found != expected:
        raise _corrupt(ticker, f"the block of bar {first_index} has sizes {found} where {expected} are needed")
    return block


def _corrupt(ticker: str, what: str) -> StateCorruptError:
    return StateCorruptError(f"{ticker}: {what}; {_REMEDY}")
