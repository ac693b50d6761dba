"""The bytes of a cached value, without pickle: msgpack, with extension types for further types. Exact, or refused.

Covered: None, bool, int, float, str, bytes, list, tuple, dict, date, datetime without zone, NumPy arrays and scalars, and
pandas Series, DataFrame and Index of numbers, datetimes, strings or such objects.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec
import numpy as np
import pandas as pd

_TUPLE, _DICT, _DATE, _DATETIME, _ARRAY, _SCALAR, _OBJECTS, _STRINGS, _RANGE_INDEX, _DATETIME_INDEX, _INDEX, _SERIES, _FRAME = (
    range(13)
)
_LARGEST_INT: Final = 2**64
_SMALLEST_INT: Final = -(2**63)


class NotEncodableError(TypeError):
    """A value without an exact encoding in this codec."""


def encode_value(value: Any) -> bytes:
    """The bytes of the value. Raises NotEncodableError, a TypeError, if decoding would not give exactly the same value."""
    try:
        return msgspec.msgpack.encode(_plain(value))
    except (ValueError, OverflowError, RecursionError) as error:  # a lone surrogate, 4 GB, a list that contains itself
        raise NotEncodableError(f"no exact encoding: {error}") from error


def decode_value(payload: bytes) -> Any:
    """A new object, equal to the encoded object. Raises msgspec.MsgspecError or ValueError for other bytes."""
    return msgspec.msgpack.decode(payload, ext_hook=_restore)


def _ext(code: int, content: Any) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(code, msgspec.msgpack.encode(content))


def _plain(value: Any) -> Any:
    """The value, with extensions in the place of types that msgpack lacks."""
    if isinstance(value, np.ndarray):
        return _plain_array(value)
    if isinstance(value, np.generic) and value.dtype.kind in "biufmM":
        return _ext(_SCALAR, (value.dtype.str, value.tobytes()))
    encode = _BY_TYPE.get(type(value))
    if encode is None:
        raise NotEncodableError(f"no exact encoding for a {type(value).__module__}.{type(value).__qualname__}")
    return encode(value)


def _plain_int(value: int) -> int:
    if not _SMALLEST_INT <= value < _LARGEST_INT:
        raise NotEncodableError("no exact encoding for an int of more than 64 bits")
    return value


def _plain_datetime(value: dt.datetime) -> Any:
    if value.tzinfo is not None or value.fold:
        raise NotEncodableError("no exact encoding for a datetime with a time zone or fold")
    return _ext(_DATETIME, value.isoformat())


def _plain_dict(value: dict[Any, Any]) -> Any:
    return _ext(_DICT, [(_plain(key), _plain(item)) for key, item in value.items()])


def _plain_array(array: np.ndarray[Any, Any]) -> Any:
    if type(array) is not np.ndarray or array.dtype.kind not in "biufmMSU" or not array.dtype.isnative:
        raise NotEncodableError(f"no exact encoding for a {type(array).__qualname__} of {array.dtype}")
    order: Literal["C", "F"] = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    return _ext(_ARRAY, (array.dtype.str, array.shape, order, array.tobytes(order)))


def _plain_values(values: Any) -> Any:
    """The values of a column or an index: a NumPy array, strings, or objects that are encodable themselves."""
    if isinstance(values.dtype, pd.StringDtype):
        missing = "nan" if values.dtype.na_value is not pd.NA else "NA"
        texts = [None if text is pd.NA or text != text else text for text in values.astype(object)]  # noqa: PLR0124 - NaN
        return _ext(_STRINGS, (values.dtype.storage, missing, texts))
    if not isinstance(values.dtype, np.dtype):
        raise NotEncodableError(f"no exact encoding for values of type {values.dtype}")
    array = values.to_numpy()
    return _ext(_OBJECTS, [_plain(item) for item in array]) if array.dtype.hasobject else _plain_array(array)


def _plain_index(index: pd.Index) -> Any:
    if type(index) is pd.Index:
        return _ext(_INDEX, (_plain(index.name), _plain_values(index)))
    raise NotEncodableError(f"no exact encoding for a {type(index).__qualname__}")


def _plain_range_index(index: pd.RangeIndex) -> Any:
    return _ext(_RANGE_INDEX, (_plain(index.name), index.start, index.stop, index.step))


def _plain_datetime_index(index: pd.DatetimeIndex) -> Any:
    if index.tz is not None:
        raise NotEncodableError("no exact encoding for a DatetimeIndex with a time zone")
    return _ext(_DATETIME_INDEX, (_plain(index.name), index.freqstr, _plain_array(index.to_numpy())))


def _plain_series(series: pd.Series) -> Any:
    _refuse_attributes(series)
    return _ext(_SERIES, (_plain(series.name), _plain(series.index), _plain_values(series)))


def _plain_frame(frame: pd.DataFrame) -> Any:
    _refuse_attributes(frame)
    dtypes = set(frame.dtypes)
    if len(dtypes) == 1 and all(isinstance(dtype, np.dtype) and not dtype.hasobject for dtype in dtypes):
        values: Any = _plain_array(frame.to_numpy())
    else:
        values = [_plain_values(frame.iloc[:, i]) for i in range(frame.shape[1])]
    return _ext(_FRAME, (_plain(frame.index), _plain(frame.columns), values))


def _refuse_attributes(data: pd.DataFrame | pd.Series) -> None:
    if data.attrs or not data.flags.allows_duplicate_labels:
        raise NotEncodableError("no exact encoding for pandas data with attributes or flags")


def _same(value: Any) -> Any:
    return value


_BY_TYPE: Final[dict[type, Callable[[Any], Any]]] = {
    type(None): _same,
    bool: _same,
    float: _same,
    str: _same,
    bytes: _same,
    int: _plain_int,
    list: lambda value: [_plain(item) for item in value],
    tuple: lambda value: _ext(_TUPLE, [_plain(item) for item in value]),
    dict: _plain_dict,
    dt.date: lambda value: _ext(_DATE, value.isoformat()),
    dt.datetime: _plain_datetime,
    pd.Index: _plain_index,
    pd.RangeIndex: _plain_range_index,
    pd.DatetimeIndex: _plain_datetime_index,
    pd.Series: _plain_series,
    pd.DataFrame: _plain_frame,
}


def _restore(code: int, payload: memoryview) -> Any:
    content = msgspec.msgpack.decode(payload, ext_hook=_restore)
    restore = _RESTORE.get(code)
    if restore is None:
        raise ValueError(f"unknown extension {code} in a cached value")
    return restore(content)


def _array(content: list[Any]) -> np.ndarray[Any, Any]:
    dtype, shape, order, data = content
    return np.frombuffer(data, dtype=dtype).reshape(shape, order=order).copy(order)


def _objects(items: list[Any]) -> np.ndarray[Any, Any]:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def _strings(content: list[Any]) -> Any:
    storage, missing, texts = content
    dtype = pd.StringDtype(storage, na_value=np.nan if missing == "nan" else pd.NA)
    return pd.array(texts, dtype=dtype)


def _index(content: list[Any]) -> pd.Index:
    name, values = content
    index: pd.Index = pd.Index(values, dtype=values.dtype, name=name)
    return index


def _range_index(content: list[Any]) -> pd.RangeIndex:
    name, start, stop, step = content
    return pd.RangeIndex(start, stop, step, name=name)


def _series(content: list[Any]) -> pd.Series:
    name, index, values = content
    series: pd.Series = pd.Series(values, index=index, name=name, dtype=values.dtype)
    return series


def _frame(content: list[Any]) -> pd.DataFrame:
    index, columns, values = content
    if isinstance(values, np.ndarray):
        return pd.DataFrame(values, index=index, columns=columns)
    frame: pd.DataFrame = pd.DataFrame({i: pd.Series(v, index=index, dtype=v.dtype) for i, v in enumerate(values)}, index=index)
    frame.columns = columns
    return frame


_RESTORE: Final[dict[int, Callable[[Any], Any]]] = {
    _TUPLE: tuple,
    _DICT: dict,
    _DATE: dt.date.fromisoformat,
    _DATETIME: dt.datetime.fromisoformat,
    _ARRAY: _array,
    _SCALAR: lambda content: np.frombuffer(content[1], dtype=content[0])[0],
    _OBJECTS: _objects,
    _STRINGS: _strings,
    _RANGE_INDEX: _range_index,
    _DATETIME_INDEX: lambda content: pd.DatetimeIndex(content[2], freq=content[1], name=content[0]),
    _INDEX: _index,
    _SERIES: _series,
    _FRAME: _frame,
}
