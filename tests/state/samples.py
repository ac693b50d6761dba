"""States and rows for the tests of the state, the same in every process."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np

from history.ticker_state import BLOCK_BARS, Counters, DueTraining, TickerState
from records import Bars, CandidateScore, FallbackStep, Forecast

STATE_SIZE = 12


def history(ticker: str, total: int, *, first_index: int = 0, corrected: int | None = None) -> TickerState:
    """A ticker's state after `total` bars; bar i is the same whatever the total, but for the bar `corrected`."""
    index = np.arange(first_index, total)
    close = 100 + np.sin(index / 7.0) + (index % 13) / 100
    if corrected is not None:
        close[corrected - first_index] += 0.5
    bars = Bars.of(
        (15_000 + index).astype(np.int32),
        open=close - 0.25,
        high=close + 1.0,
        low=close - 1.0,
        close=close.copy(),
        volume=1e6 + 1e3 * index,
    )
    blocks = np.arange(first_index // BLOCK_BARS, -(-total // BLOCK_BARS))
    fetched = np.full(len(index), 20_000.0)
    return TickerState(
        ticker=ticker,
        first_index=first_index,
        delivered=bars,
        fetched=fetched,
        split_fetched=fetched,
        withdrawn=(),
        restatements=(),
        bars=bars,
        feature_state=np.arange(STATE_SIZE) * 1.5 + total,
        snapshots=blocks[:, None] + np.arange(STATE_SIZE) / 3,
        due=DueTraining(15_000 + total, b"digest" + str(total).encode()),
        counters=Counters(accepted=total),
    )


def forecast(ticker: str, *, annual_return: float = 0.08, **fields: object) -> Forecast:
    """A row made by a trained model."""
    scores = tuple(
        CandidateScore(
            model=model,
            origins=12,
            return_r2=0.012,
            return_rmse=0.061,
            volatility_r2=0.31,
            volatility_rmse=0.052,
            qlike=0.29,
            sharpe=0.7,
        )
        for model in ("har", "arima", "xgboost", "lstm")
    )
    row = Forecast(
        ticker=ticker,
        as_of=dt.date(2018, 2, 7),
        last_close=171.5,
        horizon=21,
        annual_return=annual_return,
        annual_volatility=0.2,
        return_standard_error=0.05,
        lower_80=-0.07,
        upper_80=0.09,
        lower_95=-0.11,
        upper_95=0.13,
        return_model="xgboost",
        volatility_model="har",
        fallback=None,
        candidates=scores,
        bars_used=756,
        training_cutoff=dt.date(2018, 2, 2),
        settings_hash="0123456789ab",
        code_version="0.1.0",
    )
    return msgspec.structs.replace(row, **fields)


def too_young(ticker: str) -> Forecast:
    """A row that an estimate stands in for."""
    return forecast(
        ticker,
        return_model=None,
        volatility_model=None,
        fallback="historical",
        fallbacks=(FallbackStep(model="har", reason="196 bars, and it needs at least 504"),),
        candidates=(),
        training_cutoff=None,
        bars_used=196,
    )


def newer_forecast(ticker: str) -> bytes:
    """A row as a later version of this project might write it."""
    return msgspec.msgpack.encode({"schema_version": 99, "ticker": ticker, "something": "new"})
