"""The formats of training requests and dead letters."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from errors import MessageError
from history.ticker_state import DueTraining
from records.versioned import Versioned

TRAINING_REQUEST_VERSION: Final = 1
#: Characters. Reasons are for people; the original bytes are kept whole.
_LONGEST_REASON: Final = 2000


class TrainingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A ticker's training up to `cutoff` (a day number) is due; `digest` (hex) identifies its bars."""

    schema_version: int = TRAINING_REQUEST_VERSION
    ticker: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    cutoff: int
    digest: str


_codec = Versioned(TrainingRequest, TRAINING_REQUEST_VERSION, json=True)


def encode_request(ticker: str, due: DueTraining) -> bytes:
    """A request as JSON."""
    return _codec.encode(TrainingRequest(ticker=ticker, cutoff=due.cutoff, digest=due.digest.hex()))


def decode_request(payload: bytes | None) -> TrainingRequest:
    """The request in these bytes. Raises MessageError or SchemaError."""
    return _codec.decode(payload or b"", "training request", lambda error: MessageError(f"not a training request: {error}"))


def dead_letter_headers(topic: str, partition: int, offset: int, reason: str) -> dict[str, bytes]:
    """Headers of a dead letter. Its key and value are those of the refused message, byte for byte."""
    values = {"reason": reason[:_LONGEST_REASON], "topic": topic, "partition": str(partition), "offset": str(offset)}
    return {name: value.encode() for name, value in values.items()}
