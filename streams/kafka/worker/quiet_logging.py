"""Fewer lines while a broker is away: its clients repeat themselves thousands of times, and everything else drowns."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_LINES: Final = 3
_SECONDS: Final = 60.0
#: Loggers of libraries; our own say what they have to.
_CHATTY: Final = ("aiokafka", "kafka", "faust", "mode", "aiohttp", "asyncio")


class RepeatFilter(logging.Filter):
    """Lets through three warnings per message template and minute of the chatty libraries, everything at LOG_LEVEL=DEBUG."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be written."""
        if not record.name.startswith(_CHATTY) or logging.getLogger().isEnabledFor(logging.DEBUG):
            return True
        if record.levelno < logging.WARNING:
            return False
        # Some put the changing part into the template itself: its beginning tells them apart well enough.
        key = (record.name, str(record.msg)[:40])
        now = self._clock()
        since, count = self._seen.get(key, (now, 0))
        if now - since >= _SECONDS:
            if count > _LINES:
                record.msg = f"{record.msg} (and {count - _LINES} more like it)"
            since, count = now, 0
        self._seen[key] = (since, count + 1)
        return count < _LINES


@contextmanager
def limit_repeated_logs() -> Iterator[None]:
    """The root's handlers hold back repetitions within the block."""
    repeated = RepeatFilter()
    handlers = list(logging.getLogger().handlers)
    for handler in handlers:
        handler.addFilter(repeated)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(repeated)
