"""Where prices come from: the history in the state first, a provider only for what is missing there."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from errors import ProviderError, SchemaError, StateError
from optimizer.prices import PriceTable, Series, adjusted_series
from optimizer.provider import Budget, Download, fetch
from optimizer.recent import Recent
from records import Bars, Days, Floats, day_number
from settings import Settings
from state.folder import CACHE

if TYPE_CHECKING:
    from state.cache import TwoLevelCache

logger = logging.getLogger(__name__)

#: After a failure the provider is left alone for this long: requests answer at once, and a rate limit is not deepened.
PAUSE_SECONDS: Final = 60.0
#: Tables of prices that are kept, 5 MB each for 500 tickers over five years.
_TABLES_KEPT: Final = 4
NOT_HELD: Final = "no bar in the state between these dates"


class Histories(Protocol):
    """Bars of many tickers; `state.readers.HistoryReader` is one."""

    def bars_many(self, tickers: Sequence[str]) -> tuple[dict[str, Bars], dict[str, str]]:
        """The bars by ticker, the same objects while nothing changes, and why some cannot be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """`table`: the tickers that have prices. `missing`: the others, with the reason."""

    table: PriceTable
    missing: Mapping[str, str]
    warnings: tuple[str, ...]


class Provider:
    """A provider behind a cache (`l1_ttl`, `l2_ttl` seconds) and a pause after failures. Thread-safe.

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
        self._failed: dict[tuple[str, ...], tuple[float, str]] = {}

    def closes(self, tickers: Sequence[str], start: dt.date, end: dt.date) -> dict[str, Series]:
        """Adjusted closes of those tickers that the provider has. Raises ProviderError."""
        from state.cache_key import content_key  # noqa: PLC0415 - it imports pandas, which few requests need

        wanted = tuple(sorted(tickers))
        with self._mutex:
            failed_at, message = self._failed.get(wanted, (float("-inf"), ""))
        if self._clock() - failed_at < PAUSE_SECONDS:
            raise ProviderError(f"{message} (asked less than {PAUSE_SECONDS:.0f} s ago)")
        l1_ttl, l2_ttl = self._ttl
        key = content_key((__name__, wanted, start, end))
        try:
            columns = self._opened_cache().get_or_compute(
                key, lambda: self._ask(wanted, start, end), l1_ttl=l1_ttl, l2_ttl=l2_ttl, name="provider prices"
            )
        except ProviderError as error:
            with self._mutex:
                now = self._clock()
                recent = {k: v for k, v in self._failed.items() if now - v[0] < PAUSE_SECONDS}
                self._failed = recent | {wanted: (now, str(error))}
            raise
        return {ticker: Series(day, close) for ticker, (day, close) in columns.items()}

    def close(self) -> None:
        """Close the cache; again does nothing."""
        with self._mutex:
            if self._cache is not None:
                self._cache.close()
                self._cache = None

    def _opened_cache(self) -> TwoLevelCache:
        from state.cache import TwoLevelCache  # noqa: PLC0415 - it imports pandas, which few requests need

        with self._mutex:
            if self._cache is None:
                try:
                    self._cache = TwoLevelCache(self._cache_path)
                except StateError as error:
                    logger.warning("prices are cached in memory only reason=%s", error)
                    self._cache = TwoLevelCache(None)
            return self._cache

    def _ask(self, tickers: tuple[str, ...], start: dt.date, end: dt.date) -> dict[str, tuple[Days, Floats]]:
        found = fetch(tickers, start, end, self._download, self._budget)
        return {ticker: (series.day, series.close) for ticker, series in found.items()}


class Market:
    """Prices of any tickers between two dates; `provider` None means that the state is all there is. Thread-safe."""

    def __init__(self, histories: Histories, provider: Provider | None) -> None:
        self._histories = histories
        self._provider = provider
        self._held: Recent[PriceTable] = Recent(_TABLES_KEPT)

    def prices(self, tickers: Sequence[str], start: dt.date, end: dt.date) -> Prices:
        """Adjusted closes from `start` to `end`, both included.

        A ticker that the state holds within these dates is never asked for elsewhere; its history may begin later than `start`.
        A failure of the state or the provider costs the tickers it concerns, and stands in `missing` and `warnings`. As long as
        nothing changes in the state, the table is the very same object.
        """
        warnings: list[str] = []
        try:
            bars, unreadable = self._histories.bars_many(tickers)
        except (StateError, SchemaError) as error:
            logger.warning("history unreadable reason=%s", error)
            warnings.append("the history in the state cannot be read; the log has the reason")
            bars, unreadable = {}, {}
        table = self._held.get((start, end, bars), lambda: _table_of(bars, start, end))
        missing = {ticker: unreadable.get(ticker, NOT_HELD) for ticker in tickers if ticker not in set(table.tickers)}
        if missing and self._provider is not None:
            fetched = self._fetched(self._provider, missing, warnings, start, end)
            if fetched:
                table = _joined(table, fetched)
        return Prices(table, missing, tuple(warnings))

    def _fetched(
        self, provider: Provider, missing: dict[str, str], warnings: list[str], start: dt.date, end: dt.date
    ) -> dict[str, Series]:
        """What the provider has of `missing`, which then lacks it."""
        try:
            answer = provider.closes(list(missing), start, end)
        except ProviderError as error:
            logger.warning("provider failed reason=%s", error)
            warnings.append(f"prices could not be fetched: {error}")
            for ticker in missing:
                missing[ticker] += ", and the provider gave none"
            return {}
        found = {ticker: series.between(day_number(start), day_number(end)) for ticker, series in answer.items()}
        found = {ticker: series for ticker, series in found.items() if len(series.day)}
        for ticker in list(missing):
            if ticker in found:
                del missing[ticker]
            else:
                missing[ticker] += ", nor has the provider one"
        return found


def _table_of(bars: Mapping[str, Bars], start: dt.date, end: dt.date) -> PriceTable:
    series = {ticker: adjusted_series(one, start, end) for ticker, one in bars.items()}
    return PriceTable.of({ticker: one for ticker, one in series.items() if len(one.day)})


def _joined(table: PriceTable, more: Mapping[str, Series]) -> PriceTable:
    return PriceTable.of({ticker: table.series(ticker) for ticker in table.tickers} | dict(more))


def open_provider(settings: Settings, download: Download) -> Provider:
    """The provider as the settings have it, its cache in the state folder."""
    return Provider(
        download,
        Budget.of(settings),
        settings.state_dir / CACHE,
        l1_ttl=settings.prediction_memory_ttl_seconds,
        l2_ttl=settings.prediction_ttl_seconds,
    )
