"""Editions that report different splits, in any order: the state is that of the true history."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history.pipeline import RejectedBar
from history.ticker_state import same_state
from records import BarBatch, Bars
from tests.made.bars import walk
from tests.made.histories import SMALL, as_fetched_with, backfill, deliver
from tests.made.vendor import Vendor, deliveries, edition_with, with_splits


@st.composite
def said_otherwise(draw: st.DrawFn, ratios: tuple[float, ...], *, longest: int = 330) -> tuple[Bars, list[BarBatch]]:
    """`deliveries` of which some do not speak of splits, and wrong splits that a later edition mends, in any order.

    Every split of the final history is given at least once.
    """
    final, messages = draw(deliveries(ratios, longest=longest))
    vendor, day, count = Vendor(final), final.day, len(final)
    speaks: list[Callable[[BarBatch], BarBatch]] = [
        lambda message: message,
        lambda message: msgspec.structs.replace(message, split=None),
        lambda message: msgspec.structs.replace(message, split=message.split or [1.0] * len(message.date)),
    ]
    found = [draw(st.sampled_from(speaks))(message) for message in messages]
    splits = np.flatnonzero(final.split != 1.0).tolist()
    for at in splits:
        fetched = int(day[at]) + draw(st.sampled_from([0, 3, 700]))
        found.append(edition_with(slice(at, at + 1), fetched, final.split, vendor=vendor, seconds=1))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.sampled_from([*splits, draw(st.integers(0, count - 1))]))
        wrong = final.split.copy()
        wrong[at] = draw(st.sampled_from([ratio for ratio in (1.0, *ratios) if ratio != wrong[at]]))
        fetched = int(day[at]) + draw(st.integers(0, 100))
        mended = int(day[-1]) + 1000 + draw(st.integers(0, 3))
        found.append(edition_with(slice(at, at + 1), fetched, wrong, vendor=vendor, seconds=2))
        found.append(edition_with(slice(at, at + 1), mended, final.split, vendor=vendor, seconds=3))
    found += draw(st.lists(st.sampled_from(found), max_size=4))
    return final, draw(st.permutations(found))


@pytest.mark.slow
@given(said_otherwise(ratios=(2.0, 4.0, 0.5)))
@settings(max_examples=100)
def test_whatever_editions_say_of_splits_the_state_is_that_of_the_true_history(drawn: tuple[Bars, list[BarBatch]]) -> None:
    final, messages = drawn
    state, outputs = deliver(messages, SMALL)
    wanted = backfill(final)
    assert same_state(as_fetched_with(state, wanted), wanted)
    assert not [output for output in outputs if isinstance(output, RejectedBar)]


@given(said_otherwise(ratios=(2.0, 3.0, 0.1), longest=200), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_whole_state_is_the_same_in_any_order(drawn: tuple[Bars, list[BarBatch]], shuffled: object) -> None:
    _, messages = drawn
    state = deliver(messages, SMALL)[0]
    shuffled.shuffle(messages)  # type: ignore[attr-defined]
    assert same_state(deliver(messages, SMALL)[0], state)


@st.composite
def lost_splits(draw: st.DrawFn, ratios: tuple[float, ...]) -> tuple[Bars, list[BarBatch]]:
    """A split that its source gave on its day and lost later, while prices of what was fetched since are adjusted for it."""
    count = draw(st.integers(130, 140))
    at = draw(st.integers(count - 20, count - 2))
    vendor = Vendor(with_splits(walk(count, draw(st.integers(0, 2**32 - 1))), {at: draw(st.sampled_from(ratios))}))
    day, split, none = vendor.final.day, vendor.final.split, np.ones(count)
    first = draw(st.integers(at - 10, at - 1))
    messages = [edition_with(slice(0, first), int(day[first - 1]), None, vendor=vendor)]
    messages += [edition_with(slice(row, row + 1), int(day[row]), split, vendor=vendor) for row in range(first, count)]
    for _ in range(draw(st.integers(1, 3))):
        begin, last = draw(st.integers(0, at)), draw(st.integers(at + 1, count - 1))
        said = draw(st.sampled_from([none, None]))
        messages.append(edition_with(slice(begin, last + 1), int(day[last]), said, vendor=vendor, seconds=1))
    lost = int(day[at]) + draw(st.integers(1, 300))
    messages.append(edition_with(slice(at, at + 1), lost, none, vendor=vendor, seconds=2))
    messages += draw(st.lists(st.sampled_from(messages), max_size=4))
    return vendor.final, draw(st.permutations(messages))


@given(lost_splits(ratios=(2.0, 3.0, 0.1, 1.5)), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_a_lost_split_leaves_the_same_state_in_any_order(drawn: tuple[Bars, list[BarBatch]], shuffled: object) -> None:
    final, messages = drawn
    state = deliver(messages, SMALL)[0]
    np.testing.assert_allclose(state.bars.close, final.close, rtol=1e-13)
    shuffled.shuffle(messages)  # type: ignore[attr-defined]
    assert same_state(deliver(messages, SMALL)[0], state)
