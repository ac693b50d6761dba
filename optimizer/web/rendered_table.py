"""The whole forecast table as bytes: rendered once for all callers, and seldom enough that few of them wait beside it."""

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

#: Rendering shares the interpreter with requests: 60 ms for 500 rows, up to 10 ms at a stretch. So it takes at most a hundredth
#: of the time, and slows at most a hundredth of the answers.
_PAUSES: Final = 99.0
#: The table is rendered again after this time, however long the last rendering took.
_LONGEST_PAUSE_SECONDS: Final = 30.0
#: If the bytes are outdated for this long, callers wait for the next rendering.
_PATIENCE_SECONDS: Final = 5.0
#: zlib's fastest level: 29 % of the size in 8 ms for 500 rows; its usual one 24 % in 30 ms.
_FAST: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class RenderedTable:
    """The whole table (`rows`, `unreadable`) as JSON, plain and compressed. Other bytes have another `tag`."""

    rows: list[Forecast]
    unreadable: Mapping[str, str]
    plain: bytes
    gzipped: bytes
    tag: str

    @classmethod
    def of(cls, rows: list[Forecast], unreadable: Mapping[str, str]) -> Self:
        """Render these rows, and the reasons why others cannot be read."""
        plain = msgspec.json.encode({"forecasts": [shown(row) for row in rows], "missing": unreadable})
        return cls(rows, unreadable, plain, gzip.compress(plain, _FAST), hashlib.blake2b(plain, digest_size=12).hexdigest())


class TableRenderer:
    """Renders the table that `read` returns when it has changed. Thread-safe."""

    def __init__(self, read: Callable[[], Table], clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._mutex = threading.Lock()
        self._rendered: RenderedTable | None = None
        self._until = float("-inf")

    def newest(self) -> RenderedTable:
        """The table as it was a moment ago: `REFRESH_SECONDS`, and up to half a minute while all of it changes all the time.

        While one caller renders it again, the others get the last bytes at once, unless those are long outdated. Raises what
        `read` raises.
        """
        known = self._rendered
        outdated = self._clock() - self._until
        if known is not None and outdated < 0:
            return known
        if self._mutex.acquire(blocking=known is None or outdated > _PATIENCE_SECONDS):
            try:
                known = self._renewed()
            finally:
                self._mutex.release()
        assert known is not None, "the first callers wait for the first rendering"
        return known

    def _renewed(self) -> RenderedTable:
        known = self._rendered
        begun = self._clock()
        if known is not None and begun < self._until:
            return known
        rows, unreadable = self._read()
        if known is None or known.rows is not rows or known.unreadable != unreadable:
            known = self._rendered = RenderedTable.of(rows, unreadable)
        ended = self._clock()
        self._until = ended + min(max(REFRESH_SECONDS, _PAUSES * (ended - begun)), _LONGEST_PAUSE_SECONDS)
        return known


def shown(row: Forecast) -> Forecast:
    """A row without the statistics that only pooling reads: they are most of its size."""
    return msgspec.structs.replace(row, pool=None)
