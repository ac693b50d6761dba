"""A simulated state folder for the optimizer: bars of tickers that move together, and rows as large as trained rows."""

from __future__ import annotations

import datetime as dt
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from benchmarks.lookup import row
from history.ticker_state import Counters, TickerState
from records import Bars, CandidateForecast, Evidence, Floats, Forecast, PoolStatistics, day_number
from state.folder import StateFolder

TICKERS: Final = tuple(f"T{number:03d}" for number in range(500))
BARS: Final = 1258
LAST: Final = dt.date(2018, 2, 7)
#: A trained row keeps an observation a week for pooling, each with this many terms (`models.pooling.terms`).
_WEEKS: Final = 51
_TERMS: Final = 10


def made_bars() -> dict[str, Bars]:
    """Five years of each ticker: a common factor and noise of its own."""
    rng = np.random.default_rng(7)
    day = np.busday_offset(np.datetime64(LAST), np.arange(1 - BARS, 1)).astype("datetime64[D]").astype(np.int32)
    market = rng.normal(0.0004, 0.008, BARS)
    bars = {}
    for ticker in TICKERS:
        noise = rng.normal(rng.normal(0.0002, 0.0003), rng.uniform(0.006, 0.016), BARS)
        close: Floats = 50.0 * np.exp(np.cumsum(market * rng.uniform(0.5, 1.5) + noise))
        bars[ticker] = Bars.of(
            day.copy(), open=close.copy(), high=close * 1.01, low=close * 0.99, close=close, volume=np.full(BARS, 1e6)
        )
    return bars


def made_row(number: int, turn: int) -> Forecast:
    """A row with all the fields of a trained row; `turn` changes all its numbers a little."""
    rng = np.random.default_rng([number, turn % 100])
    models = ("har", "arima", "xgboost", "lstm")
    evidence = [Evidence(square=s, product=p, error=e) for s, p, e in rng.uniform(0.1, 1.0, (8, 3)).tolist()]
    scores = tuple(
        msgspec.structs.replace(
            score,
            return_r2=float(rng.normal(0.0, 0.02)),
            qlike=float(rng.uniform(0.2, 0.4)),
            return_evidence=evidence[2 * k] if k else None,
            variance_evidence=evidence[2 * k + 1] if k else None,
        )
        for k, score in enumerate(row(number, turn).candidates)
    )
    variance = float(rng.uniform(1e-4, 8e-4))
    opinions = tuple(
        CandidateForecast(
            model=model, horizon_return=float(rng.normal(0.007, 0.003)), daily_variance=variance * float(rng.uniform(0.8, 1.2))
        )
        for model in models
    )
    panel = rng.normal(0.0, 1.0, (_WEEKS, 1 + _TERMS)).astype("<f4")
    statistics = PoolStatistics(
        mean_return=float(rng.normal(0.0004, 0.0002)),
        mean_return_variance=1e-7,
        terms=rng.normal(0.0, 1.0, _TERMS).astype("<f4").tobytes(),
        weeks=np.arange(2400, 2400 + _WEEKS, dtype="<i4").tobytes(),
        panel=panel.tobytes(),
        tails=(1.28, 1.96),
    )
    return msgspec.structs.replace(
        row(number, turn),
        annual_return=float(rng.normal(0.09, 0.04)),
        annual_volatility=float(rng.uniform(0.15, 0.45)),
        opinions=opinions,
        candidates=scores,
        pool=statistics,
    )


def write_state(folder: Path, bars: dict[str, Bars]) -> None:
    """Histories and rows, as a worker leaves them."""
    with StateFolder(folder).open_writer() as writer:
        for number, (ticker, held) in enumerate(bars.items()):
            fetched = np.full(BARS, float(day_number(held.last_date)))
            snapshots = np.zeros((-(-BARS // 64), 4))
            state = TickerState(
                ticker, 0, held, fetched, fetched, (), (), held, np.zeros(4), snapshots, None, Counters(accepted=BARS)
            )
            writer.history.save(state, changed_from=0)
            writer.forecasts.put(made_row(number, 0))


def keep_writing(folder: Path, stop: Event, pause_seconds: float = 0.0) -> None:
    """A worker: writes all rows repeatedly, at full speed or with a pause between rounds."""
    rounds = [[made_row(number, turn) for number in range(len(TICKERS))] for turn in range(4)]
    with StateFolder(folder).open_writer() as writer:
        while True:
            for rows in rounds:
                for made in rows:
                    writer.forecasts.put(made)
                if stop.wait(pause_seconds):
                    return
