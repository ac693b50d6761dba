"""Bars as vendors deliver them: editions of different days, splits told or not, corrections, repeats, gaps, in any order."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history.forecasting import refresh
from history.pipeline import Absorbed, RejectedBar
from history.replay import first_replayable
from history.ticker_state import TickerState, same_state
from records import BarBatch, Bars, date_of, encode_forecast
from settings import Settings
from tests.made.bars import batch, cut, walk
from tests.made.histories import as_fetched_with, deliver
from tests.made.vendor import Vendor, damaged, deliveries, with_splits

SMALL = Settings(lookback=126, minimum_bars=126, history_bars=400)
PRICES = ("open", "high", "low", "close", "dividend")


def backfill(bars: Bars) -> TickerState:
    return deliver([batch(bars)], SMALL)[0]


def forecast(state: TickerState) -> bytes:
    return encode_forecast(refresh(state, None, SMALL))


@pytest.mark.slow
@given(deliveries(ratios=(2.0, 4.0, 0.5)))
@settings(max_examples=150)
def test_any_order_of_any_editions_is_the_fresh_backfill(drawn: tuple[Bars, list[BarBatch]]) -> None:
    final, messages = drawn
    state, outputs = deliver(messages, SMALL)
    wanted = backfill(final)
    assert same_state(as_fetched_with(state, wanted), wanted)
    assert forecast(state) == forecast(wanted)
    assert not [output for output in outputs if isinstance(output, RejectedBar)]


@pytest.mark.slow
@given(deliveries(ratios=(3.0, 1.5, 0.1, 7.0)))
@settings(max_examples=50)
def test_with_splits_other_than_powers_of_two_the_same_holds_within_rounding(drawn: tuple[Bars, list[BarBatch]]) -> None:
    final, messages = drawn
    state, _ = deliver(messages, SMALL)
    wanted = backfill(final)
    for field in fields(final):
        np.testing.assert_allclose(getattr(state.bars, field.name), getattr(final, field.name), rtol=1e-13)
    np.testing.assert_allclose(state.feature_state, wanted.feature_state, rtol=1e-7, atol=1e-9)


@given(deliveries(ratios=(2.0, 3.0, 0.1), longest=200), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_whole_state_is_the_same_in_any_order(drawn: tuple[Bars, list[BarBatch]], shuffled: object) -> None:
    _, messages = drawn
    one = deliver(messages, SMALL)[0]
    shuffled.shuffle(messages)  # type: ignore[attr-defined]
    assert same_state(deliver(messages, SMALL)[0], one)


@given(st.permutations(range(4)), st.lists(st.integers(0, 3), max_size=3))
def test_of_editions_of_one_moment_the_same_counts_in_any_order(order: list[int], repeated: list[int]) -> None:
    bars = walk(130)
    editions = [
        bars,
        replace(bars, volume=bars.volume + 1.0),
        replace(bars, volume=bars.volume + 1.0, dividend=bars.dividend + 0.5),
        replace(bars, close=bars.low.copy()),
    ]
    state, _ = deliver([batch(editions[i], as_of=dt.date(2025, 1, 1)) for i in [*order, *repeated]], SMALL)
    assert state.bars == editions[2]  # the larger volume, then the larger dividend


@pytest.mark.parametrize(("day", "time"), [(dt.date(2025, 1, 2), dt.time()), (dt.date(2025, 1, 1), dt.time(16, 0, 1))])
def test_an_edition_with_less_volume_of_the_same_moment_is_mended_later(day: dt.date, time: dt.time) -> None:
    bars = walk(130)
    wrong = replace(bars, volume=bars.volume + 1.0)
    one, at = dt.date(2025, 1, 1), dt.time(16)
    wrong_one = batch(wrong, as_of=one, time=at)
    state, outputs = deliver([wrong_one, batch(bars, as_of=one, time=at)], SMALL)
    assert state.bars == wrong
    assert outputs[-1] == Absorbed("ABC", 0, 130, 0, 0, None)
    state, _ = deliver([batch(bars, as_of=day, time=time), wrong_one], SMALL, state)
    assert state.bars == bars


def test_a_restatement_on_the_day_of_the_first_delivery_is_followed() -> None:
    vendor = Vendor(with_splits(walk(300), {290: 2.0}))
    day, wanted = date_of(vendor.final.day[299]), vendor.untold()
    old = wanted[:290]
    prices = {name: 2.0 * getattr(old, name) for name in ("open", "high", "low", "close", "dividend")}
    morning = batch(replace(old, **prices, volume=old.volume / 2.0), as_of=day, time=dt.time(9))
    parts = [morning, batch(wanted[250:], as_of=day, time=dt.time(17))]
    state, _ = deliver(parts, SMALL)
    assert state.bars == wanted[-len(state.bars) :]
    assert same_state(deliver(parts[::-1], SMALL)[0], state)


@pytest.mark.parametrize("ratio", [2.0, 3.0, 1.5, 0.1])
def test_a_backfill_from_after_a_split_may_overtake_the_splits_own_bar(ratio: float) -> None:
    vendor = Vendor(with_splits(walk(200), {150: ratio}))
    day = vendor.final.day
    live = [vendor.edition(slice(i, i + 1), int(day[i])) for i in range(200)]
    overlap = vendor.edition(slice(100, 150), int(day[170]))
    mended = damaged(live[140], "volume", 0)  # a wrong edition of the split's eve, late
    in_order, _ = deliver([*live, overlap, mended], SMALL)
    state, _ = deliver([*live[:150], overlap, mended, *live[:3], *live[:149:-1]], SMALL)
    assert same_state(state, in_order)
    assert state.restatements == ()
    np.testing.assert_allclose(state.bars.close, vendor.final.close, rtol=1e-15)


def test_dropped_bars_do_not_affect_the_basis() -> None:
    # The history is trimmed past a split that a restatement had been explained by: a repeat must not see it anew.
    vendor = Vendor(with_splits(walk(900), {100: 2.0, 130: 4.0}))
    day = vendor.final.day
    messages = [
        vendor.edition(slice(0, 90), int(day[89])),
        vendor.edition(slice(60, 120), int(day[160]), told=False),
        vendor.edition(slice(90, 150), int(day[149])),
        vendor.edition(slice(150, 900), int(day[899])),
    ]
    state, _ = deliver(messages, SMALL)
    assert state.first_index > 130
    assert same_state(deliver(messages, SMALL, state)[0], state)


def test_an_edition_fetched_in_between_does_not_undo_a_later_confirmation() -> None:
    bars = walk(200)
    wrong = replace(bars, volume=bars.volume + 1)
    days = [dt.date(2025, 1, d) for d in (1, 2, 3)]
    first, between, last = batch(bars, as_of=days[0]), batch(wrong, as_of=days[1]), batch(bars, as_of=days[2])
    state, outputs = deliver([first, last, between], SMALL)
    assert state.bars == bars
    assert [o.changed_from for o in outputs if isinstance(o, Absorbed)] == [0, 0, None]


# -- Splits that nobody tells of ----------------------------------------------------------------------------------------


def live_until(at: int, ratio: float, seed: int) -> tuple[list[BarBatch], Bars]:
    """Bars that came live on the old basis until a split at row `at`, and the history to that day as its vendor has it then."""
    vendor = Vendor(with_splits(walk(at + 1, seed), {at: ratio}))
    live = [vendor.edition(slice(i, i + 1), int(vendor.final.day[i]), told=False) for i in range(at)]
    return live, vendor.untold()


@given(
    st.integers(140, 300),
    st.sampled_from([2.0, 4.0, 0.5, 0.125]),
    st.integers(1, 60),
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 60), max_size=4),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60)
@pytest.mark.slow
def test_a_split_without_an_event_is_seen_in_the_overlap_however_it_is_cut(
    at: int, ratio: float, overlap: int, seed: int, cuts: list[int], shuffled: object
) -> None:
    live, wanted = live_until(at, ratio, seed)
    parts = [batch(part, as_of=date_of(wanted.day[at])) for part in cut(wanted[at - overlap :], cuts)]
    shuffled.shuffle(parts)  # type: ignore[attr-defined]
    state, outputs = deliver([*live, *parts], SMALL)
    fresh = backfill(wanted)
    assert same_state(as_fetched_with(state, fresh), fresh)
    factors = {o.restated_by for o in outputs if isinstance(o, Absorbed)}
    assert factors == {1.0, 1.0 / ratio}
    anyhow = [*live, *parts, *parts[:2], *live[-3:]]
    shuffled.shuffle(anyhow)  # type: ignore[attr-defined]
    assert same_state(deliver(anyhow, SMALL)[0], state)


def test_a_restated_backfill_of_all_rounded_to_cents_leaves_the_old_ones_within_rounding() -> None:
    vendor = Vendor(with_splits(walk(1300), {1290: 3.0}))
    day = vendor.final.day
    before = deliver([vendor.edition(slice(0, 1290), int(day[1289]), told=False)], SMALL)[0]
    fresh = vendor.untold()
    cents = replace(
        fresh,
        close=np.round(fresh.close, 2), open=np.round(fresh.open, 2), high=np.round(fresh.high, 2), low=np.round(fresh.low, 2),
    )  # fmt: skip
    state, outputs = deliver([batch(cents[-400:], as_of=date_of(day[-1]))], SMALL, before)
    assert not [output for output in outputs if isinstance(output, RejectedBar)]
    assert state.counters.rejected == 0
    np.testing.assert_allclose(state.bars.close, cents.close[-len(state.bars) :], rtol=2e-3)
    correctable = len(state.bars) - first_replayable(state)  # those before only serve as context
    assert 100 < correctable < 400
    np.testing.assert_array_equal(state.bars.close[-correctable:], cents.close[-correctable:])


def test_small_corrections_beside_it_do_not_hide_a_restatement() -> None:
    live, wanted = live_until(200, 2.0, 5)
    overlap = batch(wanted[100:201], as_of=date_of(wanted.day[200]))
    # All but the first ten of the overlap came on the new basis already, off by little.
    off = replace(wanted, volume=wanted.volume + 1)
    known = deliver([*live[:110], batch(off[110:200], as_of=date_of(wanted.day[199]))], SMALL)[0]
    state, outputs = deliver([overlap], SMALL, known)
    assert outputs[0] == Absorbed("ABC", 1, 10, 90, 0, 0, 0.5)
    assert state.bars == wanted


def test_a_correction_by_a_factor_stays_a_correction() -> None:
    # One bar came unadjusted; its vendor mends that bar. Nothing else is to follow.
    bars = walk(300)
    columns = {f.name: getattr(bars, f.name).copy() for f in fields(bars)}
    for name in PRICES:
        columns[name][250] *= 2.0
    columns["volume"][250] /= 2.0
    state, outputs = deliver(
        [batch(Bars(**columns), as_of=dt.date(2025, 1, 1)), batch(bars[250:251], as_of=dt.date(2025, 1, 2))], SMALL
    )
    assert state.bars == bars
    assert {o.restated_by for o in outputs if isinstance(o, Absorbed)} == {1.0}


@pytest.mark.parametrize(("bars_in_overlap", "follows"), [(2, False), (3, True)])
def test_without_volumes_several_bars_have_to_agree(bars_in_overlap: int, follows: bool) -> None:
    bars = walk(300)
    spun_off = Bars(
        **{f.name: getattr(bars, f.name) * (0.8 if f.name in PRICES else 1) for f in fields(bars)} | {"day": bars.day}
    )
    state, _ = deliver(
        [batch(bars, as_of=dt.date(2025, 1, 1)), batch(spun_off[-bars_in_overlap:], as_of=dt.date(2025, 1, 2))], SMALL
    )
    np.testing.assert_allclose(state.bars.close[:-bars_in_overlap], bars.close[:-bars_in_overlap] * (0.8 if follows else 1.0))


def test_a_split_reported_late_is_not_applied_twice() -> None:
    # Fetched after the split while the vendor did not know of it yet; then told, with an overlap.
    vendor = Vendor(with_splits(walk(300), {280: 4.0}))
    day = vendor.final.day
    printed = vendor.edition(slice(0, 280), int(day[279]))
    unaware = deliver([printed], SMALL)[0].bars
    late = [
        batch(unaware[:200], as_of=date_of(day[199])),
        batch(unaware[200:], as_of=date_of(day[282])),  # still on the old basis
        batch(replace(vendor.final, split=np.ones(300))[280:283], as_of=date_of(day[282])),
        vendor.edition(slice(260, 300), int(day[299])),
    ]
    state, _ = deliver(late, SMALL)
    assert state.bars == vendor.final
