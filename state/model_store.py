"""Trained models as bytes, on disk and in memory, with the time of storing, from which their age follows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import msgspec
from cachetools import LRUCache

from errors import StateCorruptError
from records.versioned import Versioned
from state.database import Database

STORED_VERSION: Final = 1
#: A trained ticker takes some 70 kB, so 256 of them take 18 MB.
MEMORY_ENTRIES: Final = 256


class StoredModel(msgspec.Struct, frozen=True, array_like=True):
    """A payload and when it was stored (seconds since 1970)."""

    schema_version: int
    stored_at: float
    payload: bytes


_codec = Versioned(StoredModel, STORED_VERSION)


class ModelStore:
    """Payloads by ticker, for one thread. An expired payload must be trained again, and serves until then."""

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
        self._memory: LRUCache[str, tuple[float, StoredModel]] = LRUCache(MEMORY_ENTRIES)

    def put(self, ticker: str, payload: bytes) -> None:
        """Store a payload with the current time. Raises StateWriteError if the disk refuses."""
        stored = StoredModel(STORED_VERSION, self._clock(), payload)
        self._database.write([(ticker.encode(), encode_stored(stored))])
        self._memory[ticker] = (self._clock(), stored)

    def get(self, ticker: str) -> bytes | None:
        """The payload of any age, or None. Raises SchemaError or StateCorruptError."""
        stored = self._stored(ticker)
        return None if stored is None else stored.payload

    def has_expired(self, ticker: str) -> bool:
        """Whether there is no payload, or a payload of `ttl_seconds` or older. Raises as `get` does."""
        stored = self._stored(ticker)
        # A time in the future means that the clock was set back: it is as doubtful as a time as far in the past.
        return stored is None or abs(self._clock() - stored.stored_at) >= self._ttl

    def _stored(self, ticker: str) -> StoredModel | None:
        remembered = self._memory.get(ticker)
        if remembered is not None and abs(self._clock() - remembered[0]) < self._memory_ttl:
            return remembered[1]
        payload = self._database.get(ticker.encode())
        if payload is None:
            self._memory.pop(ticker, None)
            return None
        stored = decode_stored(ticker, payload)
        self._memory[ticker] = (self._clock(), stored)
        return stored


def encode_stored(stored: StoredModel) -> bytes:
    """The value under a ticker, in this store or another table."""
    return _codec.encode(stored)


def decode_stored(ticker: str, payload: bytes) -> StoredModel:
    """The stored model in these bytes. Raises SchemaError for a newer version, StateCorruptError for any other bytes."""
    return _codec.decode(
        payload,
        f"{ticker}: its stored model",
        lambda error: StateCorruptError(
            f"{ticker}: its stored model cannot be decoded ({error}); delete the folder models.db and run again"
        ),
    )
