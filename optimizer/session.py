"""Everything that answers requests, opened over one state folder and closed together."""

from __future__ import annotations

import atexit
import logging
import threading
from dataclasses import dataclass
from typing import Self

from errors import ForecastingError
from marketdata.yahoo import Download, download_yfinance
from optimizer.earlier import EarlierForecasts
from optimizer.market import Market
from optimizer.provider import Provider
from optimizer.service import Optimizer
from settings import PriceProvider, Settings, load_settings
from state.readers import ForecastReader, HistoryReader

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """Readers that follow the state, and the optimizer on top of them. A context manager; `close` it otherwise.

    The state need not exist yet, and may be replaced while this is open.
    """

    settings: Settings
    forecasts: ForecastReader
    histories: HistoryReader
    provider: Provider | None
    market: Market
    earlier: EarlierForecasts
    optimizer: Optimizer

    @classmethod
    def open(cls, settings: Settings, *, download: Download | None = None, forecasts: ForecastReader | None = None) -> Self:
        """Open the readers of `settings.state_dir`; `download` stands in for yfinance, `forecasts` for the table's reader."""
        wanted = download is not None or settings.price_provider is PriceProvider.YFINANCE
        provider = Provider.of(settings, download or download_yfinance) if wanted else None
        forecasts = forecasts or ForecastReader(settings.state_dir)
        histories = HistoryReader(settings.state_dir)
        market = Market(histories, provider)
        earlier = EarlierForecasts(settings)
        optimizer = Optimizer(forecasts, market, settings, earlier=earlier)
        return cls(settings, forecasts, histories, provider, market, earlier, optimizer)

    def warm_up(self) -> None:
        """Do now what the first request would wait for: open and check the databases, decode and pool the rows.

        What goes wrong is logged, and the first request that meets it says so to its caller.
        """
        try:
            self.histories.bars_many(())
            self.optimizer.rows.table()
        except ForecastingError as error:
            logger.warning("state not read at start reason=%s", error)

    def close(self) -> None:
        """Close the readers, the process for earlier forecasts and the provider's cache; again does nothing."""
        self.earlier.close()
        self.forecasts.close()
        self.histories.close()
        if self.provider is not None:
            self.provider.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _ProcessSession:
    """The session that Python callers share, opened with the first call and again when the settings change."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._session: Session | None = None

    def get(self) -> Session:
        settings = load_settings()
        with self._mutex:
            if self._session is None or self._session.settings != settings:
                self._close()
                self._session = Session.open(settings)
            return self._session

    def close(self) -> None:
        with self._mutex:
            self._close()

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


_process = _ProcessSession()
atexit.register(_process.close)


def process_session() -> Session:
    """The session over the folder that the environment names (`STATE_DIR`), for calls without one of their own."""
    return _process.get()


def close_process_session() -> None:
    """Close that session, if any; the next call opens it again. The process's end does this as well."""
    _process.close()
