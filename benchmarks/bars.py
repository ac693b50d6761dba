"""Bars for the benchmarks: the real bars beside the project if they are there, else simulated bars of the same size."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from producers.sources import read_source
from records import BarBatch, Bars, RejectedBar, batch_of, validate_batch

REAL_BARS: Final = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "sp500_2013_2018.parquet"
SIMULATED_TICKERS: Final = 505
SIMULATED_BARS: Final = 1259
BATCH_BARS: Final = 250


def data_name() -> str:
    """The name of the measured bars, for the output."""
    return REAL_BARS.name if REAL_BARS.exists() else f"simulated {SIMULATED_TICKERS} x {SIMULATED_BARS}"


def batches() -> Iterator[BarBatch | RejectedBar]:
    """The set as from a source: batches of up to 250 bars, ticker after ticker."""
    if REAL_BARS.exists():
        return iter(read_source("file", path=REAL_BARS, today=dt.date.max))
    return (batch for ticker, bars in simulated() for batch in batched(ticker, bars))


def histories(limit: int | None = None, *, minimum: int = 0) -> dict[str, Bars]:
    """Whole histories of the first `limit` tickers with at least `minimum` bars."""
    return dict(itertools.islice(_histories(minimum), limit))


def _histories(minimum: int) -> Iterator[tuple[str, Bars]]:
    accepted = (item for item in batches() if isinstance(item, BarBatch))
    for ticker, group in itertools.groupby(accepted, key=lambda batch: batch.ticker):
        bars = Bars.concatenate(validate_batch(batch, today=dt.date.max)[0] for batch in group)
        if len(bars) >= minimum:
            yield ticker, bars


def simulated(bars: int = SIMULATED_BARS) -> Iterator[tuple[str, Bars]]:
    """As many tickers as in the real set, with the same number of bars each."""
    days = np.busday_offset("2013-02-08", np.arange(bars), roll="forward").astype("datetime64[D]").astype(np.int32)
    for number in range(SIMULATED_TICKERS):
        generator = np.random.default_rng(number)
        volatility = 0.015 * np.exp(0.3 * generator.standard_normal(bars).cumsum() / np.sqrt(bars))
        close = 50 * np.exp(np.cumsum(volatility * generator.standard_normal(bars)))
        open_ = close * np.exp(0.3 * volatility * generator.standard_normal(bars))
        reach = np.exp(volatility * generator.random(bars))
        yield (
            f"SIM{number:03d}",
            Bars.of(
                days.copy(),
                open=open_,
                high=np.maximum(open_, close) * reach,
                low=np.minimum(open_, close) / reach,
                close=close,
                volume=np.round(1e6 * np.exp(0.4 * generator.standard_normal(bars))),
            ),
        )


def batched(ticker: str, bars: Bars) -> Iterator[BarBatch]:
    """The bars as a backfill sends them."""
    for start in range(0, len(bars), BATCH_BARS):
        part = bars[start : start + BATCH_BARS]
        yield batch_of(ticker, part, source="bench", as_of=part.last_date)
