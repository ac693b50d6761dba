"""The sweep: a regular check of all tickers of a worker for quiet tickers, expired models and lost training requests.

A quiet ticker has no new bars, so no message can reveal it. It is logged and not trained again: its forecast stays, and readers
see by its `as_of` that it is stale. Trainings are requested by messages, because only agents write tables.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final

from errors import DataError, StateCorruptError, StateError
from history.schedule import sessions_behind
from marketdata.calendars import expect_calendars, sessions_since, unread_calendars
from monitoring.punctuality import ENDED_SESSIONS
from records import Days, Forecast, date_of, day_number, decode_forecast
from settings import Settings
from streams.kafka.agents.census import Census
from streams.kafka.agents.pacing import paced
from streams.kafka.agents.rederivation import Rederivation
from streams.kafka.agents.training_requests import TrainingRequests
from streams.kafka.consuming.membership import Membership
from streams.kafka.tables.ticker_tables import TickerTables

logger = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 1.0


class Sweep:
    """`run` sweeps for ever. `quiet` gives the sessions since the last bar, by ticker; `newest` the last day.

    `census` is the count of the last sweep; rows written since then are noted in it.
    """

    def __init__(
        self,
        membership: Membership,
        settings: Settings,
        tables: TickerTables,
        requests: TrainingRequests,
        rederivation: Rederivation,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._membership = membership
        self._settings = settings
        self._tables = tables
        self._requests = requests
        self._rederivation = rederivation
        self._clock = clock
        self._missing_before: set[tuple[str, bytes]] = set()
        self._counted_epoch: int | None = None
        self._counting: Census | None = None
        self.quiet: dict[str, int] = {}
        self.newest: int | None = None
        self.census = Census()

    async def run(self) -> None:
        """Sweep every SWEEP_SECONDS, and as soon as partitions are assigned: until then their rows are not counted."""
        last_regular = self._clock()
        while True:
            await asyncio.sleep(min(_LOOK_SECONDS, self._settings.sweep_seconds))
            is_regular = self._clock() - last_regular >= self._settings.sweep_seconds
            if is_regular:
                last_regular = self._clock()
            if is_regular or self._counted_epoch != self._membership.epoch:
                await self.sweep(is_regular=is_regular)

    def note(self, row: Forecast) -> None:
        """A row was written."""
        self.census.note(row)
        if self._counting is not None:
            self._counting.note(row)

    async def sweep(self, *, is_regular: bool) -> None:
        """Check the tickers of this worker's partitions once. Does nothing during a rebalance.

        Only a regular sweep requests trainings again: another sweep may follow the one before it too soon.
        """
        try:
            await self._sweep(is_regular=is_regular)
        finally:
            self._counting = None

    async def _sweep(self, *, is_regular: bool) -> None:
        last: dict[str, int] = {}
        missing: set[tuple[str, bytes]] = set()
        if not self._membership.is_active:
            return
        census = self._counting = Census()
        epoch = self._membership.epoch
        try:
            tickers = self._tables.tickers()
        except StateCorruptError as error:
            logger.warning("sweep given up, a copy is about to be read again reason=%s", error)
            self._counted_epoch = epoch  # the next regular sweep tries again: a look each second would warn each second
            return
        async for ticker in paced(tickers):
            if self._membership.epoch != epoch:
                return
            try:
                self._look(ticker, last, missing, census, may_request=is_regular)
            except StateCorruptError as error:
                with contextlib.suppress(StateCorruptError):  # the restoration repairs a damaged copy
                    await self._rederivation.begin(ticker, error)
            except (StateError, DataError) as error:
                logger.warning("sweep left out ticker=%s reason=%s", ticker, error)
        if is_regular:
            self._missing_before = missing
        expect_calendars(census.calendars())
        await self._report(last)
        census.trainings_missing, census.ended = len(missing), sum(behind > ENDED_SESSIONS for behind in self.quiet.values())
        census.stale = len(self.quiet) - census.ended
        self.census, self._counted_epoch = census, epoch

    def _look(
        self, ticker: str, last: dict[str, int], missing: set[tuple[str, bytes]], census: Census, *, may_request: bool
    ) -> None:
        payload = self._tables.forecast_payload(ticker)
        head = self._tables.peek_head(ticker)
        if payload is None or head is None:
            return
        row = decode_forecast(payload)
        last[ticker] = day_number(row.as_of)
        census.count(row)
        if head.due is None or ticker in self.quiet or self._requests.is_done(ticker, head.due):
            return
        mark = (ticker, head.due.digest)
        missing.add(mark)
        # Its request is most likely on its way. If it is still missing at the next sweep, it is requested again.
        if may_request and mark in self._missing_before:
            self._requests.request_again(ticker, head.due)

    async def _report(self, last: dict[str, int]) -> None:
        newest = None if not last else self._tables.state(max(last, key=last.__getitem__))
        if newest is None:
            return
        # A calendar that is needed for the first time is read by another process, which takes a second.
        quiet = await asyncio.to_thread(_quiet, last, newest.bars.day, self._settings.fresh_sessions)
        if not unread_calendars():  # without a calendar its holidays would make its tickers quiet
            for ticker in quiet.keys() - self.quiet.keys():
                logger.warning("quiet ticker=%s sessions_behind=%d", ticker, quiet[ticker])
            self.quiet = quiet
        self.newest = int(newest.bars.day[-1])


def _quiet(last: dict[str, int], sessions: Days, allowed: int) -> dict[str, int]:
    """How many of the newest ticker's `sessions` came after each ticker's last bar, of the tickers for which it is too many."""
    newest = date_of(sessions[-1])
    behind = {ticker: sessions_behind(day, sessions) for ticker, day in last.items()}
    return {
        ticker: count
        for ticker, count in behind.items()
        if count > allowed and sessions_since(ticker, date_of(last[ticker]), newest, enough=allowed) > allowed
    }  # holidays of its own exchange make nothing quiet
