"""A model as bytes: its fields in msgpack, arrays raw, with its name and a schema version. Never pickle."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec
import numpy as np

from errors import StateCorruptError
from records.versioned import check_version

_ARRAY: Final = 1
_DTYPES: Final = frozenset({"<f4", "<f8", "<i4", "<i8"})

Content = TypeVar("Content")


class _RawArray(msgspec.Struct, frozen=True, array_like=True):
    dtype: str
    shape: tuple[int, ...]
    data: bytes


class _Packed(msgspec.Struct, frozen=True):
    kind: str
    schema_version: int
    content: msgspec.Raw


def pack(kind: str, version: int, content: object) -> bytes:
    """The bytes of a dataclass of numbers, strings, tuples, arrays and such dataclasses; equal content gives equal bytes."""
    body = msgspec.msgpack.encode(content, enc_hook=_pack_array)
    return msgspec.msgpack.encode(_Packed(kind, version, msgspec.Raw(body)))


def unpack(payload: bytes, kind: str, version: int, content_type: type[Content]) -> Content:
    """The content that `pack` was given, its arrays read-only.

    Raises SchemaError for a version newer than `version`, StateCorruptError for anything but a packed `kind` whose fields have
    the types of `content_type`.
    """
    try:
        packed = msgspec.msgpack.decode(payload, type=_Packed)
        if packed.kind != kind:
            raise StateCorruptError(f"stored model of kind {packed.kind!r} where {kind!r} is expected: train it again")
        check_version(f"stored model {kind!r}", packed.schema_version, version)
        return msgspec.msgpack.decode(packed.content, type=content_type, ext_hook=_unpack_array)
    except (msgspec.MsgspecError, ValueError, UnicodeDecodeError) as error:
        raise StateCorruptError(f"stored model {kind!r} cannot be read ({error}): train it again") from error


def _pack_array(value: object) -> msgspec.msgpack.Ext:
    if not isinstance(value, np.ndarray) or value.dtype.str not in _DTYPES:
        raise TypeError(f"a model's content cannot hold {type(value).__name__} {getattr(value, 'dtype', '')}")
    raw = _RawArray(value.dtype.str, value.shape, value.tobytes())
    return msgspec.msgpack.Ext(_ARRAY, msgspec.msgpack.encode(raw))


def _unpack_array(code: int, data: memoryview) -> np.ndarray:
    raw = msgspec.msgpack.decode(data, type=_RawArray)
    if code != _ARRAY or raw.dtype not in _DTYPES:
        raise ValueError(f"unknown extension {code} or dtype {raw.dtype}")
    return np.frombuffer(raw.data, dtype=raw.dtype).reshape(raw.shape)
