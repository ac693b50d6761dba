"""All settings as one class, read from the environment and from `.env`."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any, Final, Self

import msgspec
from pydantic import BaseModel, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from errors import SettingsError
from settings.choices import FORECAST
from settings.forecasts import ForecastSettings
from settings.kafka import KafkaSettings
from settings.market_data import MarketDataSettings
from settings.refusals import refusal_of
from settings.rules import broken_rules
from settings.service import ServiceSettings
from settings.workers import WorkerSettings
from text import comma_list

#: The groups of settings, in the order of the reference.
GROUPS: Final[tuple[type[BaseModel], ...]] = (
    ForecastSettings,
    KafkaSettings,
    WorkerSettings,
    MarketDataSettings,
    ServiceSettings,
)


_WHERE: Final = "Change it in the option, in the environment or in .env"


class Settings(ForecastSettings, KafkaSettings, WorkerSettings, MarketDataSettings, ServiceSettings, BaseSettings):
    """All settings; immutable. `load_settings` builds it and raises SettingsError."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for name in ("models", "cors_origins", "allowed_hosts"):
                if isinstance(values.get(name), str):
                    values[name] = tuple(comma_list(values[name].lower()))
        return values

    @property
    def forecast_values(self) -> dict[str, Any]:
        """The settings that change the numbers, by field name."""
        fields = type(self).model_fields
        values = {name: getattr(self, name) for name, field in fields.items() if field.json_schema_extra == FORECAST}
        return values | {"market_model": self._market_model_digest}

    def __copy__(self) -> Self:
        """A copy may be given other values (`model_copy`), so it computes again what is kept of them."""
        copied = super().__copy__()
        for name in ("_market_model_digest", "forecast_hash"):
            copied.__dict__.pop(name, None)
        return copied

    @cached_property
    def _market_model_digest(self) -> str | None:
        if self.market_model is None:
            return None
        try:
            return hashlib.blake2b(self.market_model.read_bytes(), digest_size=6).hexdigest()
        except OSError as error:
            raise SettingsError(f"MARKET_MODEL: {self.market_model} cannot be read ({error})") from error

    @cached_property
    def forecast_hash(self) -> str:
        """12 hex digits over the settings that change the numbers."""
        return hashlib.blake2b(msgspec.json.encode(self.forecast_values, order="sorted"), digest_size=6).hexdigest()


def load_settings(**overrides: Any) -> Settings:
    """Settings from `.env`, the environment and `overrides` (strongest; None is ignored).

    Raises SettingsError for a value that is wrong by itself, and for values that cannot work together (`settings.rules`).
    """
    settings = read_settings(**overrides)
    if broken := list(broken_rules(settings)):
        raise SettingsError(f"{'; '.join(broken)}. {_WHERE}")
    return settings


def read_settings(**overrides: Any) -> Settings:
    """As `load_settings`, without the rules: for one value, where other code has the options that override the others.

    Raises SettingsError for a value that is wrong by itself.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise SettingsError(f"{refusal_of(error)}. {_WHERE}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f".env: cannot be read ({error}); make it a text file in UTF-8, or remove it") from error
