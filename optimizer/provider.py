"""Prices of tickers that the state does not hold, from Yahoo by yfinance.

yfinance logs its failures instead of raising them and answers with all-NaN columns, or with no rows at all: a delisted
ticker and a dead network look the same. Whatever gives no price is asked for again within the budget, then reported.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import tenacity

from errors import ProviderError
from optimizer.prices import Series
from settings import Settings

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

#: Dates and adjusted closes are computed with as int days since 1970 everywhere else.
_DAY: Final = "datetime64[D]"

#: (tickers, start, end, timeout in seconds) → a frame as `yfinance.download` returns it. `end` is included.
Download = Callable[[Sequence[str], dt.date, dt.date, float], "pd.DataFrame"]


@dataclass(frozen=True, slots=True)
class Budget:
    """How long and how often a provider is asked."""

    timeout_seconds: float
    attempts: int
    deadline_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> Budget:
        """The budget that the settings give."""
        return cls(settings.provider_timeout_seconds, settings.provider_attempts, settings.provider_deadline_seconds)


def yfinance_download(tickers: Sequence[str], start: dt.date, end: dt.date, timeout: float) -> pd.DataFrame:
    """Adjusted daily bars from Yahoo. The library is imported here: it takes a second, and few requests need it."""
    import yfinance  # noqa: PLC0415

    # yfinance leaves the end date out.
    frame: pd.DataFrame = yfinance.download(
        list(tickers),
        start=start.isoformat(),
        end=(end + dt.timedelta(days=1)).isoformat(),
        auto_adjust=True,
        progress=False,
        threads=False,
        timeout=timeout,
        multi_level_index=True,
    )
    return frame


def fetch(tickers: Sequence[str], start: dt.date, end: dt.date, download: Download, budget: Budget) -> dict[str, Series]:
    """Adjusted closes from `start` to `end` of those tickers that the provider has.

    Raises ProviderError, with the last reason, when every attempt failed.
    """
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(budget.attempts) | tenacity.stop_before_delay(budget.deadline_seconds),
        wait=tenacity.wait_exponential_jitter(multiplier=0.5, max=5.0, jitter=0.5),
        retry=tenacity.retry_if_exception_type(ProviderError),
        before_sleep=tenacity.before_sleep_log(logger, logging.WARNING),
        reraise=True,
    )
    found: dict[str, Series] = retrying(_attempt, tickers, start, end, download, budget.timeout_seconds)
    return found


def _attempt(tickers: Sequence[str], start: dt.date, end: dt.date, download: Download, timeout: float) -> dict[str, Series]:
    try:
        frame = download(tickers, start, end, timeout)
    except Exception as error:  # yfinance raises what its HTTP, JSON and SQLite libraries raise
        raise ProviderError(f"prices of {_named(tickers)}: {type(error).__name__}: {error}") from error
    series = closes_of(frame, tickers)
    if not series:
        raise ProviderError(f"no prices of {_named(tickers)}: unknown or delisted symbols, or the provider cannot be reached")
    return series


def closes_of(frame: pd.DataFrame, tickers: Sequence[str]) -> dict[str, Series]:
    """The adjusted closes in a frame of any of the shapes that yfinance returns; tickers without a price are left out.

    Columns may be flat (one ticker) or of two levels in either order; `Adj Close` stands beside `Close` only where the
    frame is not adjusted already, and then it is the adjusted one.
    """
    if frame.columns.nlevels == 1:
        field = "Adj Close" if "Adj Close" in frame.columns else "Close"
        columns = {tickers[0]: frame[field]} if field in frame.columns and len(tickers) == 1 else {}
    else:
        level = 0 if "Close" in frame.columns.get_level_values(0) else 1
        fields = frame.columns.get_level_values(level)
        field = "Adj Close" if "Adj Close" in fields else "Close"
        closes = frame.xs(field, axis=1, level=level) if field in fields else frame.iloc[:, :0]
        columns = {ticker: closes[ticker] for ticker in tickers if ticker in closes.columns}
    day = frame.index.to_numpy().astype(_DAY).astype(np.int32)
    found = {}
    for ticker, column in columns.items():
        close = column.to_numpy(dtype=np.float64)
        good = np.isfinite(close) & (close > 0)
        if good.any():
            found[ticker] = Series(day[good], close[good])
    return found


def _named(tickers: Sequence[str]) -> str:
    return ", ".join(tickers[:5]) + (f" and {len(tickers) - 5} others" if len(tickers) > 5 else "")
