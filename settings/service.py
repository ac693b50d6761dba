"""Portfolios and the HTTP service."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import NoDecode


class ServiceSettings(BaseModel, frozen=True):
    """Portfolios and the HTTP service."""

    # -- Predictions and the optimizer -----------------------------------------------------------------------------------
    prediction_memory_ttl_seconds: float = Field(900.0, gt=0, description="Time that predictions and prices stay in memory.")
    prediction_ttl_seconds: float = Field(14400.0, gt=0, description="Time that predictions and prices stay on disk.")
    fresh_sessions: int = Field(
        5, ge=0, description="A forecast whose as_of bar is more sessions old than this is not used: a week of trading."
    )
    earlier_sessions: int = Field(
        10,
        ge=0,
        le=60,
        description="An end date at most so many sessions before the newest bar is served by forecasts as of that date. "
        "They are made for the request; 0 makes none.",
    )
    market_premium: float = Field(
        0.05,
        ge=0,
        le=0.2,
        description="What the typical share earns above the risk-free rate a year, before looking at the data: about what a "
        "century of world markets paid. It moves the centre of tickers that move otherwise than most, such as "
        "bonds.",
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
        description="Days of prices behind correlations; if the dates hold fewer, earlier days are used. Of a quarter, a "
        "correlation of 0.3 has a standard error of 0.1.",
    )
    weight_cap: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Largest weight of a ticker; 1 means no limit, as the client expects. It is at least 2 / tickers.",
    )
    max_tickers: int = Field(
        1000, ge=1, description="Most tickers of a request: time grows with their cube, and 500 take 0.2 s."
    )

    record_days: int = Field(
        800,
        ge=0,
        description="Days that the record keeps what was served, for `tidecast report` and the live losses; 0 records nothing.",
    )

    # -- The HTTP service ------------------------------------------------------------------------------------------------
    host: str = Field("127.0.0.1", min_length=1, description="Loopback, since the service has no authentication by default.")
    port: int = Field(5000, ge=0, le=65535, description="The port that the client expects.")
    api_token: SecretStr | None = Field(None, description="If set, every /api request needs it as bearer token.")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        ("http://localhost:5173", "http://127.0.0.1:*"),
        description="Origins of pages that may call, comma-separated; :* means any port. The default is the client's two "
        "addresses.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.1", "localhost", "[::1]"),
        description="Host names that the service answers to, beside HOST; comma-separated, without port; * allows any. "
        "Otherwise anyone who points a name at this machine could read its answers in a browser.",
    )
    max_request_bytes: int = Field(1_000_000, ge=1000, description="Largest request: 1,000 raw ticker lines take some 20 kB.")
    max_optimizations: int = Field(
        8, ge=1, description="Simultaneous optimizations; further requests get 429. 500 tickers take a core half a second."
    )
    max_streams: int = Field(256, ge=1, description="Simultaneous progress streams; each takes a thread of some 100 kB.")
    request_threads: int = Field(16, ge=1, description="Threads for all requests but streams, mostly short look-ups.")
    heartbeat_seconds: float = Field(
        10.0, gt=0, description="Silence after which a stream sends a comment, to detect dead peers."
    )
    result_ttl_seconds: float = Field(
        300.0,
        gt=0,
        description="Time that a result waits for its client, and a stream for its request.",
    )
