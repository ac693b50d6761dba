"""Forecast: the row of the forecast table, one per ticker, and its parts."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import msgspec

from errors import MessageError
from records.drift import Drift
from records.exchanges import TRADING_DAYS
from records.versioned import Versioned

#: Version 2 added `drift`; rows of version 1 are read without it.
FORECAST_VERSION: Final = 2


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Paired walk-forward evidence that moving the forecast from the baseline towards a candidate reduces its errors.

    δ is the candidate's forecast less the baseline's, and e the baseline's error, in units of the expected deviation for the
    return and in logs for the variance. `square` is Σδ², `product` is Σδe, and `error` is the standard error of Σδe, which
    allows for overlapping horizons. The least-squares weight is product ÷ square. Sums over tickers cover the origins of all
    tickers.
    """

    square: float
    product: float
    error: float


class CandidateForecast(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate's own forecast at the row's bar: simple return over the horizon, mean daily variance."""

    model: str
    horizon_return: float
    daily_variance: float


class PoolStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """A ticker's contribution to estimates over many tickers: rows can be pooled without their bars.

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
    """The scores of one candidate in walk-forward validation, out of sample; None for a score that could not be computed.

    `return_r2` compares with the mean of the training part. `return_rmse` is of the simple return over the horizon.
    `volatility_r2` and `volatility_rmse` are of annual volatility. `qlike` is Patton's (2011) loss of variance. `sharpe` is the
    annual Sharpe ratio of holding sign(forecast) over each horizon, before costs. The evidence compares with the baseline,
    which has none itself.
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


#: The name of the step by which a row says that its return was limited.
RETURN_LIMITED: Final = "limit"


class FallbackStep(msgspec.Struct, frozen=True, kw_only=True):
    """A model that should have served but did not, and the reason."""

    model: str
    reason: str


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """The forecast for one ticker over the `horizon` bars after its bar `as_of`.

    `annual_return` is arithmetic: the expected simple return over the horizon × `periods_per_year` / horizon.
    `annual_volatility` is the standard deviation of daily log returns × √`periods_per_year`: the sessions a year of the
    ticker's own exchange, 365 for seven bars a week (`records.exchanges`). `currency` is that of the prices, None if the
    symbol does not say. The bounds are of the simple return over the horizon.
    `return_standard_error` is of `annual_return`. Without a sound forecast all numbers are None together, and `fallbacks` says
    why. It also says if a return beyond ±100 % a year was expected and ±100 % is served.

    `best_return_model` and `best_volatility_model` are the best candidates in validation, by RMSE and by QLIKE. The served
    forecast moves from the baseline towards them by `return_weight` and `volatility_weight`, which are 0 unless the evidence
    passes its threshold. `return_model` and `volatility_model` name the candidate if it has weight, else the baseline.
    `pooled_tickers` is the number of tickers whose rows were pooled into this row, 1 for a row that is not pooled. If a
    candidate has weight, `drift` compares the live losses of the forecast with the baseline's; after an alarm the weight is 0.
    `fallback` is None if a trained and selected model made the forecast, else the name of the estimate used in its place.

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
    opinions: tuple[CandidateForecast, ...] = ()
    pool: PoolStatistics | None = None
    drift: Drift | None = None
    fallbacks: tuple[FallbackStep, ...] = ()
    candidates: tuple[CandidateScore, ...] = ()
    bars_used: int
    training_cutoff: dt.date | None
    settings_hash: str
    code_version: str
    periods_per_year: int = TRADING_DAYS
    currency: str | None = None


_codec = Versioned(Forecast, FORECAST_VERSION)


def encode_forecast(row: Forecast) -> bytes:
    """The bytes of the row in the table and on the topic (msgpack); equal rows have equal bytes."""
    return _codec.encode(row)


def decode_forecast(payload: bytes) -> Forecast:
    """The row in these bytes. Raises SchemaError for a newer version, MessageError for any other bytes."""
    return _codec.decode(payload, "forecast row", lambda error: MessageError(f"not a forecast row: {error}"))


def forecast_schema() -> dict[str, Any]:
    """The JSON Schema of a Forecast."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Forecast)}
