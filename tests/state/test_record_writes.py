"""The writes of a history's record: after any prefix of them the table holds the state before or after."""

from __future__ import annotations

import pytest

from errors import StateCorruptError
from history.pipeline import absorb
from history.ticker_state import TickerState, same_state
from records import BarBatch
from settings import load_settings
from state.record_codec import StoredBlocks, decode_record, encode_writes, record_key
from tests.kafka.cluster import TODAY
from tests.made.bars import altered, made_bars

SETTINGS = load_settings(lookback=252, minimum_bars=252, history_bars=504, models="har")


def after(batches: list[BarBatch]) -> TickerState:
    state: TickerState | None = None
    for batch in batches:
        state, _ = absorb(state, batch, today=TODAY, settings=SETTINGS)
    assert state is not None
    return state


BATCHES = made_bars(1, 700, size=50)

#: New bars, a correction of old blocks, more bars with old blocks leaving, a correction of the newest block.
STEPS: list[list[BarBatch]] = [
    BATCHES[:6],
    BATCHES[:7],
    [*BATCHES[:7], altered(BATCHES[4], 3)],
    [*BATCHES[:7], altered(BATCHES[4], 3), *BATCHES[7:]],
    [*BATCHES[:7], altered(BATCHES[4], 3), *BATCHES[7:], altered(BATCHES[13], 40)],
]


def test_any_prefix_of_the_writes_is_a_valid_state() -> None:
    """After a crash anywhere the changelog has the state before or after a step, never a mixture."""
    table: dict[bytes, bytes] = {}
    stored: StoredBlocks | None = None
    before: TickerState | None = None
    for step in STEPS:
        state = after(step)
        writes = encode_writes(state, stored, 0)
        for key, value in [*writes.before, (record_key("T000"), writes.record), *writes.after]:
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value
            payload = table.get(record_key("T000"))
            if payload is not None:
                found, _ = decode_record("T000", payload, table.get)
                assert same_state(found, state) or (before is not None and same_state(found, before))
        found, stored = decode_record("T000", table[record_key("T000")], table.get)
        assert same_state(found, state)
        before = state


def test_a_new_day_is_one_small_record() -> None:
    stored = encode_writes(after(BATCHES[:6]), None, 0).stored
    state = after([*BATCHES[:6], made_bars(1, 700, size=1)[300]])
    writes = encode_writes(state, stored, 300)
    assert not writes.before
    assert not writes.after
    assert len(writes.record) < 6000


def test_a_mixture_of_two_times_is_noticed() -> None:
    old = encode_writes(after(BATCHES[:7]), None, 0)
    new = encode_writes(after(STEPS[2]), None, 0)
    blocks = dict(old.before)
    with pytest.raises(StateCorruptError, match="to another time"):
        decode_record("T000", new.record, blocks.get)
    with pytest.raises(StateCorruptError, match="missing"):
        decode_record("T000", new.record, {}.get)
