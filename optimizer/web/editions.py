"""The whole forecast table as bytes, made once for all who ask, and seldom enough that few ask while it is made."""

from __future__ import annotations

import gzip
import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Self

import msgspec

from records import Forecast
from state.follower import REFRESH_SECONDS

#: Rows sorted by ticker, the same list while nothing changes, and why others cannot be read.
Table = tuple[list[Forecast], Mapping[str, str]]

#: A request while an edition is made shares the interpreter with it: 60 ms of it for 500 rows, 10 of them at a stretch.
#: At most a hundredth of the time goes into it, so that it decides no more than the slowest hundredth of the answers.
_PAUSES: Final = 99.0
#: However long one took, another is made after this time.
_LONGEST_PAUSE_SECONDS: Final = 30.0
#: An edition outdated for this long is worth waiting for the next one.
_PATIENCE_SECONDS: Final = 5.0
#: zlib's fastest level: 29 % of the size in 8 ms for 500 rows; its usual one 24 % in 30 ms.
_FAST: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class Edition:
    """The whole table as JSON, plain and compressed; `tag` is another for other bytes. Made of `rows` and `unreadable`."""

    rows: list[Forecast]
    unreadable: Mapping[str, str]
    plain: bytes
    gzipped: bytes
    tag: str

    @classmethod
    def of(cls, rows: list[Forecast], unreadable: Mapping[str, str]) -> Self:
        """The edition of these rows, and of the reasons why others cannot be read."""
        plain = msgspec.json.encode({"forecasts": [shown(row) for row in rows], "missing": unreadable})
        return cls(rows, unreadable, plain, gzip.compress(plain, _FAST), hashlib.blake2b(plain, digest_size=12).hexdigest())


class Editions:
    """The newest edition of a table that `read` gives. Thread-safe."""

    def __init__(self, read: Callable[[], Table], clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._mutex = threading.Lock()
        self._edition: Edition | None = None
        self._until = float("-inf")

    def newest(self) -> Edition:
        """The table as it was a moment ago: `REFRESH_SECONDS`, and up to half a minute while all of it changes all the time.

        While one caller makes a newer edition, the others get the last one at once, unless that is long outdated. Raises what
        `read` raises.
        """
        known = self._edition
        outdated = self._clock() - self._until
        if known is not None and outdated < 0:
            return known
        if self._mutex.acquire(blocking=known is None or outdated > _PATIENCE_SECONDS):
            try:
                known = self._renewed()
            finally:
                self._mutex.release()
        assert known is not None, "without one, it was waited for"
        return known

    def _renewed(self) -> Edition:
        known = self._edition
        begun = self._clock()
        if known is not None and begun < self._until:
            return known
        rows, unreadable = self._read()
        if known is None or known.rows is not rows or known.unreadable != unreadable:
            known = self._edition = Edition.of(rows, unreadable)
        ended = self._clock()
        self._until = ended + min(max(REFRESH_SECONDS, _PAUSES * (ended - begun)), _LONGEST_PAUSE_SECONDS)
        return known


def shown(row: Forecast) -> Forecast:
    """A row without the statistics that only pooling reads: they are most of its size."""
    return msgspec.structs.replace(row, pool=None)
