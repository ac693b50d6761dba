"""Every setting, its default and the reason for it; read from the environment and from `.env`.

The name in the environment is the field's name in capitals (`STATE_DIR`, `HORIZON`, …). A field marked *forecast* changes the
numbers: those, and nothing else, enter `forecast_hash`, which every forecast row and every stored model carries.
"""

from __future__ import annotations

import hashlib
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Self

import msgspec
from pydantic import Field, JsonValue, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from errors import SettingsError

FORECAST: Final[dict[str, JsonValue]] = {"forecast": True}


class WindowPeriod(StrEnum):
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


class Settings(BaseSettings):
    """All settings; immutable. Build it with `load_settings` to get errors as SettingsError."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    # -- Where things are ---------------------------------------------------------------------------------------------
    state_dir: Path = Field(Path("var"), description="Folder of the RocksDB stores; one writer at a time.")
    log_level: str = Field("INFO", description="Model scores, selections and fallbacks are logged at INFO and WARNING.")

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
    window: WindowPeriod = Field(
        WindowPeriod.WEEK,
        json_schema_extra=FORECAST,
        description="Calendar period after which models are retrained; forecasts are refreshed with every bar anyway.",
    )
    models: Annotated[tuple[ModelName, ...], NoDecode] = Field(
        tuple(ModelName), min_length=1, json_schema_extra=FORECAST, description="Candidates; comma-separated."
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
        120.0, gt=0, description="A training takes about half a CPU second; a job still running after this is stuck."
    )
    model_memory_ttl_seconds: float = Field(3600.0, gt=0, description="Trained models in memory, as the specification has it.")
    model_ttl_seconds: float = Field(86400.0, gt=0, description="Trained models on disk; an older one is trained again.")

    # -- Predictions and the optimizer --------------------------------------------------------------------------------
    prediction_memory_ttl_seconds: float = Field(900.0, gt=0, description="Predictions and prices in memory.")
    prediction_ttl_seconds: float = Field(14400.0, gt=0, description="Predictions and prices on disk.")
    fresh_sessions: int = Field(
        5, ge=0, description="A forecast whose as_of bar is more sessions old than this serves no request: a week of trading."
    )
    host: str = Field("127.0.0.1", description="Loopback: the service has no authentication of its own by default.")
    port: int = Field(5000, ge=0, le=65535, description="Where the client expects it.")

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("models"), str):
            values["models"] = tuple(part.strip().lower() for part in values["models"].split(",") if part.strip())
        return values

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.minimum_bars > self.lookback:
            raise ValueError(f"MINIMUM_BARS ({self.minimum_bars}) must not exceed LOOKBACK ({self.lookback})")
        if self.history_bars < self.lookback + 252:
            raise ValueError(f"HISTORY_BARS ({self.history_bars}) must be at least LOOKBACK + 252 ({self.lookback + 252})")
        return self

    @property
    def forecast_hash(self) -> str:
        """12 hex digits over the settings that change the numbers."""
        chosen = {
            name: getattr(self, name) for name, field in type(self).model_fields.items() if field.json_schema_extra == FORECAST
        }
        return hashlib.blake2b(msgspec.json.encode(chosen, order="sorted"), digest_size=6).hexdigest()


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
