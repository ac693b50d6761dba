"""Forecast: the row of the forecast table, one per ticker, and what it rests on."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import msgspec

from errors import MessageError, SchemaError
from records.drift import Drift

#: Version 2 has `drift`; rows of version 1 are read as rows without it.
FORECAST_VERSION: Final = 2
TRADING_DAYS: Final = 252


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Paired walk-forward evidence that a forecast moved from the baseline's towards a candidate's errs less.

    With δ the candidate's forecast less the baseline's and e the baseline's error, in units of the expected deviation for the
    return and in logs for the variance: `square` is Σδ², `product` Σδe, `error` the standard error of Σδe that allows for
    overlapping horizons. The least-squares weight is product ÷ square. Sums over tickers are those of all tickers' origins.
    """

    square: float
    product: float
    error: float


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """What one candidate itself expects at the row's bar: simple return over the horizon, mean daily variance."""

    model: str
    horizon_return: float
    daily_variance: float


class PoolStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What a ticker adds to estimates over many tickers: enough to pool rows without their bars.

    `mean_return` is the ticker's own mean daily simple return over its look-back, `mean_return_variance` the variance of that
    mean's sampling error. `terms` (k) describe the variance now; `panel` (weeks × (1 + k), by rows) holds, for each of `weeks`
    (numbers of calendar weeks since 1970), the log of the horizon's realised variance and the terms before it; all as raw
    little-endian float32 and int32. `deltas` holds, by candidate that follows the market model, its δ in those weeks (float32).
    `tails` are the 80 and 95 % quantiles of the absolute standardised residuals of the walk-forward validation. A row without a
    trained model has no weeks, no panel and no tails, and NaN for the terms whose lookback its history does not reach: it is
    served what the other rows say, and adds nothing to it.
    """

    mean_return: float
    mean_return_variance: float
    terms: bytes
    weeks: bytes
    panel: bytes
    tails: tuple[float, float] | None
    deltas: dict[str, bytes] = {}


class CandidateScore(msgspec.Struct, frozen=True, kw_only=True):
    """How one candidate model did out of sample, in walk-forward validation; None where it could not be scored.

    `return_r2` is against the mean of the training part; `return_rmse` is of the simple return over the horizon;
    `volatility_r2` and `volatility_rmse` are of annual volatility; `qlike` is Patton's (2011) of variance; `sharpe` is the
    annual Sharpe ratio of holding sign(forecast) over each horizon, before costs. The evidence is against the baseline; the
    baseline itself has none.
    """

    model: str
    origins: int = 0
    return_r2: float | None = None
    return_rmse: float | None = None
    volatility_r2: float | None = None
    volatility_rmse: float | None = None
    qlike: float | None = None
    sharpe: float | None = None
    return_evidence: Evidence | None = None
    variance_evidence: Evidence | None = None
    failure: str | None = None


#: Under this name the steps of a row say that its return was limited.
LIMIT: Final = "limit"


class FallbackStep(msgspec.Struct, frozen=True, kw_only=True):
    """One model that should have served but did not, and why."""

    model: str
    reason: str


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of one ticker over the `horizon` bars after its bar `as_of`.

    `annual_return` is arithmetic: the expected simple return over the horizon × 252 / horizon. `annual_volatility` is of daily
    log returns, × √252. The bounds are of the simple return over the horizon. `return_standard_error` is of
    `annual_return`. All numbers are None together when there is no sound forecast, and `fallbacks` says why; it also says
    where a return beyond ±100 % a year was expected and 100 % is served.
    `best_return_model` and `best_volatility_model` did best in validation (by RMSE and by QLIKE); the served forecast departs
    from the baseline towards them by `return_weight` and `volatility_weight`, 0 unless the evidence clears its bar, and
    `return_model` and `volatility_model` name the best one then, else the baseline. `pooled_tickers` is the number of
    tickers whose rows were pooled into this one (1: it stands alone). `drift` says how the forecast's live losses compare with
    the baseline's where a candidate has weight; one that has become worse is displaced, and its weight is 0.
    `fallback` is None when a trained and selected model made the forecast, else the name of the estimate that stands in.
    No field depends on a clock: the same bars give the same bytes.
    """

    schema_version: int = FORECAST_VERSION
    ticker: str
    as_of: dt.date
    last_close: float
    horizon: int
    annual_return: float | None
    annual_volatility: float | None
    return_standard_error: float | None
    lower_80: float | None
    upper_80: float | None
    lower_95: float | None
    upper_95: float | None
    return_model: str | None
    volatility_model: str | None
    fallback: str | None
    best_return_model: str | None = None
    best_volatility_model: str | None = None
    return_weight: float = 0.0
    volatility_weight: float = 0.0
    pooled_tickers: int = 1
    opinions: tuple[Opinion, ...] = ()
    pool: PoolStatistics | None = None
    drift: Drift | None = None
    fallbacks: tuple[FallbackStep, ...] = ()
    candidates: tuple[CandidateScore, ...] = ()
    bars_used: int
    training_cutoff: dt.date | None
    settings_hash: str
    code_version: str


_decoder = msgspec.msgpack.Decoder(Forecast)
_encoder = msgspec.msgpack.Encoder()


class _Version(msgspec.Struct):
    schema_version: int = 0


_version_decoder = msgspec.msgpack.Decoder(_Version)


def encode_forecast(row: Forecast) -> bytes:
    """The row's bytes in the table and on the topic (msgpack); equal rows have equal bytes."""
    return _encoder.encode(row)


def decode_forecast(payload: bytes) -> Forecast:
    """The row in these bytes. Raises SchemaError for a newer version, MessageError for anything that is no row."""
    try:
        version = _version_decoder.decode(payload).schema_version
        if version > FORECAST_VERSION:
            raise SchemaError(
                f"forecast row of schema version {version}; this process knows up to {FORECAST_VERSION}: upgrade it first"
            )
        return _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MessageError(f"not a forecast row: {error}") from error


def forecast_schema() -> dict[str, Any]:
    """The JSON Schema of a Forecast."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Forecast)}
