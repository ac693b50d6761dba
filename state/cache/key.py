"""A key over the whole content of a call: equal calls have equal keys, different calls have different keys.

Each value enters a BLAKE2b digest with its type and its length, so that neighbouring values cannot be confused. Types whose
content may not be covered completely are refused: a wrong key would serve the result of another call.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import hashlib
import inspect
import struct
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

KEY_BYTES: Final = 20


def call_key(function: Callable[..., Any], *args: Any, **kwargs: Any) -> bytes:
    """Key of a call: the function's module and qualified name, and all its arguments, in whatever way they were passed.

    Raises TypeError for an argument whose content cannot be covered completely; pass a `key_func` then.
    """
    bound = _signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    return content_key((function.__module__, function.__qualname__, dict(bound.arguments)))


def content_key(value: Any) -> bytes:
    """Digest of a value's whole content. Raises TypeError for an unknown type."""
    digest = hashlib.blake2b(f"{type(value).__module__}.{type(value).__qualname__}".encode(), digest_size=KEY_BYTES)
    for part in _content(value):
        digest.update(struct.pack("<Q", len(part)))
        digest.update(part)
    return digest.digest()


@functools.lru_cache(maxsize=1024)
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def _keys(*values: Any) -> list[bytes]:
    return [content_key(value) for value in values]


@functools.singledispatch
def _content(value: Any) -> Iterable[bytes]:
    """The content of a value, without its type, as a sequence of byte strings."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _keys(*(getattr(value, field.name) for field in dataclasses.fields(value)))
    raise TypeError(
        f"a {type(value).__module__}.{type(value).__qualname__} cannot be part of a cache key: its content may not be covered "
        "completely. Pass plain values, or give the cache a key_func"
    )


@_content.register(type(None))
@_content.register(int)
@_content.register(complex)
@_content.register(dt.date)
@_content.register(dt.time)
@_content.register(dt.timedelta)
@_content.register(Decimal)
@_content.register(type(pd.NaT))
@_content.register(type(pd.NA))
def _(value: object) -> Iterable[bytes]:
    return [repr(value).encode()]


@_content.register
def _(value: float) -> Iterable[bytes]:
    return [struct.pack("<d", value)]


@_content.register
def _(value: str) -> Iterable[bytes]:
    return [value.encode("utf-8", "surrogatepass")]


@_content.register
def _(value: bytes) -> Iterable[bytes]:
    return [value]


@_content.register
def _(value: enum.Enum) -> Iterable[bytes]:
    return [value.name.encode()]


@_content.register
def _(value: PurePath) -> Iterable[bytes]:
    return [str(value).encode()]


@_content.register
def _(value: pd.Timestamp) -> Iterable[bytes]:
    return [repr(value).encode(), value.unit.encode()]


@_content.register(list)
@_content.register(tuple)
def _(value: Iterable[Any]) -> Iterable[bytes]:
    return _keys(*value)


@_content.register(set)
@_content.register(frozenset)
def _(value: Iterable[Any]) -> Iterable[bytes]:
    return sorted(_keys(*value))


@_content.register
def _(value: dict) -> Iterable[bytes]:  # type: ignore[type-arg]  # singledispatch takes no generic types
    return sorted(content_key(key) + content_key(item) for key, item in value.items())


@_content.register
def _(value: msgspec.Struct) -> Iterable[bytes]:
    return _keys(*(getattr(value, name) for name in value.__struct_fields__))


@_content.register(np.ndarray)
@_content.register(np.generic)
def _(value: Any) -> Iterable[bytes]:
    array = np.asarray(value)
    shape = f"{array.dtype.descr}{array.shape}".encode()
    return [shape, *_keys(*array.ravel().tolist())] if array.dtype.hasobject else [shape, array.tobytes()]


@_content.register
def _(value: pd.DataFrame) -> Iterable[bytes]:
    dtypes = set(value.dtypes)
    if len(dtypes) == 1 and isinstance(next(iter(dtypes)), np.dtype):
        return _keys(value.index, value.columns, value.to_numpy())
    return _keys(value.index, value.columns, *(value.iloc[:, i].array for i in range(value.shape[1])))


@_content.register
def _(value: pd.Series) -> Iterable[bytes]:
    return _keys(value.name, value.index, value.array)


@_content.register
def _(value: pd.Index) -> Iterable[bytes]:
    return _keys(value.name, value.array)


@_content.register
def _(value: pd.MultiIndex) -> Iterable[bytes]:
    return _keys(list(value.names), *(value.get_level_values(i) for i in range(value.nlevels)))


@_content.register
def _(value: pd.api.extensions.ExtensionArray) -> Iterable[bytes]:
    return [repr(value.dtype).encode(), *_keys(value.astype(object))]


@_content.register
def _(value: pd.Categorical) -> Iterable[bytes]:
    return _keys(value.categories, value.ordered, value.codes)


@_content.register
def _(value: pd.arrays.NumpyExtensionArray) -> Iterable[bytes]:
    return _keys(value.to_numpy())


@_content.register(pd.arrays.DatetimeArray)
@_content.register(pd.arrays.TimedeltaArray)
def _(value: Any) -> Iterable[bytes]:
    return [repr(value.dtype).encode(), value.asi8.tobytes()]
