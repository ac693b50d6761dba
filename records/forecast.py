"""Forecast: the row of the forecast table, one per ticker, and its parts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, get_args, get_type_hints

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
    which has no evidence itself.
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
#: The name of the step by which a row of an earlier date says that models of that date are not kept, and what served.
EARLIER: Final = "earlier"


class FallbackStep(msgspec.Struct, frozen=True, kw_only=True):
    """A model that should have served but did not, and the reason."""

    model: str
    reason: str


def fallback_text(steps: Iterable[FallbackStep], ticker: str) -> str:
    """The steps as text: models with one reason stand together, and the ticker that the row is of is left out.

    >>> steps = [FallbackStep(model=name, reason="A: its price stands still") for name in ("har", "lstm")]
    >>> fallback_text([*steps, FallbackStep(model="historical", reason="no volatility")], "A")
    'har, lstm: its price stands still; historical: no volatility'
    """
    models: dict[str, list[str]] = {}
    for step in steps:
        models.setdefault(step.reason.removeprefix(f"{ticker}: "), []).append(step.model)
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in models.items())


def _field(meaning: str) -> msgspec.Meta:
    """The meaning of a field, for the JSON Schema and the page of rows."""
    return msgspec.Meta(description=meaning)


def _column(meaning: str) -> msgspec.Meta:
    """A field that is also a column of CSV and Parquet."""
    return msgspec.Meta(description=meaning, extra={"column": True})


# Each field is declared once, here, with its meaning. The codec, the JSON Schema, the columns of CSV and Parquet, HTTP and
# docs/reference/rows.md follow from the declaration. `models.serving` sets the values.
class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """The forecast for one ticker over the `horizon` bars after its bar `as_of`.

    Without a sound forecast all numbers are None together, and `fallbacks` says why. It also says if a return beyond ±100 % a
    year was expected and ±100 % is served. The best candidates have weight 0 unless the evidence passes its threshold. After an
    alarm of `drift` the weight is 0 too.

    No field depends on a clock: the same bars give the same bytes.
    """

    schema_version: Annotated[int, _field("version of this form; a newer version is refused, an older version is read")] = (
        FORECAST_VERSION
    )
    ticker: Annotated[str, _column("canonical symbol")]
    as_of: Annotated[dt.date, _column("date of the newest bar used")]
    last_close: Annotated[float, _column("that bar's close")]
    horizon: Annotated[int, _column("bars ahead")]
    annual_return: Annotated[float | None, _column("expected simple return over the horizon × `periods_per_year` / horizon")]
    annual_volatility: Annotated[
        float | None, _column("expected standard deviation of daily log returns × √`periods_per_year`")
    ]
    return_standard_error: Annotated[float | None, _column("standard error of `annual_return`")]
    lower_80: Annotated[float | None, _column("lower bound of the 80 % interval of the simple return over the horizon")]
    upper_80: Annotated[float | None, _column("upper bound of the 80 % interval")]
    lower_95: Annotated[float | None, _column("lower bound of the 95 % interval")]
    upper_95: Annotated[float | None, _column("upper bound of the 95 % interval")]
    return_model: Annotated[
        str | None, _column("the model that serves the return: the best candidate if it has weight, else the baseline")
    ]
    volatility_model: Annotated[str | None, _column("the model that serves the volatility, by the same rule")]
    fallback: Annotated[
        str | None,
        _column("null if trained models made the forecast; else the estimate in its place: `pooled` or `historical`"),
    ]
    best_return_model: Annotated[str | None, _field("the candidate with the lowest RMSE in validation")] = None
    best_volatility_model: Annotated[str | None, _field("the candidate with the lowest QLIKE in validation")] = None
    return_weight: Annotated[
        float,
        _field("how far the return departs from the baseline towards the best candidate, 0 to 1; 0 without enough evidence"),
    ] = 0.0
    volatility_weight: Annotated[float, _field("the same for the volatility")] = 0.0
    pooled_tickers: Annotated[int, _field("rows that were pooled into this row; 1 for a row as written")] = 1
    opinions: Annotated[
        tuple[CandidateForecast, ...], _field("each candidate's own forecast: return over the horizon, mean daily variance")
    ] = ()
    pool: Annotated[PoolStatistics | None, _field("what this ticker adds to estimates over many tickers; null over HTTP")] = (
        None
    )
    drift: Annotated[Drift | None, _field("live losses of the forecast beside the baseline's, if a candidate has weight")] = (
        None
    )
    fallbacks: Annotated[tuple[FallbackStep, ...], _field("steps that failed or were limited: model and reason")] = ()
    candidates: Annotated[
        tuple[CandidateScore, ...], _field("scores of every candidate in walk-forward validation, out of sample")
    ] = ()
    bars_used: Annotated[int, _column("bars of the training")]
    training_cutoff: Annotated[dt.date | None, _column("date of the newest bar that the training saw; null without a training")]
    settings_hash: Annotated[str, _column("12 hex digits over the settings that change forecasts")]
    code_version: Annotated[str, _column("version that made the row")]
    periods_per_year: Annotated[
        int, _column("bars a year, by which figures are annual: sessions of the ticker's exchange, 365 for seven bars a week")
    ] = TRADING_DAYS
    currency: Annotated[
        str | None,
        _column(
            "currency of the prices, as their source names it, else by the symbol: USD, GBp (pence), …; null if neither says"
        ),
    ] = None


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


def forecast_meanings() -> Mapping[str, str]:
    """The meaning of each field of a Forecast, by name, in their order."""
    return {name: str(meta.description) for name, (_, meta) in _declared().items()}


def forecast_columns() -> Mapping[str, type]:
    """The fields that are columns of CSV and Parquet, in their order, and the type of their values (None aside)."""
    return {name: kind for name, (kind, meta) in _declared().items() if (meta.extra or {}).get("column")}


@cache
def _declared() -> Mapping[str, tuple[Any, msgspec.Meta]]:
    declared: dict[str, tuple[Any, msgspec.Meta]] = {}
    for name, hint in get_type_hints(Forecast, include_extras=True).items():
        kind, meta = get_args(hint)
        declared[name] = (kind.__args__[0] if isinstance(kind, UnionType) else kind, meta)
    return declared
