from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from state.cache.key import call_key, content_key
from tests.state.processes import run


@dataclasses.dataclass
class Point:
    x: float
    y: float


class Pair(msgspec.Struct):
    x: float
    y: float


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


DAYS = pd.date_range("2024-01-02", periods=3)
FRAME = pd.DataFrame({"AAPL": [1.0, 2.0, 3.0], "MSFT": [4.0, 5.0, 6.0]}, index=DAYS)

#: Every value of this list must have a key of its own.
DIFFERENT: list[Any] = [
    None, False, True, 0, 1, 2**70, 0.0, 1.0, float("nan"), float("inf"), 1j, "", "1", "None", b"", b"1",
    dt.date(2024, 1, 2), dt.datetime(2024, 1, 2), dt.datetime(2024, 1, 2, tzinfo=dt.UTC), dt.timedelta(1), dt.time(1),  # noqa: DTZ001
    Decimal(1), Decimal("1.0"), Path("a"), Colour.RED, Colour.BLUE, Point(1, 2), Point(2, 1), Pair(1, 2), Pair(2, 1),
    [], (), {}, set(), frozenset(), [1, 2], (1, 2), [2, 1], {1, 2}, [[1], 2], [[1, 2]], ["ab", "c"], ["a", "bc"], [None],
    {"a": 1, "b": 2}, {"a": 2, "b": 1}, {"a": {"b": 1}}, {1: "a"}, {"1": "a"},
    np.float64(1), np.float32(1), np.int64(1), np.int32(1), np.datetime64("2024-01-02"), np.bool_(True),
    np.arange(6), np.arange(6).reshape(2, 3), np.arange(6).reshape(3, 2), np.arange(6.0), np.arange(6, dtype=np.int32),
    np.array(["a", "b"]), np.array(["a", "b"], dtype=object), np.array([1, None], dtype=object),
    np.empty((0, 3)), np.empty((3, 0)),
    FRAME, FRAME.T, FRAME.astype("float32"), FRAME.rename(columns={"AAPL": "IBM"}), FRAME.set_axis(DAYS + pd.Timedelta(days=1)),
    FRAME.reset_index(drop=True), FRAME[["MSFT", "AAPL"]], FRAME.iloc[:2], FRAME.iloc[::-1], FRAME.rename_axis("date"),
    FRAME.rename_axis(columns="ticker"), FRAME.assign(AAPL=[1.0, 2.0, 4.0]), FRAME.assign(AAPL=[1, 2, 3]),
    FRAME.assign(AAPL=["a", "b", "c"]), FRAME.assign(AAPL=pd.Series(["a", "b", "c"], dtype=object, index=DAYS)),
    FRAME.assign(AAPL=pd.Categorical(["a", "b", "a"])),
    FRAME.assign(AAPL=pd.Categorical(["a", "b", "a"], categories=["b", "a"])),
    FRAME.assign(AAPL=pd.array([1, 2, None], dtype="Int64")), FRAME.assign(AAPL=DAYS), FRAME.set_axis(["A", "A"], axis=1),
    FRAME.tz_localize("UTC"), FRAME.tz_localize("Asia/Tokyo"), FRAME.iloc[:0], FRAME.iloc[:, :0], pd.DataFrame(),
    FRAME["AAPL"], FRAME["AAPL"].rename("MSFT"), FRAME["AAPL"].rename(None), FRAME["AAPL"].reset_index(drop=True),
    FRAME.index, FRAME.columns, pd.Index([1, 2]), pd.RangeIndex(2), pd.MultiIndex.from_product([["a"], ["b", "c"]]),
    pd.MultiIndex.from_product([["a"], ["b", "c"]], names=["x", "y"]), pd.NaT, pd.NA, pd.Timestamp("2024-01-02"),
    pd.Timestamp("2024-01-02", tz="UTC"), pd.Timedelta(days=1), pd.Timestamp("2024-01-02").as_unit("ns"),
]  # fmt: skip


def test_different_values_have_different_keys() -> None:
    keys: dict[bytes, Any] = {}
    for value in DIFFERENT:
        key = content_key(value)
        assert key not in keys, f"{value!r} and {keys[key]!r} have the same key"
        keys[key] = value


@pytest.mark.parametrize("value", DIFFERENT, ids=lambda value: type(value).__name__)
def test_a_value_in_another_place_or_nested_has_another_key(value: Any) -> None:
    assert len({content_key(v) for v in (value, [value], [[value]], (value,), {"a": value}, [value, None])}) == 6


def test_equal_values_have_equal_keys_however_they_were_made() -> None:
    assert content_key(FRAME) == content_key(FRAME.copy())
    assert content_key(FRAME) == content_key(pd.concat([FRAME[["AAPL"]], FRAME[["MSFT"]]], axis=1))
    assert content_key(FRAME.index) == content_key(pd.DatetimeIndex(list(DAYS)))
    assert content_key({"a": 1, "b": 2}) == content_key({"b": 2, "a": 1})
    assert content_key({1, 2, 3}) == content_key({3, 2, 1})
    array = np.arange(6.0).reshape(2, 3)
    assert content_key(array) == content_key(np.asfortranarray(array)) == content_key(np.arange(12.0).reshape(2, 6)[:, ::2] / 2)


def test_keys_are_the_same_in_every_process() -> None:
    code = """
        from state.cache.key import content_key
        print(content_key([{"b": 1, "a": {"x", "y", "z"}}, "text", 1.5]).hex())
    """
    here = content_key([{"b": 1, "a": {"x", "y", "z"}}, "text", 1.5]).hex()
    assert [run(code).stdout.strip() for _ in range(2)] == [here, here]


def test_a_correction_in_the_middle_of_a_long_history_is_seen() -> None:
    # A printed Series shows its first and last five values only.
    prices = pd.Series(np.linspace(100, 200, 5000), index=pd.date_range("2005-01-03", periods=5000), name="AAPL")
    corrected = prices.copy()
    corrected.iloc[2500] += 0.01
    assert repr(prices) == repr(corrected)
    assert content_key(prices) != content_key(corrected)
    assert content_key(prices.to_frame()) != content_key(corrected.to_frame())


@given(arrays(np.float64, (4, 3), elements=st.floats(-1e300, 1e300)), st.integers(0, 3), st.integers(0, 2))
def test_any_one_changed_value_changes_the_key(values: np.ndarray, row: int, column: int) -> None:
    changed = values.copy()
    changed[row, column] = np.nextafter(changed[row, column], np.inf)
    for make in (np.asarray, pd.DataFrame, lambda v: pd.Series(v[:, column]), lambda v: v.tolist()):
        assert content_key(make(values)) != content_key(make(changed))


@pytest.mark.parametrize("value", [object(), threading.Lock(), lambda: 1, len, Point, iter([1]), memoryview(b"x")])
def test_what_cannot_be_covered_whole_is_refused(value: Any) -> None:
    for where in (value, [value], {"a": value}, pd.Series([value], dtype=object)):
        with pytest.raises(TypeError, match="cannot be part of a cache key"):
            content_key(where)


def one(a: int, b: int = 2, *rest: int, **more: int) -> None: ...


def two(a: int, b: int = 2, *rest: int, **more: int) -> None: ...


def test_the_key_of_a_call_is_of_the_function_and_what_reaches_it() -> None:
    assert call_key(one, 1) == call_key(one, 1, 2) == call_key(one, a=1) == call_key(one, b=2, a=1)
    keys = [
        call_key(one, 1),
        call_key(two, 1),
        call_key(one, 2),
        call_key(one, 1, 3),
        call_key(one, 1, 2, 3),
        call_key(one, 1, c=2),
    ]
    assert len(set(keys)) == len(keys)
