from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from errors import SchemaError, StateCorruptError
from history.adjustment import WithdrawnSplit
from history.ticker_state import BLOCK_BARS, Counters, DueTraining, TickerState, same_state
from records import VALUE_COLUMNS, Bars, CurrencySpan
from state.history_codec import (
    HISTORY_VERSION,
    block_key,
    changes,
    decode_head,
    decode_state,
    encode_block,
    encode_head,
    head_key,
)
from tests.made.histories import history

any_float = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True)
day_number = st.integers(-30_000, 60_000)


@st.composite
def states(draw: st.DrawFn) -> TickerState:
    """States of any size and content, whether sensible or not: the codec must not care."""
    count = draw(st.one_of(st.integers(0, 5), st.integers(BLOCK_BARS - 1, BLOCK_BARS + 1), st.integers(100, 200)))
    size = draw(st.integers(0, 4))
    blocks = -(-count // BLOCK_BARS)
    columns = {name: draw(arrays(np.float64, count, elements=any_float)) for name in VALUE_COLUMNS}
    columns["split"] = np.ones(count)  # nothing to adjust: whether that is done right is tested with the streams
    bars = Bars(day=draw(arrays(np.int32, count, elements=day_number)), **columns)
    fetched = draw(arrays(np.float64, count, elements=any_float))
    return TickerState(
        ticker=draw(st.sampled_from(["A", "BRK-B", "005930.KS", "^GSPC"])),
        first_index=BLOCK_BARS * draw(st.integers(0, 2**20)),
        delivered=bars,
        fetched=fetched,
        split_fetched=draw(st.sampled_from([fetched, np.full(count, -np.inf)]) | arrays(np.float64, count, elements=any_float)),
        withdrawn=tuple(draw(st.lists(st.builds(WithdrawnSplit, st.just(-40_000), st.just(2.0), st.floats(0, 9)), max_size=2))),
        restatements=(),
        bars=bars,
        feature_state=draw(arrays(np.float64, size, elements=any_float)),
        snapshots=draw(arrays(np.float64, (blocks, size), elements=any_float)),
        due=draw(st.none() | st.builds(DueTraining, day_number, st.binary(max_size=32))),
        counters=draw(st.builds(Counters, accepted=st.integers(0, 2**40), corrected=st.integers(0, 9))),
        currencies=tuple(
            draw(st.lists(st.builds(CurrencySpan, day_number, day_number, st.sampled_from(["EUR", "GBp"])), max_size=2))
        ),
    )


def stored(table: dict[bytes, bytes], ticker: str) -> TickerState:
    head = decode_head(ticker, table[head_key(ticker)])
    return decode_state(ticker, head, [table.get(block_key(ticker, number)) for number in head.blocks])


def apply(table: dict[bytes, bytes], state: TickerState, changed_from: int) -> int:
    """Write the changes to a table; the bytes written."""
    payload = table.get(head_key(state.ticker))
    previous = None if payload is None else decode_head(state.ticker, payload)
    written = 0
    for key, value in changes(state, previous, changed_from):
        if value is None:
            del table[key]
        else:
            table[key] = value
            written += len(value)
    return written


@given(states())
def test_a_state_comes_back_to_the_byte(state: TickerState) -> None:
    table: dict[bytes, bytes] = {}
    apply(table, state, state.first_index)
    back = stored(table, state.ticker)
    assert same_state(back, state)
    assert back.counters == state.counters


@given(
    st.lists(
        st.tuples(st.sampled_from(["append", "correct", "drop", "restart"]), st.integers(1, 150), st.booleans()),
        min_size=1,
        max_size=12,
    )
)
def test_successive_changes_equal_a_fresh_write(steps: list[tuple[str, int, bool]]) -> None:
    table: dict[bytes, bytes] = {}
    total, first, corrected = 100, 0, None
    apply(table, history("AAA", total), 0)
    for kind, amount, early in steps:
        changed_from = total
        if kind == "append":
            total += amount
        elif kind == "correct":
            previous = corrected if corrected is not None and corrected >= first else total
            corrected = max(first, total - amount)
            changed_from = min(corrected, previous)
        elif kind == "drop":
            first = min(first + BLOCK_BARS, (total - 1) // BLOCK_BARS * BLOCK_BARS)
        else:  # the history starts anew, shorter
            total, first, corrected, changed_from = amount, 0, None, 0
        if corrected is not None and corrected < first:
            corrected = None
        state = history("AAA", total, first_index=first, corrected=corrected)
        # A caller may name an earlier bar than it must.
        apply(table, state, first if early else changed_from)
        fresh: dict[bytes, bytes] = {}
        apply(fresh, state, 0)
        assert table == fresh


def test_a_new_day_rewrites_a_few_kilobytes() -> None:
    table: dict[bytes, bytes] = {}
    everything = apply(table, history("AAA", 1260), 0)
    assert everything > 75_000
    assert len(changes(history("AAA", 1261), decode_head("AAA", table[head_key("AAA")]), 1260)) == 2
    assert apply(table, history("AAA", 1261), 1260) < 5_000
    assert same_state(stored(table, "AAA"), history("AAA", 1261))


def test_a_new_block_and_a_dropped_block_take_a_write_each() -> None:
    before, after = history("AAA", 1280), history("AAA", 1281, first_index=BLOCK_BARS)
    previous = decode_head("AAA", encode_head(before))
    assert [(key, value is None) for key, value in changes(after, previous, 1280)] == [
        (block_key("AAA", 0), True),
        (block_key("AAA", 20), False),
        (head_key("AAA"), False),
    ]


def test_keys_of_different_tickers_are_disjoint() -> None:
    # "A" with block 0x42000000 must not be "AB…": the zero byte ends the ticker.
    keys = [block_key(ticker, number) for ticker in ("A", "AB", "ABC") for number in (0, 1, 255, 256, 2**31)]
    assert len(set(keys)) == len(keys)
    assert keys == sorted(keys)


def with_version(payload: bytes, version: int) -> bytes:
    return msgspec.msgpack.encode([version, *msgspec.msgpack.decode(payload)[1:], "a field of later"])


def test_a_head_or_block_of_another_version_is_refused_by_the_tickers_name() -> None:
    state = history("AAA", 100)
    with pytest.raises(SchemaError, match=r"AAA: .* version 6; this process knows up to 5: upgrade it first"):
        decode_head("AAA", with_version(encode_head(state), HISTORY_VERSION + 1))
    with pytest.raises(
        SchemaError,
        match=r"AAA: .* version 2; this process reads 3 to 5: delete the state folder and run again",
    ):
        decode_head("AAA", with_version(encode_head(state), HISTORY_VERSION - 3))
    newer = with_version(encode_block(state, 1), HISTORY_VERSION + 1)
    with pytest.raises(SchemaError, match="AAA"):
        decode_state("AAA", decode_head("AAA", encode_head(state)), [encode_block(state, 0), newer])


def as_version_3(payload: bytes, *, later: int = 1) -> bytes:
    """The same head or block without the `later` fields that have been added at its end since."""
    return msgspec.msgpack.encode([3, *msgspec.msgpack.decode(payload)[1:-later]])


def test_a_history_of_version_4_is_read_as_one_that_names_no_currency() -> None:
    state = history("AAA", 100)
    head = msgspec.msgpack.encode([4, *msgspec.msgpack.decode(encode_head(state))[1:-1]])
    blocks = [msgspec.msgpack.encode([4, *msgspec.msgpack.decode(encode_block(state, number))[1:]]) for number in (0, 1)]
    assert same_state(decode_state("AAA", decode_head("AAA", head), blocks), state)


@pytest.mark.parametrize("old_blocks", [2, 1, 0])
def test_a_history_of_version_3_is_read_and_its_splits_are_those_of_their_own_editions(old_blocks: int) -> None:
    state = history("AAA", 100)
    split = np.ones(100)
    split[[3, 70]] = 2.0
    bars = replace(state.delivered, split=split)
    moments = state.fetched.copy()
    moments[: old_blocks * BLOCK_BARS] = -np.inf
    moments[split != 1.0] = state.fetched[0]
    state = replace(state, delivered=bars, bars=bars, split_fetched=np.where(split != 1.0, state.fetched, -np.inf))
    wanted = replace(state, split_fetched=state.fetched if not old_blocks else moments)
    blocks = [
        as_version_3(encode_block(state, number)) if number < old_blocks else encode_block(wanted, number) for number in (0, 1)
    ]
    back = decode_state("AAA", decode_head("AAA", as_version_3(encode_head(state), later=2)), blocks)
    assert same_state(back, wanted)
    table: dict[bytes, bytes] = {}
    apply(table, back, 0)
    assert same_state(stored(table, "AAA"), wanted)  # and is written as the present version


def test_when_splits_were_given_costs_nothing_where_all_editions_or_none_give_them() -> None:
    state = history("AAA", BLOCK_BARS)
    never = replace(state, split_fetched=np.full(BLOCK_BARS, -np.inf))
    mixed = replace(state, split_fetched=np.where(np.arange(BLOCK_BARS) == 5, -np.inf, state.fetched))
    sizes = [len(encode_block(one, 0)) for one in (state, never, mixed)]
    assert sizes[1] - sizes[0] < 3
    assert sizes[2] - sizes[0] > 8 * BLOCK_BARS


@pytest.mark.parametrize(
    "broken", [None, b"", b"nonsense", encode_block(history("AAA", 99), 1), encode_block(history("AAA", 100), 0)]
)
def test_a_broken_block_is_named_with_what_to_do(broken: bytes | None) -> None:
    state = history("AAA", 100)
    head = decode_head("AAA", encode_head(state))
    with pytest.raises(StateCorruptError, match=r"AAA: the block of bar 64 .*delete the state folder and run again"):
        decode_state("AAA", head, [encode_block(state, 0), broken])


@pytest.mark.parametrize(
    "broken", [b"", b"nonsense", encode_head(history("AAA", 100))[:-1], encode_block(history("AAA", 100), 0)]
)
def test_a_broken_head_is_named_with_what_to_do(broken: bytes) -> None:
    with pytest.raises(StateCorruptError, match=r"AAA: its head .*delete the state folder and run again"):
        decode_head("AAA", broken)


def test_same_state_sees_every_field_but_the_counters() -> None:
    state = history("AAA", 100)
    assert same_state(state, history("AAA", 100))
    for other in (history("BBB", 100), history("AAA", 101), history("AAA", 100, corrected=3)):
        assert not same_state(state, other)
    fields = {name: getattr(state, name) for name in TickerState.__slots__}
    assert same_state(state, TickerState(**fields | {"counters": Counters(duplicate=3)}))
    for name in ("fetched", "split_fetched", "feature_state", "snapshots"):
        assert not same_state(state, TickerState(**fields | {name: fields[name] + 1})), name
    assert not same_state(state, TickerState(**fields | {"due": None}))
    assert not same_state(state, TickerState(**fields | {"currencies": (CurrencySpan(1, 2, "EUR"),)}))
    assert not same_state(state, TickerState(**fields | {"withdrawn": (WithdrawnSplit(1, 2.0, 3.0),)}))
    zero = TickerState(**fields | {"feature_state": np.array([0.0, np.nan])})
    assert same_state(zero, TickerState(**fields | {"feature_state": np.array([0.0, np.nan])}))
    assert not same_state(zero, TickerState(**fields | {"feature_state": np.array([-0.0, np.nan])}))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (history("AAA", 100), history("AAA", 180)),
        (history("AAA", 300, first_index=2 * BLOCK_BARS), history("AAA", 300)),
    ],
)
def test_blocks_that_are_not_stored_yet_are_always_written(before: TickerState, after: TickerState) -> None:
    table: dict[bytes, bytes] = {}
    apply(table, before, 0)
    apply(table, after, after.total_bars)
    assert same_state(stored(table, "AAA"), after)
