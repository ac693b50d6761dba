from __future__ import annotations

import datetime as dt
import math
import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from state.cache.codec import NotEncodableError, decode_value, encode_value
from state.cache.key import content_key

DAYS = pd.date_range("2024-01-02", periods=3)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes().map(lambda time: time.replace(fold=0))
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text() | st.integers(-9, 9) | st.dates(), inner, max_size=4)
    ),
    max_leaves=20,
)
numbers = arrays(
    st.sampled_from(["<f8", "<f4", "<i8", "<i4", "u1", "?", "<M8[ns]", "<M8[s]"]), array_shapes(min_dims=0, min_side=0)
)


def same(a: Any, b: Any) -> bool:
    """Equal in type, value and everything else; NaN equals NaN."""
    return content_key(a) == content_key(b)


@given(values | numbers)
def test_values_come_back_exactly(value: Any) -> None:
    back = decode_value(encode_value(value))
    assert type(back) is type(value)
    assert same(back, value)


@given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2, min_side=0)), st.booleans(), st.sampled_from([None, "date"]))
def test_frames_and_series_come_back_exactly(data: np.ndarray, mixed: bool, name: str | None) -> None:
    frame = pd.DataFrame(data, columns=[f"T{i}" for i in range(data.shape[1])])
    frame.index = pd.date_range("2024-01-02", periods=len(frame), name=name)
    if mixed:
        frame["text"] = "x"
        frame["number"] = np.arange(len(frame), dtype=np.int32)
    back = decode_value(encode_value(frame))
    pd.testing.assert_frame_equal(back, frame, check_freq=True)
    assert same(back, frame)
    for column in frame:
        series = decode_value(encode_value(frame[column]))
        pd.testing.assert_series_equal(series, frame[column], check_freq=True)


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame(),
        pd.DataFrame(index=DAYS),
        pd.DataFrame(columns=["a", "b"]),
        pd.DataFrame({"a": ["x", None, "y"]}),
        pd.DataFrame({"a": [1, None, "y"]}, dtype=object),
        pd.DataFrame(np.ones((2, 2)), columns=["a", "a"]),
        pd.DataFrame(np.ones((3, 1)), index=pd.DatetimeIndex(list(DAYS), name="date"), columns=pd.Index(["a"], name="ticker")),
        pd.DataFrame({"day": DAYS, "value": [1.0, math.nan, 3.0]}),
        pd.Series(dtype=float),
        pd.Series([1.0, math.nan], index=["AAPL", "MSFT"], name="annual_return"),
        pd.Series(["a", None], dtype="str"),
        pd.Series([True, False], index=pd.Index([3, 1], name="n"), name=("a", 1)),
        pd.Index(["a", "b"], name="x"),
        pd.RangeIndex(2, 20, 3, name="r"),
        np.array(["a", "bcd"]),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_odd_pandas_data_comes_back_exactly(value: Any) -> None:
    back = decode_value(encode_value(value))
    assert type(back) is type(value)
    assert same(back, value)
    if isinstance(value, pd.DataFrame):
        pd.testing.assert_frame_equal(back, value, check_freq=True)
    if isinstance(value, np.ndarray):
        assert back.flags.f_contiguous == value.flags.f_contiguous
        assert back.flags.writeable


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)
WITH_ATTRIBUTES = pd.DataFrame({"a": [1.0]})
WITH_ATTRIBUTES.attrs["source"] = "x"


@pytest.mark.parametrize(
    "value",
    [
        object(),
        threading.Lock(),
        {1, 2},
        1 << 64,
        -(1 << 64),
        "\ud800",
        ENDLESS,
        dt.datetime(2024, 1, 2, tzinfo=dt.UTC),
        dt.datetime(2024, 1, 2, fold=1),  # noqa: DTZ001
        pd.Timestamp("2024-01-02"),
        pd.Series(pd.Categorical(["a"])),
        pd.Series([1, None], dtype="Int64"),
        pd.DataFrame({"a": [object()]}),
        pd.DataFrame({"a": [1.0]}, index=pd.MultiIndex.from_tuples([("a", "b")])),
        pd.DataFrame({"a": [1.0]}, index=pd.DatetimeIndex(["2024-01-02"], tz="UTC")),
        WITH_ATTRIBUTES,
        np.array([None]),
        np.arange(3, dtype=">i4"),
        np.ma.masked_array([1.0], mask=[True]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_not_come_back_the_same_is_refused(value: Any) -> None:
    for where in (value, [value], {"a": (value,)}):
        with pytest.raises(NotEncodableError):
            encode_value(where)
