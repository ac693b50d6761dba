"""Trained models as bytes, on disk and in memory, each with the time at which it is due to be trained again."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from errors import SchemaError, StateCorruptError
from state.database import Database

STORED_VERSION: Final = 1
#: A trained ticker is some 70 kB: 256 of them are 18 MB.
MEMORY_ENTRIES: Final = 256


class StoredModel(msgspec.Struct, frozen=True, array_like=True):
    """A payload and when it was stored (seconds since 1970)."""

    schema_version: int
    stored_at: float
    payload: bytes


class _Version(msgspec.Struct, array_like=True):
    schema_version: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(StoredModel)
_version_decoder = msgspec.msgpack.Decoder(_Version)


class ModelStore:
    """Payloads by ticker, for one thread. An expired one is due to be trained again, and serves until that is done."""

    def __init__(
        self,
        database: Database,
        *,
        memory_ttl_seconds: float = 3600.0,
        ttl_seconds: float = 86400.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._memory_ttl = memory_ttl_seconds
        self._ttl = ttl_seconds
        self._clock = clock
        self._memory: OrderedDict[str, tuple[float, StoredModel]] = OrderedDict()

    def put(self, ticker: str, payload: bytes) -> None:
        """Store a payload as of now. Raises StateWriteError when the disk refuses."""
        stored = StoredModel(STORED_VERSION, self._clock(), payload)
        self._database.write([(ticker.encode(), encode_stored(stored))])
        self._remember(ticker, stored)

    def get(self, ticker: str) -> bytes | None:
        """The payload however old, or None when there is none. Raises SchemaError or StateCorruptError."""
        stored = self._stored(ticker)
        return None if stored is None else stored.payload

    def has_expired(self, ticker: str) -> bool:
        """Whether there is no payload, or one that is `ttl_seconds` old and due to be trained again. Raises as `get` does."""
        stored = self._stored(ticker)
        # A stamp from the future is a clock that was set back: as doubtful as one that lies as far in the past.
        return stored is None or abs(self._clock() - stored.stored_at) >= self._ttl

    def _stored(self, ticker: str) -> StoredModel | None:
        remembered = self._memory.get(ticker)
        if remembered is not None and abs(self._clock() - remembered[0]) < self._memory_ttl:
            self._memory.move_to_end(ticker)
            return remembered[1]
        payload = self._database.get(ticker.encode())
        if payload is None:
            self._memory.pop(ticker, None)
            return None
        stored = decode_stored(ticker, payload)
        self._remember(ticker, stored)
        return stored

    def _remember(self, ticker: str, stored: StoredModel) -> None:
        self._memory[ticker] = (self._clock(), stored)
        self._memory.move_to_end(ticker)
        while len(self._memory) > MEMORY_ENTRIES:
            self._memory.popitem(last=False)


def encode_stored(stored: StoredModel) -> bytes:
    """The value under a ticker, in this store or in any other table."""
    return _encoder.encode(stored)


def decode_stored(ticker: str, payload: bytes) -> StoredModel:
    """The stored model in these bytes. Raises SchemaError for a newer version, StateCorruptError for anything else."""
    try:
        version = _version_decoder.decode(payload).schema_version
        if version > STORED_VERSION:
            raise SchemaError(
                f"{ticker}: its stored model is of schema version {version}, this process knows up to {STORED_VERSION}: "
                "upgrade it first"
            )
        return _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StateCorruptError(
            f"{ticker}: its stored model cannot be decoded ({error}); delete the folder models.db and run again"
        ) from error
