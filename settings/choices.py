"""Settings with a fixed set of values."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pydantic import JsonValue

#: Marks a field that changes the numbers of forecasts.
FORECAST: Final[dict[str, JsonValue]] = {"forecast": True}


class CalendarPeriod(StrEnum):
    """The calendar period after which a ticker is trained again."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class DoubtfulSeries(StrEnum):
    """What happens to the forecast of a series that cannot be one of daily bars (`records.series`)."""

    HOLD_BACK = "hold_back"
    SERVE = "serve"


class KafkaSecurity(StrEnum):
    """How a client talks to the brokers."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"


class KafkaSaslMechanism(StrEnum):
    """The mechanisms that all clients (kafka-python, aiokafka, the broker) support."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


class KafkaCompression(StrEnum):
    """Codecs of published messages; Kafka's other codecs need an extra library in every client."""

    NONE = "none"
    GZIP = "gzip"


class LogFormat(StrEnum):
    """How a log line is written."""

    LOGFMT = "logfmt"
    JSON = "json"


class LogLevel(StrEnum):
    """The lowest level that is logged."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class PriceProvider(StrEnum):
    """The source of prices that the state does not hold."""

    YFINANCE = "yfinance"
    NONE = "none"


class SuspectBars(StrEnum):
    """What happens to suspect bars (`records.suspicion`); they are reported in any case."""

    KEEP = "keep"
    IMPOSSIBLE = "impossible"
    QUARANTINE = "quarantine"
