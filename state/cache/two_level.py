"""`cached(l1_ttl, l2_ttl)`: results of functions, in memory and in RocksDB, keyed by the whole content of their arguments.

The decorator uses the cache of the process (`use_cache`). Without one, results are kept in memory alone.
"""

from __future__ import annotations

import copy
import functools
import logging
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, ParamSpec, Self, TypeVar, cast

import msgspec
from cachetools import LRUCache

from errors import StateError
from state.cache.codec import NotEncodableError, decode_value, encode_value
from state.cache.key import call_key, content_key
from state.database import Database

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Decorator = Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]

logger = logging.getLogger(__name__)

#: Version of the values on disk; values of other versions are computed again.
_STORED_VERSION: Final = 2
_REMEDY: Final = "delete that folder; its values are computed again"
_VALUE: Final = b"v"
_EXPIRY: Final = b"e"


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    schema_version: int
    stored_at: float
    value: bytes
    checksum: int

    def decoded(self) -> Any:
        """The value. Raises msgspec.MsgspecError, ValueError or TypeError if the bytes have changed."""
        if self.checksum != zlib.crc32(self.value):
            raise ValueError("its checksum does not match")
        return decode_value(self.value)


_decoder = msgspec.msgpack.Decoder(_Stored)
_encoder = msgspec.msgpack.Encoder()


class _Remembered:
    """A value in memory, as bytes if it has an exact encoding: no caller can change the value for the next caller."""

    def __init__(self, value: Any, encoded: bytes | None, expires_at: float) -> None:
        self._value = copy.deepcopy(value) if encoded is None else None
        self._encoded = encoded
        self.expires_at = expires_at

    def value(self) -> Any:
        return copy.deepcopy(self._value) if self._encoded is None else decode_value(self._encoded)


class TwoLevelCache:
    """Memory (at most `max_entries`, the least recently used leaves first) over a RocksDB at `path` (None: memory alone).

    Thread-safe. A damaged RocksDB is renamed, with a warning, and replaced by an empty database. One process at a time may open
    a path: raises StateLockedError or StateWriteError. The `clock` returns seconds since 1970, because the disk outlives the
    process.
    """

    def __init__(self, path: Path | None, *, max_entries: int = 256, clock: Callable[[], float] = time.time) -> None:
        self._database = None if path is None else Database.open_writer(Path(path), remedy=_REMEDY, replace_damaged=True)
        self._clock = clock
        self._mutex = threading.Lock()
        self._memory: LRUCache[bytes, _Remembered] = LRUCache(max_entries)
        self._computing: dict[bytes, Future[_Remembered]] = {}
        self._warned: set[tuple[str, str]] = set()

    def cached(self, l1_ttl: float, l2_ttl: float, key_func: Callable[..., Any] | None = None) -> Decorator[Parameters, Result]:
        """As the module's `cached`, bound to this cache."""
        return _decorator(lambda: self, l1_ttl, l2_ttl, key_func)

    def get_or_compute(self, key: bytes, compute: Callable[[], Result], *, l1_ttl: float, l2_ttl: float, name: str) -> Result:
        """The cached result under `key`, or a new result, computed once for all simultaneous calls.

        An error of `compute` is raised in all waiting calls, and not cached. `name` is the function's name in the log.
        """
        with self._mutex:
            remembered = self._memory.get(key)
            if remembered is not None and self._clock() >= remembered.expires_at:
                remembered = None
            running = self._computing.get(key)
            if remembered is None and running is None:
                mine: Future[_Remembered] = Future()
                self._computing[key] = mine
        if remembered is not None:
            return cast("Result", remembered.value())
        if running is not None:
            return cast("Result", running.result().value())
        try:
            result, remembered = self._from_disk_or_compute(key, compute, l1_ttl, l2_ttl, name)
        except BaseException as error:
            with self._mutex:
                del self._computing[key]
            mine.set_exception(error)
            raise
        with self._mutex:
            self._memory[key] = remembered
            del self._computing[key]
        mine.set_result(remembered)
        return result

    def close(self) -> None:
        """Close the disk level and clear the memory; idempotent."""
        with self._mutex:
            self._memory.clear()
        if self._database is not None:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _from_disk_or_compute(
        self, key: bytes, compute: Callable[[], Result], l1_ttl: float, l2_ttl: float, name: str
    ) -> tuple[Result, _Remembered]:
        on_disk = self._read(key, l2_ttl, name)
        if on_disk is not None:
            value, stored = on_disk
            # A result in memory must not outlive its time on disk.
            expires_at = min(self._clock() + l1_ttl, stored.stored_at + l2_ttl)
            return value, _Remembered(None, stored.value, expires_at)
        result = compute()
        try:
            encoded = encode_value(result)
        except NotEncodableError as error:
            self._warn_once(name, "kept in memory only", error)
            return result, _Remembered(result, None, self._clock() + l1_ttl)
        self._write(key, encoded, l2_ttl, name)
        return result, _Remembered(None, encoded, self._clock() + l1_ttl)

    def _read(self, key: bytes, l2_ttl: float, name: str) -> tuple[Any, _Stored] | None:
        if self._database is None:
            return None
        try:
            payload = self._database.get(_VALUE + key)
            if payload is None:
                return None
            stored = _decoder.decode(payload)
            if stored.schema_version != _STORED_VERSION or not 0 <= self._clock() - stored.stored_at < l2_ttl:
                return None
            return stored.decoded(), stored
        except (StateError, msgspec.MsgspecError, ValueError, TypeError) as error:
            self._warn_once(name, "computed again, since the cached value on disk cannot be read", error)
            return None

    def _write(self, key: bytes, encoded: bytes, l2_ttl: float, name: str) -> None:
        if self._database is None or l2_ttl <= 0:
            return
        now = self._clock()
        try:
            self._database.write(
                [
                    *self._expired(self._database, now),
                    (_VALUE + key, _encoder.encode(_Stored(_STORED_VERSION, now, encoded, zlib.crc32(encoded)))),
                    (_EXPIRY + int(now + l2_ttl).to_bytes(8, "big") + key, b""),
                ]
            )
        except StateError as error:
            self._warn_once(name, "kept in memory only", error)

    def _expired(self, database: Database, now: float) -> list[tuple[bytes, None]]:
        """Deletions of expired entries: keys change with their data, so most entries are never requested again."""
        gone: list[tuple[bytes, None]] = []
        for entry, _ in database.iterate(_EXPIRY):
            expires_at, key = int.from_bytes(entry[1:9], "big"), entry[9:]
            if expires_at >= now:
                break
            gone += [(entry, None), (_VALUE + key, None)]
        return gone

    def _warn_once(self, name: str, what: str, error: Exception) -> None:
        if (name, what) not in self._warned:
            self._warned.add((name, what))
            logger.warning("result not cached correctly function=%s problem=%s reason=%s", name, what, error)


def _decorator(
    cache: Callable[[], TwoLevelCache], l1_ttl: float, l2_ttl: float, key_func: Callable[..., Any] | None
) -> Decorator[Parameters, Result]:
    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        name = f"{function.__module__}.{function.__qualname__}"

        @functools.wraps(function)
        def wrapper(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            key = call_key(function, *args, **kwargs) if key_func is None else content_key((name, key_func(*args, **kwargs)))
            return cache().get_or_compute(key, lambda: function(*args, **kwargs), l1_ttl=l1_ttl, l2_ttl=l2_ttl, name=name)

        return wrapper

    return decorate


_process_cache = TwoLevelCache(None)


def use_cache(cache: TwoLevelCache) -> TwoLevelCache:
    """Make `cached` functions of this process use `cache`. Returns the previous cache, for its owner to close."""
    global _process_cache
    previous, _process_cache = _process_cache, cache
    return previous


def cached(l1_ttl: float, l2_ttl: float, key_func: Callable[..., Any] | None = None) -> Decorator[Parameters, Result]:
    """Keep a function's results for `l1_ttl` seconds in memory and `l2_ttl` seconds on disk.

    The key covers the function's name and the whole content of its arguments, DataFrames and Series included, or of what
    `key_func(*args, **kwargs)` returns. A call raises TypeError for an argument that a key cannot cover. Each caller gets a
    copy of its own. Errors are not cached. A result without an exact encoding is kept in memory only, with a warning.
    """
    return _decorator(lambda: _process_cache, l1_ttl, l2_ttl, key_func)
