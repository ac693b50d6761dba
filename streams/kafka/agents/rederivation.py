"""A ticker whose stored state cannot be decoded, although its table is complete: derived again from the bars of its partition.

Its table holds exactly what was written, so reading it back from the changelog would bring the same. The bars are all on
their topic: the partition is read from its beginning once more, where everything but this ticker finds nothing new.
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
    """`begin` is called by whoever has found that a ticker's state cannot be decoded, while its partition is ours."""

    def __init__(self, app: faust.App, settings: Settings, tables: TickerTables) -> None:
        self._app = app
        self._settings = settings
        self._tables = tables

    async def begin(self, ticker: str, error: StateCorruptError) -> None:
        """Forget the ticker, and read its partition's bars again.

        Raises `error` where it is the copy on disk that is damaged: that is read again from the changelog.
        """
        number = self._tables.partition(ticker)
        if self._tables.is_damaged(number):
            raise error
        logger.critical("state unreadable, derived again from its bars ticker=%s partition=%d reason=%s", ticker, number, error)
        bars = TP(topic_name(self._settings, BARS), number)
        await consumer_of(self._app).read_again(bars, partial(self._tables.forget_ticker, ticker))
