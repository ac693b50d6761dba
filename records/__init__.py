"""What crosses a border: messages, rows, and the validated bars behind it."""

from records.bars import VALUE_COLUMNS, Bars, Days, Floats, date_of, day_number, day_numbers, parse_date
from records.batch import (
    BAR_BATCH_VERSION,
    BarBatch,
    bar_batch_schema,
    batch_of,
    decode_batch,
    encode_batch,
    is_fetched_too_late,
)
from records.drift import Drift, LossMonitor
from records.exchanges import Exchange, exchange_of
from records.forecast import (
    FORECAST_VERSION,
    LIMIT,
    TRADING_DAYS,
    CandidateScore,
    Evidence,
    FallbackStep,
    Forecast,
    Opinion,
    PoolStatistics,
    decode_forecast,
    encode_forecast,
    forecast_schema,
)
from records.spacing import not_daily
from records.suspicion import Rule, Suspicion, suspicions
from records.tickers import canonical_ticker, is_isin, is_ticker
from records.validation import RejectedBar, validate_batch, validate_columns, validate_days

__all__ = [
    "BAR_BATCH_VERSION",
    "FORECAST_VERSION",
    "LIMIT",
    "TRADING_DAYS",
    "VALUE_COLUMNS",
    "BarBatch",
    "Bars",
    "CandidateScore",
    "Days",
    "Drift",
    "Evidence",
    "Exchange",
    "FallbackStep",
    "Floats",
    "Forecast",
    "LossMonitor",
    "Opinion",
    "PoolStatistics",
    "RejectedBar",
    "Rule",
    "Suspicion",
    "bar_batch_schema",
    "batch_of",
    "canonical_ticker",
    "date_of",
    "day_number",
    "day_numbers",
    "decode_batch",
    "decode_forecast",
    "encode_batch",
    "encode_forecast",
    "exchange_of",
    "forecast_schema",
    "is_fetched_too_late",
    "is_isin",
    "is_ticker",
    "not_daily",
    "parse_date",
    "suspicions",
    "validate_batch",
    "validate_columns",
    "validate_days",
]
