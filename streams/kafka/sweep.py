"""A look at all tickers of this worker now and then: who has gone quiet, whose models have expired, whose training got lost.

Nothing arrives for a quiet ticker, so no message can tell. It is reported, not retrained: its forecast stays what it was, and
readers take it as stale by its `as_of`. Trainings are asked for by ordinary requests, since tables are written by agents alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import faust

from broker.topics import partition_of
from errors import DataError, StateError
from records import day_number, decode_forecast
from settings import Settings
from state.history_codec import Head
from streams.forecasting import is_current
from streams.kafka.forecasts import ForecastWriter
from streams.kafka.outbox import Outbox
from streams.kafka.tables import TickerTables
from streams.windows import sessions_behind

logger = logging.getLogger(__name__)

#: Tickers between two turns of the event loop.
_STEP: Final = 50


class Sweep:
    """`run` is called every SWEEP_SECONDS; `quiet` says by ticker how many sessions it is behind."""

    def __init__(
        self,
        app: faust.App,
        settings: Settings,
        tables: TickerTables,
        outbox: Outbox,
        forecasts: ForecastWriter,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._app = app
        self._settings = settings
        self._tables = tables
        self._outbox = outbox
        self._forecasts = forecasts
        self._clock = clock
        self._missing_before: set[tuple[str, bytes]] = set()
        self.quiet: dict[str, int] = {}
        self.newest: int | None = None

    async def run(self) -> None:
        """One sweep over the tickers of the partitions that are ours; none while they are dealt anew."""
        last: dict[str, int] = {}
        missing: set[tuple[str, bytes]] = set()
        for number, key in enumerate(list(self._tables.forecasts.keys())):
            if self._app.rebalancing or self._app.in_recovery:
                return
            try:
                self._look(key.decode(), last, missing)
            except (StateError, DataError) as error:
                logger.warning("sweep left out ticker=%s reason=%s", key.decode(), error)
            if number % _STEP == _STEP - 1:
                await asyncio.sleep(0)
        self._missing_before = missing
        self._report(last)

    def _look(self, ticker: str, last: dict[str, int], missing: set[tuple[str, bytes]]) -> None:
        payload = self._tables.forecasts.get(ticker.encode())
        head = self._tables.peek_head(ticker)
        if payload is None or head is None:
            return
        last[ticker] = day_number(decode_forecast(payload).as_of)
        if head.due is None or self._forecasts.has_failed(ticker, head.due) or ticker in self.quiet:
            return
        if self._needs_training(ticker, head):
            mark = (ticker, head.due.digest)
            missing.add(mark)
            # Its request is most likely on its way; only what is still missing at the next sweep is asked for again.
            if mark in self._missing_before:
                partition = partition_of(ticker.encode(), self._settings.kafka_partitions)
                self._outbox.request_training(partition, ticker, head.due)

    def _needs_training(self, ticker: str, head: Head) -> bool:
        assert head.due is not None
        stored = self._tables.peek_model(ticker)
        if stored is None:
            return True
        trained, stored_at = stored
        if abs(self._clock() - stored_at) >= self._settings.model_ttl_seconds:
            return True
        if trained.cutoff <= head.due.cutoff:
            return (trained.cutoff, trained.digest) != (head.due.cutoff, head.due.digest)
        # An early training, or one of bars that are no more: only the bars tell.
        state = self._tables.state(ticker)
        return state is not None and not is_current(trained, state, self._settings)

    def _report(self, last: dict[str, int]) -> None:
        newest = None if not last else self._tables.state(max(last, key=last.__getitem__))
        if newest is None:
            return
        behind = {ticker: sessions_behind(day, newest.bars.day) for ticker, day in last.items()}
        quiet = {ticker: sessions for ticker, sessions in behind.items() if sessions > self._settings.fresh_sessions}
        for ticker in quiet.keys() - self.quiet.keys():
            logger.warning("quiet ticker=%s sessions_behind=%d", ticker, quiet[ticker])
        self.quiet = quiet
        self.newest = int(newest.bars.day[-1])
