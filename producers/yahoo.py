"""The source `yfinance`: Yahoo's daily bars as printed up to splits, with dividends and splits, in batches of tickers.

Nothing but a split restates what was fetched before, so total returns stay right however long ago a bar came. The bar of a
session that is not over, or whose final prices are not out yet, is held back for the next run.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from errors import ProviderError, SourceRequestError
from marketdata.calendars import is_finished
from marketdata.frames import TickerColumns
from marketdata.yahoo import RATE_LIMITED, Answer, Budget, Download, download_yfinance, fetch
from producers.opening import BarRequest, OpenedSource
from producers.raw import RawBars
from records import Days, RejectedBar, date_of, day_number
from settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Yahoo:
    """How Yahoo is asked; `now` (with a time zone) decides which sessions are over."""

    now: dt.datetime
    download: Download
    budget: Budget
    batch_tickers: int
    history_bars: int
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def of(cls, settings: Settings, *, now: dt.datetime) -> Yahoo:
        """As the settings have it."""
        return cls(
            now=now,
            download=download_yfinance,
            budget=Budget(
                settings.provider_timeout_seconds,
                settings.provider_attempts,
                settings.fetch_deadline_seconds,
                settings.fetch_rate_limit_seconds,
            ),
            batch_tickers=settings.fetch_batch_tickers,
            history_bars=settings.history_bars,
        )

    def open(self, request: BarRequest) -> OpenedSource:
        """As `open_yahoo`, of this Yahoo."""
        request.refuse_path("yfinance")
        if request.tickers is None:
            raise SourceRequestError("the source yfinance needs tickers: --tickers A,B or --group DOW")
        common = {} if request.start is None else dict.fromkeys(request.tickers, request.start)
        return OpenedSource(None, self.read(sorted(request.tickers), {**common, **request.starts}, request.end))

    def read(
        self, tickers: Sequence[str], starts: Mapping[str, dt.date], end: dt.date | None
    ) -> Iterator[RawBars | RejectedBar]:
        """What Yahoo has of the tickers, in their order: each from its own start (where none is given, `first_day`) to `end`.

        A ticker without an answer is one rejected bar without a date. After a refusal for too many requests nothing more is
        asked; the tickers that are left are rejected with that reason, and a later run gets them.
        """
        last = min(end, self.now.date()) if end else self.now.date()
        refused = False
        for batch in _batches(tickers, starts, self.first_day(last), self.batch_tickers):
            if refused:
                answer = Answer(failed=dict.fromkeys(batch, RATE_LIMITED), rate_limited=True)
            else:
                answer = self._ask(batch, min(starts.get(t, self.first_day(last)) for t in batch), last)
            refused = answer.rate_limited
            for ticker in batch:
                if ticker in answer.columns:
                    yield self._raw(ticker, answer.columns[ticker])
                else:
                    yield RejectedBar(ticker, "", answer.failed[ticker])

    def first_day(self, last: dt.date) -> dt.date:
        """Early enough for as many bars up to `last` as are kept of a ticker, on an exchange of 240 sessions a year or more."""
        return last - dt.timedelta(days=-(-self.history_bars * 366 // 240))

    def _ask(self, batch: Sequence[str], start: dt.date, last: dt.date) -> Answer:
        try:
            return fetch(batch, start, last, self.download, self.budget, sleep=self.sleep)
        except ProviderError as error:
            logger.warning("unusable answer tickers=%s reason=%s", ",".join(batch), error)
            return Answer(failed=dict.fromkeys(batch, str(error)))

    def _raw(self, ticker: str, columns: TickerColumns) -> RawBars:
        values = dict(columns.values)
        if "dividend" in values and "split" in values:
            values.pop("adjusted_close", None)  # dividends and splits say the same, and do not change with the next dividend
        finished = len(columns.day) - self._unfinished(ticker, columns.day)
        return RawBars(
            ticker, columns.day[:finished], {name: column[:finished] for name, column in values.items()}, {}, self.now
        )

    def _unfinished(self, ticker: str, day: Days) -> int:
        """How many of the last bars are of sessions that are not over."""
        recent = day[day >= day_number(self.now.date()) - 1]
        open_ = [date_of(one) for one in recent if not is_finished(ticker, date_of(one), self.now)]
        for date in open_:
            logger.info("held back, the session is not over ticker=%s date=%s", ticker, date)
        return int(np.count_nonzero(day >= day_number(open_[0]))) if open_ else 0


def open_yahoo(request: BarRequest) -> OpenedSource:
    """Yahoo's bars, fetched as they are read. Raises SourceError without tickers."""
    assert request.settings is not None, "the caller says how Yahoo is asked"
    assert request.now is not None, "and which sessions are over"
    return Yahoo.of(request.settings, now=request.now).open(request)


def _batches(tickers: Sequence[str], starts: Mapping[str, dt.date], first_day: dt.date, size: int) -> Iterator[Sequence[str]]:
    """Consecutive tickers, at most `size`, with starts of the same month: nobody's years are fetched for another's days."""
    batch: list[str] = []
    for ticker in tickers:
        if batch and (len(batch) == size or _month(starts, batch[-1], first_day) != _month(starts, ticker, first_day)):
            yield batch
            batch = []
        batch.append(ticker)
    if batch:
        yield batch


def _month(starts: Mapping[str, dt.date], ticker: str, first_day: dt.date) -> tuple[int, int]:
    start = starts.get(ticker, first_day)
    return start.year, start.month
