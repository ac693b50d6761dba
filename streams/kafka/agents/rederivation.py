"""Repairs a ticker whose state cannot be decoded although its table is complete: its bars are read again from their topic.

The table holds exactly what was written, so the changelog would give the same bytes. The topic has all bars: the partition is
read once more from its beginning, and changes nothing for the other tickers.
"""

from __future__ import annotations

import logging
from functools import partial

import faust
from faust.types import TP

from broker.topics import BARS, topic_name
from errors import StateCorruptError
from settings import Settings
from streams.kafka.consuming.consumer import consumer_of
from streams.kafka.tables.ticker_tables import TickerTables

logger = logging.getLogger(__name__)


class Rederivation:
    """Call `begin` if a ticker's state cannot be decoded and this worker owns its partition."""

    def __init__(self, app: faust.App, settings: Settings, tables: TickerTables) -> None:
        self._app = app
        self._settings = settings
        self._tables = tables

    async def begin(self, ticker: str, error: StateCorruptError) -> None:
        """Forget the ticker and read its partition's bars again.

        Raises `error` if the copy on disk is damaged: the copy is then restored from the changelog.
        """
        number = self._tables.partition(ticker)
        if self._tables.is_damaged(number):
            raise error
        logger.critical("state unreadable, derived again from its bars ticker=%s partition=%d reason=%s", ticker, number, error)
        bars = TP(topic_name(self._settings, BARS), number)
        await consumer_of(self._app).read_again(bars, partial(self._tables.forget_ticker, ticker))
