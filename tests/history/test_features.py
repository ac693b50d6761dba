"""Rolling features: equal to an independent batch computation, forever, and the same bits however the bars come."""

from __future__ import annotations

import datetime as dt
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from history.features import CONTEXT_BARS, FEATURE_NAMES, FEATURES, advance_rows, advance_state, initial_state, rebased
from producers.sources import read_source
from records import BarBatch, Bars, validate_batch
from tests.history.oracle import oracle
from tests.made.bars import accidents, cut, flat, scaled, walk

#: Sums of numbers of both signs cancel: there, rounding is relative to the summands.
CANCELLING = 1e-12
#: A price that stands still has no variance: exactly in one computation, except 2⁻¹⁰⁶ in the other.
VANISHING = 1e-24


def assert_equals_oracle(bars: Bars, rows: np.ndarray, last: int | None = None) -> None:
    expected = oracle(bars)
    assert tuple(expected.columns) == FEATURE_NAMES
    for i, name in enumerate(FEATURE_NAMES):
        wanted = expected[name].to_numpy()[-(last or len(bars)) :]
        found = rows[-(last or len(bars)) :, i]
        np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted), err_msg=name)
        tolerance = VANISHING if "variance" in name and "log" not in name else CANCELLING
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=tolerance, err_msg=name)


@given(accidents())
@settings(max_examples=60)
def test_features_equal_the_oracle(bars: Bars) -> None:
    assert_equals_oracle(bars, advance_rows(initial_state(), bars, 0).features)


@pytest.fixture(scope="module")
def sample() -> dict[str, Bars]:
    """All real bars of the sample, by ticker."""
    today = dt.date(2026, 1, 2)
    parts: dict[str, list[Bars]] = {}
    for item in read_source("sample", today=today):
        assert isinstance(item, BarBatch)
        parts.setdefault(item.ticker, []).append(validate_batch(item, today=today)[0])
    return {ticker: Bars.concatenate(found) for ticker, found in parts.items()}


def test_features_of_real_bars_equal_the_oracle(sample: dict[str, Bars]) -> None:
    assert len(sample) == 5
    for bars in sample.values():
        assert_equals_oracle(bars, advance_rows(initial_state(), bars, 0).features)


def one_by_one(bars: Bars) -> tuple[np.ndarray, np.ndarray]:
    """State and feature rows when every bar comes alone and nothing but the state and 253 bars is kept."""
    state, rows = initial_state(), []
    for i in range(len(bars)):
        low = max(0, i - CONTEXT_BARS)
        kept = bars[low : i + 1]
        rows.append(advance_rows(state, kept, i - low).features[0])
        state, _ = advance_state(state, kept, i - low)
    return state, np.array(rows)


def test_no_drift_after_ten_years_of_single_updates(sample: dict[str, Bars]) -> None:
    bars = sample["IBM"]
    assert len(bars) > 2520
    _, rows = one_by_one(bars)
    assert_equals_oracle(bars, rows, last=252)


def test_no_trace_of_an_outlier_that_left_the_window() -> None:
    # A close that is wrong by a factor of a million for one bar adds squares of 190 to sums of 0.01.
    bars = scaled(walk(900, 3), slice(300, 301), 1e6)
    bars = scaled(bars, slice(500, None), 0.2)
    rows = advance_rows(initial_state(), bars, 0).features
    assert_equals_oracle(bars, rows, last=100)


def test_a_price_that_stands_still_is_no_number_out_of_nothing() -> None:
    bars = flat(walk(700, 1), slice(100, None))
    last = dict(zip(FEATURE_NAMES, advance_rows(initial_state(), bars, 0).features[-1], strict=True))
    assert last["volume_zscore_63"] == 0.0
    assert last["realised_variance_252"] < VANISHING
    assert last["overnight_rms_63"] < 1e-12
    assert last["log_range_variance_252"] == pytest.approx(np.log(1e-8))
    assert np.isfinite(list(last.values())).all()


@given(accidents(longest=900), st.lists(st.integers(0, 1000), max_size=12))
@example(walk(600), [64, 128, 129, 320])
@settings(max_examples=40)
def test_any_batching_gives_the_same_bits(bars: Bars, cuts: list[int]) -> None:
    whole_state, whole_snapshots = advance_state(initial_state(), bars, 0)
    whole_rows = advance_rows(initial_state(), bars, 0)
    state, done = initial_state(), 0
    snapshots, rows, daily = [], [], []
    for part in cut(bars, cuts):
        low = max(0, done - CONTEXT_BARS)
        seen = bars[low : done + len(part)]
        found = advance_rows(state, seen, done - low)
        rows.append(found.features)
        daily.append(found.range_variance)
        state, more = advance_state(state, seen, done - low)
        snapshots.append(more)
        done += len(part)
    assert state.tobytes() == whole_state.tobytes()
    assert np.concatenate(snapshots).tobytes() == whole_snapshots.tobytes()
    assert np.concatenate(rows).tobytes() == whole_rows.features.tobytes()
    assert np.concatenate(daily).tobytes() == whole_rows.range_variance.tobytes()


@given(accidents(), st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_later_bars_change_no_earlier_feature(bars: Bars, seed: int) -> None:
    half = len(bars) // 2 + 1
    other = Bars.concatenate([bars[:half], scaled(walk(len(bars), seed), slice(None), 3.0)[half:]])
    before = advance_rows(initial_state(), bars, 0).features[:half]
    assert advance_rows(initial_state(), other, 0).features[:half].tobytes() == before.tobytes()


def test_features_name_themselves_and_keep_their_lookback() -> None:
    bars = walk(400)
    rows = advance_rows(initial_state(), bars, 0).features
    for i, feature in enumerate(FEATURES):
        there = np.flatnonzero(np.isfinite(rows[:, i]))
        assert there[0] + 1 == feature.lookback, feature.name
        assert len(there) == len(bars) - feature.lookback + 1, feature.name
        # The declared lookback is also enough: a longer history changes no windowed feature.
        if feature.parameters and "ewma" not in feature.name and not feature.name.startswith(("rsi", "macd")):
            alone = advance_rows(initial_state(), bars[-feature.lookback :], 0).features[-1, i]
            assert alone == pytest.approx(rows[-1, i], rel=1e-12, abs=1e-14), feature.name
    assert len(set(FEATURE_NAMES)) == len(FEATURES)
    assert "realised_variance_21" in FEATURE_NAMES


def test_scale_changes_no_feature() -> None:
    bars = walk(500)
    rows = advance_rows(initial_state(), bars, 0).features
    np.testing.assert_allclose(
        advance_rows(initial_state(), scaled(bars, slice(None), 37.0), 0).features, rows, rtol=1e-9, atol=CANCELLING
    )


def test_missing_context_is_refused() -> None:
    bars = walk(400)
    state, _ = advance_state(initial_state(), bars, 0)
    with pytest.raises(ValueError, match="100 bars of context where 253 are needed"):
        advance_state(state, bars[300:], 100)


def test_rebased_states_count_from_the_true_beginning() -> None:
    bars = walk(400)
    state, _ = advance_state(initial_state(), bars, 0)
    moved = rebased(state, 640)
    assert moved[0] == 1040
    low = len(bars) - CONTEXT_BARS
    more = Bars.concatenate([bars[low:], walk(20, 1, start=dt.date(2020, 1, 1))])
    wanted = advance_rows(state, more, CONTEXT_BARS).features
    assert advance_rows(moved, more, CONTEXT_BARS).features.tobytes() == wanted.tobytes()


def test_one_update_takes_microseconds() -> None:
    bars = walk(1000)
    state, _ = advance_state(initial_state(), bars[:-1], 0)
    started = time.process_time()
    for _ in range(200):
        advance_state(state, bars, len(bars) - 1)
    # Some 10 µs, most of it Python's; a recomputation over the windows takes milliseconds.
    assert (time.process_time() - started) / 200 < 500e-6
