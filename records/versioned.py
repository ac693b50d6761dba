"""Schema versions of messages and stored values: a version newer than this code is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec

from errors import ForecastingError, SchemaError

Value = TypeVar("Value", bound=msgspec.Struct)

#: What msgspec raises for bytes that are not a value of the expected type.
MALFORMED: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def check_version(what: str, version: int, newest: int, *, oldest: int = 0, remedy: str = "") -> None:
    """Raise SchemaError for a version outside `oldest` to `newest`; `remedy` says what to do about an older version.

    `what` names the value, with its ticker if it has one.
    """
    if version > newest:
        raise SchemaError(f"{what} has schema version {version}; this process knows up to {newest}: upgrade it first")
    if version < oldest:
        raise SchemaError(f"{what} has schema version {version}; this process reads {oldest} to {newest}: {remedy}")


class _ByName(msgspec.Struct):
    schema_version: int = 0


class _ByPosition(msgspec.Struct, array_like=True):
    schema_version: int = 0


class Versioned(Generic[Value]):
    """Bytes of one kind of struct that has a field `schema_version`, in msgpack, or in JSON with `json`.

    The field comes first in structs that are encoded as arrays. `newest` is the version that this code writes; it reads those
    from `oldest` on, and `remedy` says what to do about older versions.
    """

    def __init__(self, kind: type[Value], newest: int, *, oldest: int = 0, remedy: str = "", json: bool = False) -> None:
        form = msgspec.json if json else msgspec.msgpack
        peeked: type[_ByName | _ByPosition] = _ByPosition if kind.__struct_config__.array_like else _ByName
        self._newest, self._oldest, self._remedy = newest, oldest, remedy
        self.encode: Final[Callable[[Value], bytes]] = form.Encoder().encode
        self._decoder = form.Decoder(kind)
        self._version_decoder = form.Decoder(peeked)

    def decode(self, payload: bytes, what: str, malformed: Callable[[Exception], ForecastingError]) -> Value:
        """The value in these bytes. Raises SchemaError, naming `what` it is, for a version that this code does not know.

        For any other bytes raises what `malformed` makes of msgspec's error.
        """
        try:
            value: Value = self._decoder.decode(payload)
        except MALFORMED as error:
            self._check_bytes(payload, what)
            raise malformed(error) from error
        version: int = value.schema_version  # type: ignore[attr-defined]  # every kind has it
        if not self._oldest <= version <= self._newest:
            check_version(what, version, self._newest, oldest=self._oldest, remedy=self._remedy)
        return value

    def _check_bytes(self, payload: bytes, what: str) -> None:
        """Bytes of another version may have other fields: their version alone is read."""
        try:
            version = self._version_decoder.decode(payload).schema_version
        except MALFORMED:
            return
        check_version(what, version, self._newest, oldest=self._oldest if version else 0, remedy=self._remedy)
