"""Adds what is served now to the record of its state folder."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.pooling.pool import pool
from records import Forecast
from review.record import ForecastRecord
from review.served import served_forecast
from settings import Settings
from state.readers import ForecastReader

_COVERED: Final = (
    "Recorded is what the table served on each date on which the HTTP service ran on this folder, or this command was run; "
    "dates without either are missing. A recorded forecast is never changed after the ticker's next bar."
)


@dataclass(frozen=True, slots=True)
class Kept:
    """The record after an addition: its span, the tickers of the last date, and those without numbers, which are not kept."""

    span: tuple[dt.date, dt.date] | None
    added: int
    without_numbers: int
    is_on: bool

    def notes(self) -> list[str]:
        """What a reader must know of the record."""
        if not self.is_on:
            return ["Nothing is recorded: RECORD_DAYS is 0."]
        texts = [_COVERED]
        if self.without_numbers:
            texts.append(f"{self.without_numbers} rows have no numbers (no sound forecast) and are not recorded.")
        return texts


def served_rows(state_dir: Path) -> list[Forecast]:
    """The rows as the optimizer serves them, pooled. Raises what `ForecastReader.all` raises."""
    with ForecastReader(state_dir) as reader:
        return pool(reader.all())


def record_rows(settings: Settings, rows: Sequence[Forecast], now: dt.datetime) -> Kept:
    """Add these rows, as they are served, and forget what is older than RECORD_DAYS. Raises as `ForecastRecord` does."""
    served = [served_forecast(row) for row in rows]
    kept = [each for each in served if each is not None]
    if not settings.record_days:
        return Kept(None, 0, len(served) - len(kept), is_on=False)
    with ForecastRecord(settings.state_dir) as record:
        added = record.add(kept, now)
        newest = max((each.as_of for each in kept), default=None)
        if newest is not None:
            record.forget_before(newest - dt.timedelta(days=settings.record_days))
        return Kept(record.span(), added, len(served) - len(kept), is_on=True)
