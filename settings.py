"""Every setting, its default and the reason for it; read from the environment and from `.env`.

The name in the environment is the field's name in capitals (`STATE_DIR`, `HORIZON`, …). A field marked *forecast* changes the
numbers: those, and nothing else, enter `forecast_hash`, which every forecast row and every stored model carries.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Self

import msgspec
from pydantic import Field, JsonValue, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from errors import SettingsError
from text import comma_list

FORECAST: Final[dict[str, JsonValue]] = {"forecast": True}


class CalendarPeriod(StrEnum):
    """The calendar period after which a ticker is due for retraining."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class ModelName(StrEnum):
    """The candidates, in the order in which they are tried and in which ties are settled."""

    HAR = "har"
    ARIMA = "arima"
    XGBOOST = "xgboost"
    LSTM = "lstm"


class KafkaSecurity(StrEnum):
    """How a client talks to the brokers."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"


class KafkaSaslMechanism(StrEnum):
    """The mechanisms that all three clients (kafka-python, aiokafka, the broker) share."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


class KafkaCompression(StrEnum):
    """Codecs of published messages; Kafka's others need a library of their own in every client."""

    NONE = "none"
    GZIP = "gzip"


class LogFormat(StrEnum):
    """How a log line is written."""

    LOGFMT = "logfmt"
    JSON = "json"


class LogLevel(StrEnum):
    """From which level on the log is written."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class PriceProvider(StrEnum):
    """Where prices come from that the state does not hold."""

    YFINANCE = "yfinance"
    NONE = "none"


class SuspectBars(StrEnum):
    """What happens to suspect bars (`records.suspicion`); they are reported in any case."""

    KEEP = "keep"
    IMPOSSIBLE = "impossible"
    QUARANTINE = "quarantine"


class Settings(BaseSettings):
    """All settings; immutable. Build it with `load_settings` to get errors as SettingsError."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    # -- Where things are ---------------------------------------------------------------------------------------------
    state_dir: Path = Field(Path("var"), description="Folder of the RocksDB stores; one writer at a time.")
    log_level: LogLevel = Field(LogLevel.INFO, description="Model scores and selections are INFO, fallbacks WARNING.")
    log_format: LogFormat = Field(LogFormat.LOGFMT, description="logfmt: key=value, for people and machines; json: an object.")
    log_repeats: int = Field(
        20, ge=0, description="Warnings of one kind in a row; then one a minute with the number left out. 0 writes all."
    )

    # -- What is forecast (these change the numbers) --------------------------------------------------------------------
    horizon: int = Field(21, ge=1, le=252, json_schema_extra=FORECAST, description="Bars ahead: 21 are a month of trading.")
    lookback: int = Field(
        756,
        ge=126,
        le=5040,
        json_schema_extra=FORECAST,
        description="Bars that a training sees: three years held a crisis and a calm often enough, and more is slower.",
    )
    minimum_bars: int = Field(
        504,
        ge=126,
        json_schema_extra=FORECAST,
        description="Below two years a walk-forward validation has too few origins to tell models apart: fallback.",
    )
    window: CalendarPeriod = Field(
        CalendarPeriod.WEEK,
        json_schema_extra=FORECAST,
        description="Calendar period after which models are retrained; forecasts are refreshed with every bar anyway.",
    )
    models: Annotated[tuple[ModelName, ...], NoDecode] = Field(
        tuple(ModelName), min_length=1, json_schema_extra=FORECAST, description="Candidates; comma-separated."
    )
    market_model: Path | None = Field(
        None,
        json_schema_extra=FORECAST,
        description="File that `python -m models pretrain` made; the one that comes with this version if left out.",
    )
    seed: int = Field(0, ge=0, json_schema_extra=FORECAST, description="Of everything random; mixed with ticker and cut-off.")

    # -- History ------------------------------------------------------------------------------------------------------
    history_bars: int = Field(
        1260,
        ge=400,
        json_schema_extra=FORECAST,
        description="Bars kept per ticker: the look-back, the 252 bars that the longest feature needs before it, and as much "
        "again for corrections.",
    )

    # -- Training processes -------------------------------------------------------------------------------------------
    jobs: int = Field(
        default_factory=lambda: len(os.sched_getaffinity(0)), ge=1, description="Training processes: one per usable core."
    )
    job_deadline_seconds: float = Field(
        120.0, gt=0, description="A training takes about a tenth of a CPU second; a job still running after this is stuck."
    )
    model_memory_ttl_seconds: float = Field(3600.0, gt=0, description="Trained models in memory, as the specification has it.")
    model_ttl_seconds: float = Field(86400.0, gt=0, description="Trained models on disk; an older one is trained again.")

    # -- Kafka ----------------------------------------------------------------------------------------------------------
    kafka_bootstrap: str = Field(
        "127.0.0.1:9092", pattern=r"^\s*\S+:\d+\s*(,\s*\S+:\d+\s*)*$", description="host:port of brokers, comma-separated."
    )
    kafka_prefix: str = Field(
        "", pattern=r"^[A-Za-z0-9._-]{0,80}$", description="Put before every topic and group: several systems on one cluster."
    )
    kafka_security: KafkaSecurity = Field(KafkaSecurity.PLAINTEXT, description="PLAINTEXT suits a broker on this machine only.")
    kafka_ca_file: Path | None = Field(None, description="PEM of the authority that signed the brokers' certificates.")
    kafka_certificate_file: Path | None = Field(None, description="PEM of this client's certificate, for mutual TLS.")
    kafka_key_file: Path | None = Field(None, description="PEM of this client's private key, for mutual TLS.")
    kafka_sasl_mechanism: KafkaSaslMechanism = Field(KafkaSaslMechanism.SCRAM_SHA_512, description="With SASL_* security.")
    kafka_username: str | None = Field(None, description="With SASL_* security.")
    kafka_password: SecretStr | None = Field(None, description="With SASL_* security; never logged.")
    kafka_partitions: int = Field(
        8, ge=1, le=1000, description="The unit of scale: at most so many workers; fixed for the topics' life, keys would move."
    )
    kafka_replication: int = Field(
        1, ge=1, le=7, description="Copies of each partition; 3 on a cluster of three or more brokers."
    )
    kafka_bars_retention_days: float = Field(
        -1.0, description="Days that bars stay on their topic; -1 keeps them for ever, since `rebuild` reads them all again."
    )
    kafka_rejected_retention_days: float = Field(30.0, description="Days that refused messages stay: time to look at them.")
    kafka_segment_megabytes: int = Field(
        64,
        ge=1,
        le=1024,
        description="A log segment; only closed ones are compacted or deleted, and Kafka's 1 GB rarely closes.",
    )
    kafka_message_bytes: int = Field(
        8 * 1024 * 1024, ge=65536, description="Largest message taken; the longest possible batch (10,080 bars) has 1.2 MB."
    )
    kafka_compression: KafkaCompression = Field(
        KafkaCompression.GZIP,
        description="JSON shrinks to a third, for a tenth of what decoding it costs.",
    )
    publish_batch_bars: int = Field(
        250,
        ge=1,
        le=10_080,
        description="Bars per message in a backfill: 50 cost four times as much per bar, 500 gain nothing.",
    )
    publish_buffer_messages: int = Field(
        2000,
        ge=1,
        description="Messages under way without acknowledgement: bounds the memory, and what is sent again after a fault.",
    )
    publish_deadline_seconds: float = Field(
        120.0, gt=0, description="Without any acknowledgement for so long publishing gives up; a broker restarts in 15-60 s."
    )
    # -- Faust workers --------------------------------------------------------------------------------------------------
    worker_id: str = Field(
        default_factory=lambda: re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname()) or "worker",
        pattern=r"^[A-Za-z0-9._-]{1,80}$",
        description="Static member of the consumer group and folder of its tables; the same after a restart, or it takes long.",
    )
    worker_port: int = Field(0, ge=0, le=65535, description="Health page of a worker on loopback; 0 takes any free port.")
    worker_session_seconds: float = Field(
        8.0,
        ge=6,
        le=300,
        description="A worker silent for so long is dead: takeover within 11 s, yet a pause of 4.8 s is survived.",
    )
    worker_heartbeat_seconds: float = Field(1.0, gt=0, description="An eighth of the session: seven may get lost.")
    worker_poll_seconds: float = Field(
        300.0, gt=0, description="Longest time between two polls; trainings run in other processes, so only a hang comes near."
    )
    worker_commit_seconds: float = Field(
        0.5, gt=0, description="Between offset commits; what is processed again after a crash. State is idempotent."
    )
    worker_batch_messages: int = Field(
        10_000, ge=1, le=20_000, description="Most messages of one turn of the bars agent; one write per ticker and turn."
    )
    worker_cache_megabytes: int = Field(
        16, ge=1, description="RocksDB block cache of all of a worker's tables; Faust's is 2 GB for each partition of each."
    )
    training_patience_seconds: float = Field(
        10.0,
        ge=0,
        description="A training waits so long for its partition's backlog of bars: most of a backfill's are superseded.",
    )
    sweep_seconds: float = Field(60.0, gt=0, description="Between two looks for quiet tickers and expired models.")

    # -- Predictions and the optimizer --------------------------------------------------------------------------------
    prediction_memory_ttl_seconds: float = Field(900.0, gt=0, description="Predictions and prices in memory.")
    prediction_ttl_seconds: float = Field(14400.0, gt=0, description="Predictions and prices on disk.")
    fresh_sessions: int = Field(
        5, ge=0, description="A forecast whose as_of bar is more sessions old than this serves no request: a week of trading."
    )
    market_premium: float = Field(
        0.05,
        ge=0,
        le=0.2,
        description="What the typical share earns above the risk-free rate a year, before looking at the data: about what "
        "a century of world markets paid. It moves the centre of tickers that move otherwise than most, such as bonds.",
    )
    max_age_sessions: int = Field(
        10, ge=0, description="Tickers whose prices end more sessions before the end date are not used: two weeks."
    )
    min_coverage: float = Field(
        0.5, ge=0, le=1, description="Share of the requested tickers that must be usable; below, a request is refused."
    )
    min_price_days: int = Field(
        63,
        ge=21,
        description="Days of prices behind correlations; if the dates hold fewer, earlier ones are used. Of a quarter, a "
        "correlation of 0.3 has a standard error of 0.1.",
    )
    weight_cap: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Largest weight of one ticker; 1 is none, as the client expects. Never below 2 / tickers.",
    )
    max_tickers: int = Field(1000, ge=1, description="Of one request: time goes with their cube, 500 take 0.2 s.")

    # -- Prices of tickers that the state does not hold -----------------------------------------------------------------
    price_provider: PriceProvider = Field(PriceProvider.YFINANCE, description="Asked only for what the state does not hold.")
    provider_timeout_seconds: float = Field(10.0, gt=0, description="Of one attempt: an answer takes a second or two.")
    provider_attempts: int = Field(3, ge=1, le=10, description="Of one request; more only deepen a rate limit.")
    provider_deadline_seconds: float = Field(25.0, gt=0, description="Of all attempts: a person waits for the answer.")

    # -- Fetching bars for the stream -----------------------------------------------------------------------------------
    fetch_batch_tickers: int = Field(
        20, ge=1, le=500, description="Tickers of one question: what a failure costs to ask again."
    )
    fetch_deadline_seconds: float = Field(
        180.0, gt=0, description="Of all attempts at one batch; nobody waits for a nightly job."
    )
    fetch_rate_limit_seconds: float = Field(
        30.0,
        ge=0,
        description="First wait after a refusal for too many requests, doubled by each further one; 0 gives up at once.",
    )

    overlap_sessions: int = Field(
        63,
        ge=11,
        le=1000,
        description="Sessions that --since last fetches again: corrections come within days, the rules for suspect bars look "
        "a quarter back. Of fewer than 11 nobody could tell an error from another unit of prices.",
    )
    suspect_bars: SuspectBars = Field(
        SuspectBars.IMPOSSIBLE,
        description="impossible holds out prices off by a hundred, which triple a volatility, and brings those before another "
        "unit into it; quarantine also holds out spikes and days without volume, which models winsorise; but a "
        "spike shows a day late, when a live history has it already.",
    )

    # -- The HTTP service -----------------------------------------------------------------------------------------------
    host: str = Field("127.0.0.1", description="Loopback: the service has no authentication of its own by default.")
    port: int = Field(5000, ge=0, le=65535, description="Where the client expects it.")
    api_token: SecretStr | None = Field(None, description="When set, every /api request needs it as bearer token.")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        ("http://localhost:5173", "http://127.0.0.1:*"),
        description="Pages that may call; comma-separated; :* stands for any port. The client's two addresses.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.1", "localhost", "[::1]"),
        description="Host names that the service answers to, beside HOST; comma-separated, without port; * allows any. "
        "Whoever points a name of their own at this machine could else read its answers in a browser.",
    )
    max_request_bytes: int = Field(1_000_000, ge=1000, description="A list of 1,000 raw ticker lines is some 20 kB.")
    max_optimizations: int = Field(
        8, ge=1, description="At once; beyond: 429. 500 tickers keep a core busy for half a second, and a person waits."
    )
    max_streams: int = Field(256, ge=1, description="Progress streams held at once; each takes a thread, some 100 kB.")
    request_threads: int = Field(16, ge=1, description="For everything but streams: mostly short look-ups.")
    heartbeat_seconds: float = Field(10.0, gt=0, description="Of silence before a stream sends a comment: finds dead peers.")
    result_ttl_seconds: float = Field(
        300.0,
        gt=0,
        description="How long a result waits for its client, and a stream for its request.",
    )

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for name in ("models", "cors_origins", "allowed_hosts"):
                if isinstance(values.get(name), str):
                    values[name] = tuple(comma_list(values[name].lower()))
        return values

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.minimum_bars > self.lookback:
            raise ValueError(f"MINIMUM_BARS ({self.minimum_bars}) must not exceed LOOKBACK ({self.lookback})")
        if self.history_bars < self.lookback + 252:
            raise ValueError(f"HISTORY_BARS ({self.history_bars}) must be at least LOOKBACK + 252 ({self.lookback + 252})")
        return self

    @property
    def forecast_values(self) -> dict[str, Any]:
        """The settings that change the numbers, by field name."""
        fields = type(self).model_fields
        values = {name: getattr(self, name) for name, field in fields.items() if field.json_schema_extra == FORECAST}
        return values | {"market_model": self._market_model_digest}

    @cached_property
    def _market_model_digest(self) -> str | None:
        if self.market_model is None:
            return None
        try:
            return hashlib.blake2b(self.market_model.read_bytes(), digest_size=6).hexdigest()
        except OSError as error:
            raise SettingsError(f"MARKET_MODEL: {self.market_model} cannot be read ({error})") from error

    @property
    def forecast_hash(self) -> str:
        """12 hex digits over the settings that change the numbers."""
        return hashlib.blake2b(msgspec.json.encode(self.forecast_values, order="sorted"), digest_size=6).hexdigest()


def load_settings(**overrides: Any) -> Settings:
    """Settings from `.env`, the environment and `overrides` (strongest; None is ignored). Raises SettingsError."""
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(p) for p in e['loc']).upper() or 'settings'}: {e['msg']} (got {e['input']!r:.60})"
            for e in error.errors()
        )
        raise SettingsError(f"{problems}. Set it in the environment or in .env") from error
