"""The sessions of the exchanges whose tickers a worker has, read by a process of its own: pandas must not stay in memory."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import sys
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final

from marketdata.closes import decode_closes
from monitoring.punctuality import AHEAD_DAYS, BACK_DAYS, Session

logger = logging.getLogger(__name__)

_DEADLINE_SECONDS: Final = 120.0
#: Until calendars that could not be read are read again.
_RETRY_SECONDS: Final = 300.0


class ExchangeSessions:
    """`sessions` by calendar, of the last year and the next days; `refresh` reads them once a day and for new calendars."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, Sequence[Session]] = {}
        self._asked: frozenset[str] = frozenset()
        self._day: dt.date | None = None
        self._failed_at: float | None = None

    def of(self, calendar: str) -> Sequence[Session] | None:
        """The sessions of a calendar, None where they are not known."""
        return self._sessions.get(calendar)

    async def refresh(self, calendars: Collection[str], today: dt.date) -> None:
        """Read what is missing. A failure is logged and tried again after some minutes; until then nothing new is judged."""
        wanted = self._asked | frozenset(calendars)
        if not wanted or (wanted == self._asked and self._day == today and not self._may_retry()):
            return
        self._asked, self._day, self._failed_at = wanted, today, None
        try:
            self._sessions = await _read(wanted, today)
        except (OSError, ValueError) as error:
            self._failed_at = self._clock()
            logger.warning("exchange calendars not read, late bars go unnoticed until they are reason=%r", error)

    def _may_retry(self) -> bool:
        return self._failed_at is not None and self._clock() - self._failed_at >= _RETRY_SECONDS


async def _read(calendars: Collection[str], today: dt.date) -> dict[str, Sequence[Session]]:
    """The sessions by calendar. Raises OSError if the process fails or takes too long, ValueError for what it did not print."""
    first, last = today - dt.timedelta(days=BACK_DAYS), today + dt.timedelta(days=AHEAD_DAYS)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "marketdata.closes", ",".join(sorted(calendars)),
        first.isoformat(), last.isoformat(), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            output, _ = await process.communicate()
    finally:
        # It took too long, or the worker stops: a process that stalls must not outlive it.
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise ChildProcessError(f"it ended with code {process.returncode}")
    return {name: [Session(*each) for each in found] for name, found in decode_closes(output).items()}
