"""The sessions of exchanges for a process that must not carry pandas: read once a day by a process of its own."""

from __future__ import annotations

import datetime as dt
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from marketdata.closes import decode_closes
from monitoring.punctuality import AHEAD_DAYS, BACK_DAYS, Session

logger = logging.getLogger(__name__)

REACH: Final = dt.timedelta(days=BACK_DAYS)
_DEADLINE_SECONDS: Final = 120.0
#: Until calendars that could not be read are read again.
_RETRY_SECONDS: Final = 300.0
Read = Callable[[Collection[str], dt.date, dt.date], Mapping[str, Sequence[Session]]]


def read_closes(calendars: Collection[str], first: dt.date, last: dt.date) -> Mapping[str, Sequence[Session]]:
    """The sessions by calendar. Raises OSError, or subprocess.SubprocessError if the process fails or takes too long."""
    command = [sys.executable, "-m", "marketdata.closes", ",".join(sorted(calendars)), first.isoformat(), last.isoformat()]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=_DEADLINE_SECONDS, check=True)  # noqa: S603 - our own arguments
    return {name: [Session(*each) for each in found] for name, found in decode_closes(done.stdout).items()}


class ExchangeCloses:
    """`known` answers at once with what was read; what is missing is read in the background. Thread-safe.

    A failure is logged and tried again after some minutes; until then nothing new is judged.
    """

    def __init__(self, read: Read = read_closes, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._failed_at: float | None = None
        self._mutex = threading.Lock()
        self._sessions: Mapping[str, Sequence[Session]] = {}
        self._asked: frozenset[str] = frozenset()
        self._day: dt.date | None = None

    def known(self, calendars: Collection[str], today: dt.date) -> Mapping[str, Sequence[Session]]:
        """The sessions of these calendars that are known, of the last year and the next days."""
        with self._mutex:
            wanted = self._asked | frozenset(calendars)
            may_retry = self._failed_at is not None and self._clock() - self._failed_at >= _RETRY_SECONDS
            if wanted and (wanted != self._asked or self._day != today or may_retry):
                self._asked, self._day, self._failed_at = wanted, today, None
                threading.Thread(target=self._look, args=(wanted, today), name="exchange closes", daemon=True).start()
            return {name: self._sessions[name] for name in calendars if name in self._sessions}

    def _look(self, calendars: Collection[str], today: dt.date) -> None:
        try:
            found = self._read(calendars, today - REACH, today + dt.timedelta(days=AHEAD_DAYS))
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            with self._mutex:
                self._failed_at = self._clock()
            logger.warning("exchange calendars not read, late bars go unnoticed until they are reason=%r", error)
            return
        with self._mutex:
            self._sessions = found
