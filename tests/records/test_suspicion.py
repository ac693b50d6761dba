"""Which bars are hardly true, and which are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import Bars, SuspicionRule, date_of, suspicions
from records.units import LASTING_BARS, in_one_unit, total_returns, unit_stretches

DAYS = 120
PRICES = ("open", "high", "low", "close")


def quiet(count: int = DAYS, seed: int = 0) -> dict[str, np.ndarray]:
    """Columns of a share that moves by about 1 % a day."""
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(0.01 * rng.standard_normal(count)))
    opening = np.concatenate([close[:1], close[:-1]]) * np.exp(0.002 * rng.standard_normal(count))
    return {
        "open": opening,
        "high": np.maximum(opening, close) * 1.002,
        "low": np.minimum(opening, close) * 0.998,
        "close": close,
        "volume": np.round(np.exp(13 + 0.3 * rng.standard_normal(count))),
    }


def scaled(columns: dict[str, np.ndarray], rows: slice, factor: float) -> dict[str, np.ndarray]:
    columns = {name: column.copy() for name, column in columns.items()}
    for name in PRICES:
        columns[name][rows] *= factor
    return columns


def bars_of(columns: dict[str, np.ndarray]) -> Bars:
    days = np.arange(len(columns["close"]), dtype=np.int32)
    return Bars.of(days, **{name: column.copy() for name, column in columns.items()})


def found(columns: dict[str, np.ndarray]) -> list[tuple[int, SuspicionRule]]:
    bars = bars_of(columns)
    return [((one.date - date_of(0)).days, one.rule) for one in suspicions("ABC", bars)]


@given(st.integers(0, 2**32 - 1), st.integers(0, 300))
def test_ordinary_bars_are_not_suspect(seed: int, count: int) -> None:
    assert found(quiet(count, seed)) == []


@pytest.mark.parametrize("factor", [100.0, 0.01])
def test_a_price_off_by_a_hundred_is_hundredfold_and_the_way_back_is_not(factor: float) -> None:
    assert found(scaled(quiet(), slice(70, 71), factor)) == [(70, SuspicionRule.HUNDREDFOLD)]


@pytest.mark.parametrize("factor", [100.0, 0.01])
@pytest.mark.parametrize("length", [2, 5, LASTING_BARS])
@pytest.mark.parametrize("first", [1, 70, -1])
def test_each_bar_of_a_hundredfold_stretch_is_reported_and_the_first_right_bar_is_not(first: int, length: int, factor: float):
    first = first if first > 0 else DAYS - length  # the last bars that are known, which may still be mended
    columns = scaled(quiet(), slice(first, first + length), factor)
    assert found(columns) == [(row, SuspicionRule.HUNDREDFOLD) for row in range(first, first + length)]


@pytest.mark.parametrize("factor", [100.0, 0.01])
@pytest.mark.parametrize("stop", [70 + LASTING_BARS + 1, DAYS])
def test_a_level_that_lasts_is_another_unit(stop: int, factor: float):
    columns = scaled(quiet(), slice(70, stop), factor)
    assert found(columns) == [(row, SuspicionRule.UNIT_CHANGE) for row in (70, stop) if row < DAYS]


@pytest.mark.parametrize("factor", [100.0, 1 / 88.0])
@pytest.mark.parametrize("length", [1, 3, LASTING_BARS])
@pytest.mark.parametrize("count", [2 * LASTING_BARS + 1, DAYS])
def test_a_wrong_beginning_is_found_by_the_level_that_lasts(count: int, length: int, factor: float):
    columns = scaled(quiet(count), slice(0, length), factor)
    assert found(columns) == [(row, SuspicionRule.HUNDREDFOLD) for row in range(length)]
    bars = bars_of(columns)
    left = in_one_unit(bars, unit_stretches(bars, total_returns(bars)))
    np.testing.assert_array_equal(left.close, quiet(count)["close"][length:])
    assert f"close {bars.close[0]:g} before {bars.close[length]:g}" == suspicions("ABC", bars)[0].evidence


def test_of_two_levels_that_are_both_too_short_neither_passes():
    columns = scaled(quiet(2 * LASTING_BARS), slice(0, LASTING_BARS), 100.0)
    assert found(columns) == [(row, SuspicionRule.HUNDREDFOLD) for row in range(2 * LASTING_BARS)]


def test_a_beginning_to_which_prices_return_is_right_unless_it_is_too_short():
    assert found(scaled(quiet(), slice(1, 4), 100.0)) == [(row, SuspicionRule.HUNDREDFOLD) for row in (1, 2, 3)]
    wrong_twice = scaled(scaled(quiet(), slice(0, 1), 100.0), slice(5, 6), 100.0)
    assert found(wrong_twice) == [(row, SuspicionRule.HUNDREDFOLD) for row in range(6)]


def test_a_beginning_long_enough_is_brought_into_the_unit_that_follows():
    assert found(scaled(quiet(), slice(0, LASTING_BARS + 1), 100.0)) == [(LASTING_BARS + 1, SuspicionRule.UNIT_CHANGE)]


@pytest.mark.parametrize("first", [3, 70, DAYS - 5])
def test_a_split_that_explains_the_move_is_no_other_unit(first: int):
    columns = scaled(quiet(), slice(first, None), 100.0)
    columns["volume"][first] *= 8  # what is left to say of such a jump is that nothing confirms it
    split = np.ones(DAYS)
    split[first] = 0.01
    assert found({**columns, "split": split}) == []
    bars = bars_of({**columns, "split": split})
    assert unit_stretches(bars, total_returns(bars)) == []


def test_a_split_does_not_excuse_another_move_than_its_own():
    split = np.ones(DAYS)
    split[70] = 2.0
    assert found({**scaled(quiet(), slice(70, 71), 100.0), "split": split}) == [(70, SuspicionRule.HUNDREDFOLD)]


def test_a_spike_beside_a_hundredfold_price_is_seen_as_without_it():
    columns = scaled(scaled(quiet(), slice(70, 73), 100.0), slice(74, 75), 1.5)
    assert found(columns) == [*((row, SuspicionRule.HUNDREDFOLD) for row in (70, 71, 72)), (74, SuspicionRule.SPIKE)]


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.integers(0, DAYS), st.integers(1, 3 * LASTING_BARS)), max_size=3),
    st.sampled_from([100.0, 0.01]),
)
def test_no_hundredfold_return_is_left(seed: int, stretches: list[tuple[int, int]], factor: float):
    columns = quiet(seed=seed)
    wrong = np.zeros(DAYS, bool)
    for first, length in stretches:
        wrong[first : first + length] = True
    bars = bars_of({**columns, **{name: np.where(wrong, factor, 1.0) * columns[name] for name in PRICES}})
    left = in_one_unit(bars, unit_stretches(bars, total_returns(bars)))
    right = bars_of(columns)[np.isin(bars.day, left.day)]
    unit = left.close[-1] / right.close[-1] if len(left) else 1.0
    assert min(abs(unit - one) for one in (1.0, 100.0, 0.01)) < 1e-9
    for name in PRICES:
        np.testing.assert_allclose(getattr(left, name), unit * getattr(right, name), rtol=1e-12)
    np.testing.assert_array_equal(left.volume, right.volume)
    assert len(left) >= DAYS - wrong.sum() - 2 * LASTING_BARS


@pytest.mark.parametrize("factor", [1 / 2, 1 / 3, 2 / 3, 1 / 20, 10.0])
def test_an_unreported_split_is_found(factor: float) -> None:
    columns = scaled(quiet(), slice(70, None), factor)
    assert found(columns) == [(70, SuspicionRule.MISSING_SPLIT)]
    split = np.ones(DAYS)
    split[70] = 1 / factor
    # With the split given the prices before would have been adjusted: whatever it is, this is another matter.
    assert (70, SuspicionRule.MISSING_SPLIT) not in found({**columns, "split": split})


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.25, 1.5, 1.6, 2.0])
def test_a_spike_that_the_next_day_takes_back(factor: float) -> None:
    columns = scaled(quiet(), slice(70, 71), factor)
    assert found(columns) == [(70, SuspicionRule.SPIKE)]


def test_a_spike_is_found_with_the_next_bar_and_not_before() -> None:
    columns = scaled(quiet(), slice(70, 71), 0.8)
    assert found({name: column[:71] for name, column in columns.items()}) == []
    assert found({name: column[:72] for name, column in columns.items()}) == [(70, SuspicionRule.SPIKE)]


def test_a_jump_counts_by_its_volume() -> None:
    columns = scaled(quiet(), slice(70, None), 0.7)
    columns["open"][70] = columns["close"][69]  # it fell during the day, so it is no split
    columns["high"][70] = columns["open"][70] * 1.01
    assert found(columns) == [(70, SuspicionRule.UNCONFIRMED_JUMP)]
    columns["volume"][70] *= 8
    assert found(columns) == []


def test_no_volume_counts_where_there_usually_is_some() -> None:
    columns = quiet()
    columns["volume"][70] = 0.0
    assert found(columns) == [(70, SuspicionRule.ZERO_VOLUME)]
    columns["volume"][:] = 0.0  # an index
    assert found(columns) == []


def test_dividends_are_not_moves() -> None:
    columns = scaled(quiet(), slice(70, None), 0.75)
    dividend = np.zeros(DAYS)
    dividend[70] = 0.25 * columns["close"][69]
    assert found({**columns, "dividend": dividend}) == []


@pytest.mark.parametrize("row", [1, 70, DAYS - 1])
@pytest.mark.parametrize("then", [1.0, 100.0])
def test_a_hundredfold_dividend_is_held_out_with_its_bar_alone(row: int, then: float) -> None:
    columns = scaled(quiet(), slice(row + 1, row + 2), then)  # the next bar is judged by itself
    dividend = np.zeros(DAYS)
    dividend[row] = 100 * columns["close"][row]
    wrong = [row, row + 1] if then != 1.0 and row + 1 < DAYS else [row]
    assert found({**columns, "dividend": dividend}) == [(one, SuspicionRule.HUNDREDFOLD) for one in wrong]
    bars = bars_of({**columns, "dividend": dividend})
    left = in_one_unit(bars, unit_stretches(bars, total_returns(bars)))
    assert left.day.tolist() == [day for day in range(DAYS) if day not in wrong]
    assert f" with a dividend of {dividend[row]:g} after " in suspicions("ABC", bars)[0].evidence


@given(st.integers(0, 2**32 - 1), st.integers(2, DAYS), st.sampled_from([0.01, 0.5, 0.8, 1.4, 100.0]))
def test_a_report_on_a_bar_needs_no_bar_after_the_next(seed: int, stop: int, factor: float) -> None:
    columns = scaled(quiet(seed=seed), slice(60, 61), factor)
    whole = found(columns)
    part = found({name: column[:stop] for name, column in columns.items()})
    assert [one for one in part if one[0] < stop - 1] == [one for one in whole if one[0] < stop - 1]
