"""What this version would have forecast in the past, derived again from the kept bars: for the time before the record began.

A forecast follows from the bars up to its date alone (no look-ahead). So the row that a worker of this version and these
settings would have served can be derived again, by the code that serves. The state is cut off after a bar, the due training
is trained, and the row is made. A drift alarm calls for its early training. What was really served may differ: version and
settings may have been others, and bars may have been corrected since.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace

from history.forecasting import refresh, training_job, wanted_training
from history.replay import first_replayable
from history.schedule import due_training
from history.ticker_state import BLOCK_BARS, TickerState
from models.pooling.pool import LARGEST_AGE_DAYS, pool
from models.training import train_ticker
from records import Forecast
from settings import Settings


def replay_stops(state: TickerState, count: int, settings: Settings) -> list[int]:
    """For how many bars each: `count` dates a horizon apart, back from the last with a whole horizon to judge by.

    Dates whose look-back is no longer kept, or that had too few bars for a training, are left out.
    """
    whole = state.first_index == 0
    stops = range(len(state.bars) - settings.horizon, 0, -settings.horizon)[:count]
    least = 0 if whole else first_replayable(state) + settings.lookback
    return [stop for stop in reversed(stops) if stop >= max(least, settings.minimum_bars - state.first_index)]


def replayed_rows(state: TickerState, stops: Iterable[int], settings: Settings) -> list[Forecast]:
    """The rows that this version makes of the state after so many of the kept bars each."""
    return [_row(_cut(state, stop, settings), settings) for stop in stops]


def _cut(state: TickerState, stop: int, settings: Settings) -> TickerState:
    """The state after its first `stop` kept bars, as far as windows and trainings need it."""
    cut = replace(
        state,
        delivered=state.delivered[:stop],
        fetched=state.fetched[:stop],
        split_fetched=state.split_fetched[:stop],
        bars=state.bars[:stop],
        snapshots=state.snapshots[: (stop - 1) // BLOCK_BARS + 1],
        due=None,
    )
    return replace(cut, due=due_training(cut, settings))


def _row(state: TickerState, settings: Settings) -> Forecast:
    if state.due is None:
        return refresh(state, None, settings)
    trained = train_ticker(training_job(state, state.due, settings))
    row = refresh(state, trained, settings)
    while (due := wanted_training(state, trained, row, settings)) is not None:
        trained = train_ticker(training_job(state, due, settings))
        row = refresh(state, trained, settings)
    return row


def pooled_as_known(rows: Iterable[Forecast]) -> list[Forecast]:
    """The rows as they would have been served: pooled date by date over what was known by then."""
    by_date: dict[dt.date, list[Forecast]] = {}
    for row in rows:
        by_date.setdefault(row.as_of, []).append(row)
    newest: dict[str, Forecast] = {}
    served: list[Forecast] = []
    for date in sorted(by_date):
        newest |= {row.ticker: row for row in by_date[date]}
        recent = [row for row in newest.values() if (date - row.as_of).days <= LARGEST_AGE_DAYS]
        served += [row for row in pool(recent) if row.as_of == date]
    return served
