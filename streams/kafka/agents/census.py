"""A count of a worker's rows: fallbacks by reason, the newest bar of each exchange."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field

from marketdata.calendars import calendar_name
from monitoring.figures import TableFigures
from monitoring.punctuality import newest_by_calendar
from monitoring.reason_class import fallback_class
from records import Forecast


@dataclass(slots=True)
class Census:
    """Counts rows one by one; `stale` rows and missing trainings are known only after all of them."""

    rows: int = 0
    stale: int = 0
    trainings_missing: int = 0
    fallbacks: Counter[str] = field(default_factory=Counter)
    _tickers: Counter[str] = field(default_factory=Counter)
    _newest: dict[str, dt.date] = field(default_factory=dict)

    def count(self, row: Forecast) -> None:
        """One more row."""
        self.rows += 1
        if row.fallback is not None or row.annual_return is None:
            self.fallbacks[fallback_class("; ".join(step.reason for step in row.fallbacks))] += 1
        calendar = calendar_name(row.ticker)
        if calendar is not None:
            self._tickers[calendar] += 1
            self._newest[calendar] = max(row.as_of, self._newest.get(calendar, row.as_of))

    def figures(self) -> TableFigures:
        """The counts."""
        return TableFigures(
            rows=self.rows,
            fresh=self.rows - self.stale,
            stale=self.stale,
            fallbacks=dict(self.fallbacks),
            trainings_missing=self.trainings_missing,
        )

    def calendars(self) -> dict[str, tuple[int, dt.date]]:
        """Tickers and newest bar by calendar, of those that say something (`newest_by_calendar`)."""
        chosen = newest_by_calendar([(name, self._tickers[name], newest) for name, newest in self._newest.items()])
        return {name: (self._tickers[name], newest) for name, newest in chosen.items()}
