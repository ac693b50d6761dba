"""Editions of one bar that differ in what they say of its split: the split, another split, that there was none, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import msgspec
import numpy as np
import pytest

from history.pipeline import TOO_OLD, Absorbed, RejectedBar
from history.ticker_state import TickerState, same_state
from records import BarBatch, Bars, Floats, Suspicion, SuspicionRule
from state.history_codec import block_key, changes, decode_head, decode_state, head_key
from tests.made.bars import scaled, walk
from tests.made.histories import SMALL, deliver
from tests.made.vendor import Vendor, edition_with, with_splits

AT, RATIO = 150, 4.0
FINAL = with_splits(walk(200), {AT: RATIO})
VENDOR = Vendor(FINAL)
DAY = FINAL.day
NO_SPLITS = np.ones(len(FINAL))


edition = partial(edition_with, vendor=VENDOR)


def live(rows: range, splits: Floats | None = FINAL.split) -> list[BarBatch]:
    """Bars that each arrive on their own day."""
    return [edition(slice(row, row + 1), int(DAY[row]), splits) for row in rows]


def in_any_order(messages: Sequence[BarBatch]) -> TickerState:
    """The state after the messages, which is the same in other orders and after repeats."""
    state = deliver(messages, SMALL)[0]
    for seed in range(6):
        order = np.random.default_rng(seed).permutation(len(messages))
        shuffled = [messages[at] for at in [*order, *order[:3]]]
        assert same_state(deliver(shuffled, SMALL)[0], state)
    return state


BEFORE = edition(slice(0, 140), int(DAY[139]), None)
LATER = [edition(slice(row, row + 20), int(DAY[199]), None) for row in range(AT, 200, 20)]


def test_a_repeated_split_changes_nothing() -> None:
    state, _ = deliver([BEFORE, *live(range(140, 200))], SMALL)
    for again in (edition(slice(AT, 170), int(DAY[180]), FINAL.split), edition(slice(AT, AT + 1), int(DAY[AT]), FINAL.split)):
        after, outputs = deliver([again], SMALL, state)
        assert after.bars == state.bars == FINAL
        assert outputs == [Absorbed("ABC", 0, len(again.date), 0, 0, outputs[0].changed_from)]  # type: ignore[union-attr]


@pytest.mark.parametrize("later", [LATER, LATER[:1]], ids=["all bars since", "some of them"])
def test_a_later_edition_without_splits_takes_none_away(later: list[BarBatch]) -> None:
    state = in_any_order([BEFORE, *live(range(140, 200)), *later])
    assert state.bars == FINAL
    assert state.fetched[AT] == DAY[199]
    assert state.split_fetched[AT] == DAY[AT]


def test_an_edition_with_other_prices_corrects_them_and_keeps_the_split() -> None:
    corrected = edition(slice(AT, AT + 1), int(DAY[180]), None)
    corrected = msgspec.structs.replace(corrected, volume=[(corrected.volume[0] or 0.0) + 1.0])
    state = in_any_order([BEFORE, *live(range(140, 200)), corrected])
    assert state.bars.volume[AT] == FINAL.volume[AT] + 1.0
    np.testing.assert_array_equal(state.bars.close, FINAL.close)
    assert state.bars.split[AT] == RATIO


def test_an_edition_adjusted_for_the_split_and_fetched_after_it_is_unchanged() -> None:
    adjusted = edition(slice(100, 140), int(DAY[170]), None)
    state = in_any_order([BEFORE, *live(range(140, 200)), adjusted])
    assert state.bars == FINAL
    np.testing.assert_array_equal(state.delivered.close[100:140], FINAL.close[100:140])


@pytest.mark.parametrize("fetched", [AT, AT + 1, 199])
def test_a_split_that_is_given_only_later_counts_whenever_its_message_comes(fetched: int) -> None:
    given_late = edition(slice(AT, AT + 1), int(DAY[fetched]), FINAL.split, seconds=1)
    state = in_any_order([BEFORE, *live(range(140, 200), None), given_late])
    assert state.bars == FINAL


@pytest.mark.parametrize("wrong", [2.0, 8.0, 0.25])
def test_a_later_edition_with_another_ratio_counts(wrong: float) -> None:
    mistaken = NO_SPLITS.copy()
    mistaken[AT] = wrong
    state = in_any_order([BEFORE, *live(range(140, 200), mistaken), edition(slice(AT, AT + 1), int(DAY[160]), FINAL.split)])
    assert state.bars == FINAL
    assert (state.withdrawn, state.restatements) == ((), ())


def test_of_two_splits_of_the_same_moment_the_ratio_farther_from_1_counts() -> None:
    said = [NO_SPLITS.copy() for _ in range(4)]
    for splits, ratio in zip(said, (1.0, 0.1, 2.0, 0.5), strict=True):
        splits[AT] = ratio
    state = in_any_order([edition(slice(AT, AT + 1), int(DAY[AT]), splits) for splits in said])
    assert (state.delivered.split.tolist(), state.withdrawn) == ([0.1], ())


def without_split() -> Bars:
    """The same prices, where there was no split."""
    return replace(FINAL, split=NO_SPLITS)


def mistaken() -> list[BarBatch]:
    """Live bars of which one was given with a split that did not happen, and the same bar with none from a later day."""
    never_split = Vendor(without_split())
    said = [edition(slice(row, row + 1), int(DAY[row]), FINAL.split, vendor=never_split) for row in range(140, 200)]
    return [
        edition(slice(0, 140), int(DAY[139]), None, vendor=never_split),
        *said,
        edition(slice(AT, AT + 1), int(DAY[AT + 1]), NO_SPLITS, vendor=never_split),
    ]


def test_a_later_split_of_1_withdraws_a_mistaken_split() -> None:
    state = in_any_order(mistaken())
    assert state.bars == without_split()
    assert [(one.day, one.ratio) for one in state.withdrawn] == [(DAY[AT], RATIO)]


def test_a_mistaken_split_is_withdrawn_after_a_restatement_by_it() -> None:
    # What was fetched while the vendor believed in it is a quarter of the truth, and was mended with the split.
    first, *said, mended = mistaken()
    believed = edition(slice(100, AT + 1), int(DAY[AT]), FINAL.split, vendor=Vendor(_quartered()), seconds=1)
    repaired = edition(slice(100, AT + 2), int(DAY[AT + 1]), NO_SPLITS, vendor=Vendor(without_split()), seconds=1)
    state, _ = deliver([first, *said[:11], believed, *said[11:12], repaired, mended, *said[12:]], SMALL)
    assert state.bars == without_split()


def _quartered() -> Bars:
    quarter = scaled(without_split(), slice(0, AT), 1 / RATIO)
    volume = FINAL.volume.copy()
    volume[:AT] *= RATIO
    return replace(quarter, volume=volume)


def test_a_split_lost_by_its_source_stays_if_the_prices_show_it() -> None:
    lost = edition(slice(100, AT + 2), int(DAY[AT + 1]), NO_SPLITS, seconds=1)
    state = in_any_order([BEFORE, *live(range(140, 200)), lost])
    np.testing.assert_array_equal(state.bars.close, FINAL.close)
    np.testing.assert_array_equal(state.bars.volume, FINAL.volume)
    assert [(one.day, one.ratio) for one in state.withdrawn] == [(DAY[AT], RATIO)]


def test_a_kept_split_is_reported_once() -> None:
    state, _ = deliver([BEFORE, *live(range(140, 200))], SMALL)
    lost = edition(slice(AT, AT + 1), int(DAY[180]), NO_SPLITS)
    after, outputs = deliver([lost], SMALL, state)
    (suspicion,) = [output for output in outputs if isinstance(output, Suspicion)]
    assert (suspicion.ticker, suspicion.date.isoformat(), suspicion.rule) == ("ABC", lost.date[0], SuspicionRule.MISSING_SPLIT)
    assert suspicion.evidence == "reported with a split of 4 and later without: the prices show the split, so it is kept"
    again, outputs = deliver([lost], SMALL, after)
    assert same_state(again, after)
    assert not [output for output in outputs if isinstance(output, Suspicion)]


def test_a_repeat_and_a_new_day_do_not_change_withdrawn_splits() -> None:
    lost = edition(slice(AT, AT + 1), int(DAY[180]), NO_SPLITS)
    messages = [BEFORE, *live(range(140, 190)), lost]
    state, _ = deliver(messages, SMALL)
    assert same_state(deliver(messages, SMALL, state)[0], state)
    after, _ = deliver(live(range(190, 200)), SMALL, state)
    assert after.withdrawn == state.withdrawn
    np.testing.assert_array_equal(after.bars.close, FINAL.close)


def test_reported_splits_are_read_back_to_the_byte() -> None:
    lost = edition(slice(AT, AT + 1), int(DAY[180]), NO_SPLITS)
    state, _ = deliver([BEFORE, *live(range(140, 200)), lost, *LATER], SMALL)
    assert state.withdrawn
    assert state.bars is not state.delivered
    table = {key: value for key, value in changes(state, None, 0) if value is not None}
    head = decode_head("ABC", table[head_key("ABC")])
    assert same_state(decode_state("ABC", head, [table[block_key("ABC", number)] for number in head.blocks]), state)


def test_a_withdrawn_split_is_dropped_with_its_bar() -> None:
    bars = walk(900)
    said = np.ones(900)
    said[100] = 2.0
    vendor = Vendor(bars)
    messages = [
        edition(slice(0, 200), int(bars.day[199]), said, vendor=vendor),
        edition(slice(0, 200), int(bars.day[200]), np.ones(900), vendor=vendor),
        edition(slice(200, 900), int(bars.day[899]), np.ones(900), vendor=vendor),
    ]
    assert deliver(messages[:2], SMALL)[0].withdrawn
    state, _ = deliver(messages, SMALL)
    assert state.first_index > 100
    assert state.withdrawn == ()
    assert same_state(deliver(messages, SMALL, state)[0], state)


def test_a_split_of_a_bar_that_only_serves_as_context_is_refused_with_the_reason() -> None:
    bars = walk(900)
    state, _ = deliver([edition(slice(0, 900), int(bars.day[899]), np.ones(900), vendor=Vendor(bars))], SMALL)
    said = np.ones(900)
    said[state.first_index + 5] = 2.0
    late = edition(slice(state.first_index + 5, state.first_index + 6), int(bars.day[899]) + 1, said, vendor=Vendor(bars))
    after, outputs = deliver([late], SMALL, state)
    assert same_state(after, state)
    assert [output.reason for output in outputs if isinstance(output, RejectedBar)] == [TOO_OLD]


def test_a_dividend_goes_with_the_prices_of_its_edition() -> None:
    # A source without dividends may have them in its prices: one kept from another edition would count twice.
    bars = walk(130)
    paid = bars.dividend.copy()
    assert paid[62] > 0
    first = edition(slice(0, 130), int(bars.day[129]), None, vendor=Vendor(bars))
    later = edition(slice(0, 130), int(bars.day[129]) + 1, None, vendor=Vendor(replace(bars, dividend=0 * paid)))
    assert (first.dividend is None, later.dividend is None) == (False, True)
    assert not deliver([first, later], SMALL)[0].bars.dividend.any()
    assert same_state(deliver([first, later], SMALL)[0], deliver([later, first], SMALL)[0])
