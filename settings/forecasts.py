"""Where the state is, what is forecast, and how it is trained."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, field_validator
from pydantic_settings import NoDecode

from settings.candidates import ModelName
from settings.choices import FORECAST, CalendarPeriod, DoubtfulSeries, LogFormat, LogLevel
from text import encodable


class ForecastSettings(BaseModel, frozen=True):
    """Where the state is, what is forecast, and how it is trained."""

    # -- Where things are ------------------------------------------------------------------------------------------------
    state_dir: Path = Field(Path("var"), description="Folder of the RocksDB stores; one writer at a time.")
    log_level: LogLevel = Field(LogLevel.INFO, description="Model scores and selections are INFO, fallbacks WARNING.")
    log_format: LogFormat = Field(LogFormat.LOGFMT, description="logfmt: key=value, for people and machines; json: an object.")
    log_repeats: int = Field(
        20, ge=0, description="Warnings of one kind in a row; then one a minute with the number left out. 0 writes all."
    )

    # -- What is forecast (these change the numbers) ---------------------------------------------------------------------
    horizon: int = Field(21, ge=1, le=252, json_schema_extra=FORECAST, description="Bars ahead: 21 are a month of trading.")
    lookback: int = Field(
        756,
        ge=126,
        le=5040,
        json_schema_extra=FORECAST,
        description="Bars that a training uses: three years usually contain a crisis and a calm, and more bars take longer.",
    )
    minimum_bars: int = Field(
        504,
        ge=126,
        json_schema_extra=FORECAST,
        description="Fewest bars for a training: below two years a walk-forward validation has too few origins to compare "
        "models.",
    )
    window: CalendarPeriod = Field(
        CalendarPeriod.WEEK,
        json_schema_extra=FORECAST,
        description="Calendar period after which models are trained again; forecasts are refreshed with every bar.",
    )
    models: Annotated[tuple[ModelName, ...], NoDecode] = Field(
        tuple(ModelName), min_length=1, json_schema_extra=FORECAST, description="Candidates; comma-separated."
    )
    market_model: Path | None = Field(
        None,
        json_schema_extra=FORECAST,
        description="File that `python -m models pretrain` made; the shipped file if left out.",
    )
    doubtful_series: DoubtfulSeries = Field(
        DoubtfulSeries.HOLD_BACK,
        json_schema_extra=FORECAST,
        description="hold_back gives a ticker with weekly bars, two series or currencies under its name, or prices off by a "
        "power of ten, no numbers and the reason: its volatility would be hundreds of percent; serve treats it as any other.",
    )
    seed: int = Field(
        0, ge=0, json_schema_extra=FORECAST, description="Seed of all random numbers, combined with ticker and cut-off."
    )

    # -- History ---------------------------------------------------------------------------------------------------------
    history_bars: int = Field(
        1260,
        ge=400,
        json_schema_extra=FORECAST,
        description="Bars kept per ticker: the look-back, the 252 bars before it that the longest feature needs, and as "
        "many again for corrections.",
    )

    # -- Training processes ----------------------------------------------------------------------------------------------
    jobs: int = Field(
        default_factory=lambda: len(os.sched_getaffinity(0)),
        ge=1,
        description="Training processes; by default one for each usable core.",
    )
    job_deadline_seconds: float = Field(
        120.0, gt=0, description="A training takes about a tenth of a CPU second; a job still running after this is stuck."
    )
    model_memory_ttl_seconds: float = Field(3600.0, gt=0, description="Time that trained models stay in memory.")
    model_ttl_seconds: float = Field(86400.0, gt=0, description="Age at which stored models are trained again.")

    @field_validator("state_dir", mode="before")
    @classmethod
    def _named(cls, value: str | Path) -> str | Path:
        """An empty name would be the working folder."""
        if isinstance(value, str) and not value.strip():
            raise ValueError("is empty; name a folder, or leave it out for the default")
        if Path(value).is_file():
            raise ValueError("is a file, and a state is a folder: name another")
        if encodable(str(value)) != str(value):
            raise ValueError("has a name that is not UTF-8, which the database cannot open: rename it")
        return value
