"""A limit on repeated log lines: a run over many tickers can warn 33,158 times of suspect bars, and hides all else."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

#: Libraries that repeat themselves thousands of times while a broker is away: only their warnings are written, and few.
_CHATTY: Final = ("aiokafka", "kafka", "faust", "mode", "aiohttp", "asyncio")
_CHATTY_LINES: Final = 3
#: Beyond the limit one line of a kind is written each minute, with the number of those left out.
_SUMMARY_SECONDS: Final = 60.0
#: After so long without a line of a kind, its next lines are news again.
_QUIET_SECONDS: Final = 600.0
#: Some libraries put what changes into the template itself: its beginning tells their lines apart well enough.
_TEMPLATE_CHARACTERS: Final = 60


@dataclass(slots=True)
class _Kind:
    """Lines of one template: when the newest came, when one was last written, and how many were left out since."""

    newest: float
    written: float
    level: int
    lines: int = 0
    left_out: int = 0


class RepeatLimit(logging.Filter):
    """Passes the first `lines` warnings or errors of a logger and template, then one a minute that carries `left_out`.

    Lines below WARNING are records (scores, requests), and pass. `lines` 0 passes everything. Thread-safe.
    """

    def __init__(self, lines: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._lines = lines
        self._clock = clock
        self._mutex = threading.Lock()
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be written; sets its `left_out` where lines like it were left out before."""
        if not self._lines:
            return True
        is_chatty = record.name.split(".")[0] in _CHATTY
        if record.levelno < logging.WARNING:
            return not is_chatty
        key = (record.name, str(record.msg)[:_TEMPLATE_CHARACTERS] if is_chatty else str(record.msg))
        with self._mutex:
            return self._pass(record, key, min(_CHATTY_LINES, self._lines) if is_chatty else self._lines)

    def _pass(self, record: logging.LogRecord, key: tuple[str, str], limit: int) -> bool:
        now = self._clock()
        kind = self._kinds.setdefault(key, _Kind(now, now, record.levelno))
        if now - kind.newest >= _QUIET_SECONDS:
            kind.lines = 0
        kind.newest = now
        kind.lines += 1
        if kind.lines > limit and now - kind.written < _SUMMARY_SECONDS:
            kind.left_out += 1
            return False
        kind.written = now
        record.left_out, kind.left_out = kind.left_out, 0
        return True

    def pending(self) -> Iterator[logging.LogRecord]:
        """A record for each kind of which lines were left out since its last written line; their counts begin anew."""
        with self._mutex:
            for (name, template), kind in self._kinds.items():
                if kind.left_out:
                    like = template.split("=")[0].rpartition(" ")[0] or template
                    arguments = (like, kind.left_out)
                    kind.left_out = 0
                    yield logging.LogRecord(
                        name, kind.level, "", 0, "repeated lines left out like=%s left_out=%d", arguments, None
                    )
