"""Splits reported by an event: older bars are restated once, whatever was fetched before or after it."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from history.pipeline import Absorbed
from history.ticker_state import same_state
from history.windows import window_of
from records import Bars, date_of
from state.history_codec import block_key, changes, decode_head, decode_state, head_key
from tests.made.bars import batch, cut, scaled, walk
from tests.made.histories import SMALL, as_fetched_with, backfill, deliver


def printed(bars: Bars, at: int, ratio: float) -> Bars:
    """The bars as the exchange printed them before a split at row `at` was known; `bars` are adjusted for it."""
    columns = {f.name: getattr(bars, f.name).copy() for f in fields(bars)}
    for name in ("open", "high", "low", "close", "dividend"):
        columns[name][:at] *= ratio
    columns["volume"][:at] /= ratio
    return Bars(**columns)


def with_split(bars: Bars, at: int, ratio: float) -> Bars:
    split = bars.split.copy()
    split[at] = ratio
    return replace(bars, split=split)


def live(bars: Bars) -> list[object]:
    """Bars that each arrive on their own day."""
    return [batch(bars[i : i + 1], as_of=date_of(bars.day[i])) for i in range(len(bars))]


@pytest.mark.parametrize("at", [1, 63, 64, 300, 399])
def test_a_split_restates_what_was_fetched_before_it(at: int) -> None:
    adjusted = with_split(walk(400), at, 4.0)  # a power of two: adjusting is exact
    state, _ = deliver([*live(printed(adjusted, at, 4.0)[:at]), *live(adjusted[at:])], SMALL)  # type: ignore[list-item]
    wanted = backfill(adjusted)
    assert same_state(as_fetched_with(state, wanted), wanted)


def test_a_split_leaves_alone_what_was_fetched_after_it() -> None:
    adjusted = with_split(walk(400), 200, 3.0)
    state, _ = deliver([batch(part) for part in cut(adjusted, [64, 190, 200, 201, 300])], SMALL)
    assert state.bars == adjusted


def test_an_outage_over_a_split() -> None:
    # Live until two weeks before the split, then what was missed in two batches, fetched after it.
    adjusted = with_split(walk(400), 200, 4.0)
    fetched = date_of(adjusted.day[250])
    missed = [batch(adjusted[190:198], as_of=fetched), batch(adjusted[198:251], as_of=fetched)]
    state, _ = deliver([*live(printed(adjusted, 200, 4.0)[:190]), *missed, *live(adjusted[251:])], SMALL)  # type: ignore[list-item]
    assert state.bars == adjusted


def test_old_messages_after_a_split_change_nothing() -> None:
    adjusted = with_split(walk(300), 200, 3.0)
    messages = [*live(printed(adjusted, 200, 3.0)[:200]), *live(adjusted[200:])]
    state, _ = deliver(messages, SMALL)  # type: ignore[arg-type]
    again, _ = deliver(messages, SMALL, state)  # type: ignore[arg-type]
    assert same_state(state, again)
    assert again.counters.duplicate == 300


def test_a_history_on_another_basis_comes_back_from_storage_to_the_byte() -> None:
    adjusted = with_split(walk(400), 300, 3.0)
    told, _ = deliver([*live(printed(adjusted, 300, 3.0)[:300]), *live(adjusted[300:])], SMALL)  # type: ignore[list-item]
    spun_off = scaled(adjusted, slice(0, None), 0.8)[350:]
    state, _ = deliver([batch(spun_off)], SMALL, told)
    assert len(state.restatements) == 1
    for kept in (told, state):
        table = {key: value for key, value in changes(kept, None, 0) if value is not None}
        head = decode_head("ABC", table[head_key("ABC")])
        back = decode_state("ABC", head, [table[block_key("ABC", number)] for number in head.blocks])
        assert same_state(back, kept)


def test_a_split_of_a_history_whose_beginning_is_gone() -> None:
    adjusted = with_split(walk(1300), 1290, 4.0)
    before = deliver([batch(printed(adjusted, 1290, 4.0)[:1290], as_of=date_of(adjusted.day[1289]))], SMALL)[0]
    state, outputs = deliver(live(adjusted[1290:]), SMALL, before)  # type: ignore[arg-type]
    wanted = backfill(adjusted)
    assert state.first_index == wanted.first_index > 0
    assert state.bars == wanted.bars
    assert next(o for o in outputs if isinstance(o, Absorbed)).changed_from == before.first_index
    np.testing.assert_allclose(
        window_of(state, SMALL.lookback).features, window_of(wanted, SMALL.lookback).features, rtol=1e-9, atol=1e-12
    )
