"""Prices of tickers that the state does not hold, from a provider: with a deadline, a cache, and a pause after failures."""

from __future__ import annotations

import datetime as dt
import functools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from errors import ProviderError, StateError
from marketdata.frames import TickerColumns
from marketdata.yahoo import Answer, Budget, Download, fetch
from optimizer.prices import Series, total_return_closes
from records import Days, Floats
from settings import Settings
from state.folder import CACHE

if TYPE_CHECKING:
    from state.cache import TwoLevelCache

logger = logging.getLogger(__name__)

#: What failed is not asked again for this long: the same request answers at once, and a rate limit is not deepened by it.
PAUSE_SECONDS: Final = 60.0
_NAME: Final = "provider prices"
#: Of a question: all tickers answered, some, none.
OUTCOMES: Final = ("answered", "in_part", "failed")

#: A ticker between two dates. That there is nothing in one year says nothing of another.
Question = tuple[str, dt.date, dt.date]


class _NotCachedError(Exception):
    """Nothing is cached under a key; raised where the cache would compute, since it keeps no errors."""


class Provider:
    """A provider of daily prices behind a cache (`l1_ttl`, `l2_ttl` seconds). Thread-safe.

    The cache is on disk at `cache_path`, in memory where that cannot be written, and opened with the first question.
    """

    def __init__(
        self,
        download: Download,
        budget: Budget,
        cache_path: Path,
        *,
        l1_ttl: float,
        l2_ttl: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._download = download
        self._budget = budget
        self._cache_path = cache_path
        self._ttl = (l1_ttl, l2_ttl)
        self._clock = clock
        self._mutex = threading.Lock()
        self._cache: TwoLevelCache | None = None
        self._failed: dict[Question, tuple[float, str]] = {}
        #: Called after each question to the provider with its outcome (`OUTCOMES`) and its seconds.
        self.on_call: Callable[[str, float], object] = lambda _outcome, _seconds: None

    @classmethod
    def of(cls, settings: Settings, download: Download) -> Provider:
        """As the settings have it, the cache in the state folder."""
        return cls(
            download,
            Budget(settings.provider_timeout_seconds, settings.provider_attempts, settings.provider_deadline_seconds),
            settings.state_dir / CACHE,
            l1_ttl=settings.prediction_memory_ttl_seconds,
            l2_ttl=settings.prediction_ttl_seconds,
        )

    def closes(self, tickers: Sequence[str], start: dt.date, end: dt.date) -> tuple[dict[str, Series], dict[str, str]]:
        """Adjusted closes from `start` to `end` of the tickers that the provider has; for the others the reason."""
        cache = self._opened_cache()
        found: dict[str, Series] = {}
        for ticker in tickers:
            try:
                day, close = self._cached(cache, ticker, start, end, _not_cached)
            except _NotCachedError:
                continue
            found[ticker] = Series(day, close)
        failed = self._paused({ticker: (ticker, start, end) for ticker in tickers if ticker not in found})
        wanted = [ticker for ticker in tickers if ticker not in found and ticker not in failed]
        if wanted:
            started = time.perf_counter()
            answer = self._ask(wanted, start, end)
            self.on_call(_outcome(answer), time.perf_counter() - started)
            for ticker, columns in answer.columns.items():
                series = _adjusted(columns)
                day, close = self._cached(cache, ticker, start, end, functools.partial(_columns, series))
                found[ticker] = Series(day, close)
            self._pause({(ticker, start, end): reason for ticker, reason in answer.failed.items()})
            failed |= answer.failed
        return found, failed

    def close(self) -> None:
        """Close the cache; again does nothing."""
        with self._mutex:
            if self._cache is not None:
                self._cache.close()
                self._cache = None

    def _ask(self, tickers: Sequence[str], start: dt.date, end: dt.date) -> Answer:
        """The answer, if it comes in time. A download cannot be stopped: a late one ends by its own time-outs, unheard."""
        answer: Future[Answer] = Future()

        def run() -> None:
            try:
                answer.set_result(fetch(tickers, start, end, self._download, self._budget))
            except BaseException as error:  # noqa: BLE001 - it is raised again where the answer is waited for
                answer.set_exception(error)

        # A daemon: the process's end must not wait for a provider that hangs.
        threading.Thread(target=run, name="provider", daemon=True).start()
        try:
            return answer.result(timeout=self._budget.deadline_seconds)
        except TimeoutError:
            return Answer(failed=dict.fromkeys(tickers, f"no answer within {self._budget.deadline_seconds:g} s"))
        except ProviderError as error:
            return Answer(failed=dict.fromkeys(tickers, str(error)))

    def _paused(self, questions: dict[str, Question]) -> dict[str, str]:
        """The questions, by ticker, that failed a moment ago, with their reasons."""
        oldest = self._clock() - PAUSE_SECONDS
        with self._mutex:
            self._failed = {question: failure for question, failure in self._failed.items() if failure[0] > oldest}
            return {
                ticker: f"{self._failed[question][1]} (asked just before)"
                for ticker, question in questions.items()
                if question in self._failed
            }

    def _pause(self, failed: dict[Question, str]) -> None:
        now = self._clock()
        with self._mutex:
            self._failed |= {question: (now, reason) for question, reason in failed.items()}

    def _cached(
        self,
        cache: TwoLevelCache,
        ticker: str,
        start: dt.date,
        end: dt.date,
        compute: Callable[[], tuple[Days, Floats]],
    ) -> tuple[Days, Floats]:
        from state.cache.key import content_key  # noqa: PLC0415 - it imports pandas, which few requests need

        l1_ttl, l2_ttl = self._ttl
        key = content_key((_NAME, ticker, start, end))
        return cache.get_or_compute(key, compute, l1_ttl=l1_ttl, l2_ttl=l2_ttl, name=_NAME)

    def _opened_cache(self) -> TwoLevelCache:
        from state.cache import TwoLevelCache  # noqa: PLC0415 - it imports pandas, which few requests need

        with self._mutex:
            if self._cache is None:
                try:
                    self._cache = TwoLevelCache(self._cache_path, max_entries=_MOST_IN_MEMORY)
                except StateError as error:
                    logger.warning("prices are cached in memory only reason=%s", error)
                    self._cache = TwoLevelCache(None, max_entries=_MOST_IN_MEMORY)
            return self._cache


#: Series of five years take 15 kB each.
_MOST_IN_MEMORY: Final = 1000


def _outcome(answer: Answer) -> str:
    answered, in_part, failed = OUTCOMES
    if not answer.failed:
        return answered
    return in_part if answer.columns else failed


def _columns(series: Series) -> tuple[Days, Floats]:
    return series.day, series.close


def _not_cached() -> tuple[Days, Floats]:
    raise _NotCachedError


def _adjusted(columns: TickerColumns) -> Series:
    """Closes with dividends taken in as the state's are; where the provider did that itself, as it did."""
    close = columns.values["close"]
    if "dividend" in columns.values:
        known = np.isfinite(close)
        return Series(columns.day[known], total_return_closes(close[known], columns.values["dividend"][known]))
    close = columns.values.get("adjusted_close", close)
    known = np.isfinite(close)
    return Series(columns.day[known], close[known])
