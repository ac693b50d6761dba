"""Deliveries in any order into a history whose beginning is no longer kept, as long as each comes in time."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from history.ticker_state import TickerState, same_state
from history.windows import window_of
from records import BarBatch, RejectedBar
from tests.made.bars import walk
from tests.made.histories import SMALL, deliver
from tests.made.vendor import Vendor, damaged, with_splits

COUNT = 900
#: Of the first message: a history that begins with a later bar is cut into other blocks.
BEGINNING = 300
#: An edition comes in time while fewer newer bars than this have come.
IN_TIME = SMALL.history_bars - 256


def editions(seed: int, splits: dict[int, float], width: int) -> list[BarBatch]:
    """Some bars each, in the order of their dates; of every fifth the last bar is wrong and mended the next day."""
    chosen = random.Random(seed)
    vendor = Vendor(with_splits(walk(COUNT, seed), splits))
    messages = []
    for first, stop in pairwise([0, *range(BEGINNING, COUNT, width), COUNT]):
        fetched = int(vendor.final.day[stop - 1])
        message = vendor.edition(slice(first, stop), fetched)
        if chosen.random() < 0.2:
            messages.append(vendor.edition(slice(stop - 1, stop), fetched + 1))
            message = damaged(message, chosen.choice(["hundredfold", "volume", "close"]), stop - first - 1)
        messages.append(message)
    return messages


def in_another_order(messages: list[BarBatch], seed: int, width: int) -> list[BarBatch]:
    """Each late by no more than is in time, and some a second time."""
    chosen = random.Random(seed)
    most = IN_TIME // 2 // width
    arrival = {0: 0.0} | {at: at + chosen.uniform(0, most) for at in range(1, len(messages))}
    order = sorted(arrival, key=arrival.__getitem__)
    return [messages[at] for at in order for _ in range(chosen.choice([1, 1, 1, 2]))]


def both_orders(seed: int, splits: dict[int, float], width: int) -> tuple[TickerState, TickerState]:
    messages = editions(seed, splits, width)
    in_order, _ = deliver(messages, SMALL)
    state, outputs = deliver(in_another_order(messages, seed, width), SMALL)
    assert state.first_index == in_order.first_index > 0
    assert not [output for output in outputs if isinstance(output, RejectedBar)]
    assert same_state(deliver(messages[-2:], SMALL, state)[0], state)
    return state, in_order


@given(st.integers(0, 2**32 - 1), st.sampled_from([7, 20, 40]))
@settings(max_examples=20)
def test_any_order_in_time_ends_in_the_same_state(seed: int, width: int) -> None:
    state, in_order = both_orders(seed, {}, width)
    assert same_state(state, in_order)


@given(
    st.integers(0, 2**32 - 1),
    st.dictionaries(st.integers(1, COUNT - 1), st.sampled_from([2.0, 3.0, 0.1]), min_size=1, max_size=3),
    st.sampled_from([7, 20, 40]),
)
@example(8, {380: 3.0}, 7)  # one order drops the beginning before the split comes, the other after it
@settings(max_examples=20)
def test_with_splits_the_bars_are_the_same_and_the_features_nearly(seed: int, splits: dict[int, float], width: int) -> None:
    # Means of prices, which weigh all bars since the first, begin anew where the beginning is gone when a split comes.
    state, in_order = both_orders(seed, splits, width)
    assert state.delivered == in_order.delivered
    assert (state.fetched == in_order.fetched).all()
    assert state.restatements == in_order.restatements
    assert state.bars == in_order.bars
    ours, theirs = (window_of(one, SMALL.lookback, feature_bars=21) for one in (state, in_order))
    np.testing.assert_allclose(ours.features, theirs.features, rtol=1e-9, atol=1e-12)
