"""Messages between a service and its process for rows as of earlier dates (`streams.earlier`): msgpack behind its length."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

Message = TypeVar("Message")

LENGTH: Final = struct.Struct("<Q")


class Question(msgspec.Struct, frozen=True):
    """Which rows are wanted. `revision` is that of the last answer to the same question, empty if there is none."""

    date: dt.date
    tickers: tuple[str, ...]
    revision: str = ""


class Answer(msgspec.Struct, frozen=True):
    """The rows of the newest bars up to the date, encoded as in the table, and why others are missing, by ticker.

    `revision` stands for the bars and models that they were made of. `rows` is None if it is that of the question.
    """

    revision: str
    rows: tuple[bytes, ...] | None
    missing: dict[str, str]


def too_early(sessions: int | None, limit: int) -> str:
    """The reason for no row of a date that many sessions (None: unknown, but far) before the newest bar."""
    before = "long" if sessions is None else f"{sessions} sessions"
    return f"the end date is {before} before the newest bar: forecasts reach back {limit} sessions (EARLIER_SESSIONS)"


def encode_message(message: Any) -> bytes:
    """The message with its length before it."""
    payload = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(payload)) + payload


def read_message(read: Callable[[int], bytes], kind: type[Message]) -> Message | None:
    """The next message; None at the end of the stream. `read` returns that many bytes, or fewer at the end."""
    header = read(LENGTH.size)
    if len(header) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(header)
    payload = read(length)
    return msgspec.msgpack.decode(payload, type=kind) if len(payload) == length else None
