"""Fetching prices and bars from a provider."""

from __future__ import annotations

from pydantic import BaseModel, Field

from settings.choices import PriceProvider, SuspectBars


class MarketDataSettings(BaseModel, frozen=True):
    """Fetching prices and bars from a provider."""

    # -- Prices of tickers that the state does not hold ------------------------------------------------------------------
    price_provider: PriceProvider = Field(
        PriceProvider.YFINANCE, description="Provider of prices that the state does not hold."
    )
    provider_timeout_seconds: float = Field(
        10.0, gt=0, description="Time limit of an attempt: an answer takes a second or two."
    )
    provider_attempts: int = Field(
        3, ge=1, le=10, description="Attempts of a request; more attempts only prolong a rate limit."
    )
    provider_deadline_seconds: float = Field(
        25.0, gt=0, description="Time limit of all attempts: a person waits for the answer."
    )

    # -- Fetching bars for the stream ------------------------------------------------------------------------------------
    fetch_batch_tickers: int = Field(
        20, ge=1, le=500, description="Tickers in a request: a failure repeats the request for all of them."
    )
    fetch_deadline_seconds: float = Field(
        180.0, gt=0, description="Time limit of all attempts at a request; a nightly job may wait."
    )
    fetch_rate_limit_seconds: float = Field(
        30.0,
        ge=0,
        description="First wait after a refusal for too many requests, doubled by each further refusal; 0 fails at once.",
    )

    overlap_sessions: int = Field(
        63,
        ge=11,
        le=1000,
        description="Sessions that --since last fetches again: corrections come within days, and the rules for suspect bars "
        "look a quarter back. Fewer than 11 cannot distinguish an error from a change of unit.",
    )
    suspect_bars: SuspectBars = Field(
        SuspectBars.IMPOSSIBLE,
        description="impossible: hold out prices wrong by a factor of 100, which triple a volatility, and convert prices "
        "before a change of unit. quarantine: also hold out spikes and days without volume, which models "
        "winsorise. A spike shows a day late, when a live history already contains it.",
    )
