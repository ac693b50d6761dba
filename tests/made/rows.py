"""States and rows for the tests of the state, the same in every process."""

from __future__ import annotations

import datetime as dt

import msgspec

from records import CandidateScore, FallbackStep, Forecast


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
