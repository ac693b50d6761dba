"""A count of a worker's rows: fallbacks by reason, the newest bar of each exchange.

Rows are counted by a sweep. Rows that are written between two sweeps are noted, so that the newest bars are known at once.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field

from marketdata.calendars import calendar_name
from models.selection.evidence import prior_of
from monitoring.figures import TableFigures
from monitoring.punctuality import LEAST_TICKERS, newest_by_calendar
from monitoring.reason_class import fallback_class
from records import Forecast


@dataclass(slots=True)
class Census:
    """Counts rows one by one; `stale` and `ended` rows and missing trainings are known only after all of them."""

    rows: int = 0
    stale: int = 0
    ended: int = 0
    trainings_missing: int = 0
    trained: int = 0
    market_weight: float = 0.0
    drifted: int = 0
    oldest_cutoff: dt.date | None = None
    fallbacks: Counter[str] = field(default_factory=Counter)
    _tickers: Counter[str] = field(default_factory=Counter)
    _noted: dict[str, set[str]] = field(default_factory=dict)
    _newest: dict[str, dt.date] = field(default_factory=dict)

    def count(self, row: Forecast) -> None:
        """One more row."""
        self.rows += 1
        if row.fallback is not None or row.annual_return is None:
            self.fallbacks[fallback_class("; ".join(step.reason for step in row.fallbacks))] += 1
        else:
            self._count_trained(row)
        calendar = calendar_name(row.ticker)
        if calendar is not None:
            self._tickers[calendar] += 1
            self._keep_newest(calendar, row.as_of)

    def note(self, row: Forecast) -> None:
        """A row was written, counted or not. Of each calendar as many tickers are kept as make it count by itself."""
        calendar = calendar_name(row.ticker)
        if calendar is not None:
            noted = self._noted.setdefault(calendar, set())
            if len(noted) < LEAST_TICKERS:
                noted.add(row.ticker)
            self._keep_newest(calendar, row.as_of)

    def _keep_newest(self, calendar: str, bar: dt.date) -> None:
        self._newest[calendar] = max(bar, self._newest.get(calendar, bar))

    def _count_trained(self, row: Forecast) -> None:
        self.trained += 1
        if prior_of(row.volatility_model or "") is not None:
            self.market_weight += row.volatility_weight
        monitors = () if row.drift is None else (row.drift.returns, row.drift.variance)
        self.drifted += any(monitor is not None and monitor.alarm is not None for monitor in monitors)
        if row.training_cutoff is not None:
            self.oldest_cutoff = min(row.training_cutoff, self.oldest_cutoff or row.training_cutoff)

    def figures(self) -> TableFigures:
        """The counts."""
        return TableFigures(
            rows=self.rows,
            fresh=self.rows - self.stale - self.ended,
            stale=self.stale,
            ended=self.ended,
            fallbacks=dict(self.fallbacks),
            trainings_missing=self.trainings_missing,
            market_model_weight=self.market_weight / self.trained if self.trained else None,
            drifted=self.drifted,
            oldest_cutoff=self.oldest_cutoff,
        )

    def calendars(self) -> dict[str, tuple[int, dt.date]]:
        """Tickers and newest bar by calendar, of the tickers with a calendar (`newest_by_calendar`).

        A calendar without a ticker at the last sweep has the number of its noted tickers, up to LEAST_TICKERS.
        """
        tickers = {name: max(self._tickers[name], len(self._noted.get(name, ()))) for name in self._newest}
        chosen = newest_by_calendar([(name, tickers[name], newest) for name, newest in self._newest.items()])
        return {name: (tickers[name], newest) for name, newest in chosen.items()}
