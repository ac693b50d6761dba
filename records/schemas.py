"""The JSON Schemas that are published in `docs/schemas`, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from records.batch import bar_batch_schema
from records.forecast import forecast_schema

SCHEMAS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {"bars": bar_batch_schema, "forecast": forecast_schema}
