"""The operator that every engine runs: `(state | None, event) -> (state, outputs)`, pure, without a clock.

An event is a batch of bars of one ticker; what it calls for comes back as outputs. Delivery may be at least once, in any
batching and, within the kept history, in any order: the state is that of a fresh backfill of the same bars.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np

from errors import MessageError
from records import BarBatch, Bars, RejectedBar, date_of, day_number, validate_batch
from settings import Settings
from state.ticker_state import DueTraining, TickerState
from streams.history import Arrivals, empty_state, follow, merge, renew, restated, sort_arrivals, trim, untold_restatement
from streams.windows import due_training, kept_bars

#: Why a bar that would change the oldest kept ones is refused.
TOO_OLD: Final = "differs from the history where it is too old to be corrected"


@dataclass(frozen=True, slots=True)
class Absorbed:
    """What a batch did to a ticker's history.

    `changed_from` is the absolute index of the first bar whose block has to be stored again, None when nothing changed.
    `expired` bars lie before what is kept. `restated_by` is the factor by which the vendor had restated older prices without
    telling of a split, 1 where it had not.
    """

    ticker: str
    accepted: int
    duplicate: int
    corrected: int
    expired: int
    changed_from: int | None
    restated_by: float = 1.0


@dataclass(frozen=True, slots=True)
class TrainingDue:
    """The ticker's newest aged-out window is another one, or has other content, than before."""

    ticker: str
    due: DueTraining


@dataclass(frozen=True, slots=True)
class ForecastStale:
    """The ticker's bars changed: its forecast has to be refreshed."""

    ticker: str


Output = Absorbed | TrainingDue | ForecastStale | RejectedBar


def absorb(
    state: TickerState | None, batch: BarBatch, *, today: dt.date, settings: Settings
) -> tuple[TickerState | None, list[Output]]:
    """Take a batch of bars into its ticker's state.

    Bars are checked here once more, whoever sent them. The state stays None as long as no good bar has come. Outputs:
    refused bars first, then `Absorbed`, then what the change calls for.
    """
    bars, rejected = validate_batch(batch, today=today)
    if not len(bars):
        return _counted(state, rejected=len(rejected)), [*rejected, Absorbed(batch.ticker, 0, 0, 0, 0, None)]
    known = state or empty_state(batch.ticker)
    try:
        taken = _taken(known, bars, day_number(batch.as_of))
    except MessageError as error:
        rejected += [RejectedBar(batch.ticker, date_of(day).isoformat(), str(error)) for day in bars.day]
        return _counted(state, rejected=len(rejected)), [*rejected, Absorbed(batch.ticker, 0, 0, 0, 0, None)]
    arrivals, after = taken.arrivals, taken.state
    rejected += [RejectedBar(batch.ticker, date_of(day).isoformat(), TOO_OLD) for day in taken.bars.day[arrivals.fixed]]
    if taken.values_changed:
        after = trim(after, kept_bars(settings))
        after = replace(after, due=due_training(after, settings))
    changed_from = None if taken.changed_from is None else max(taken.changed_from, after.first_index)
    report = Absorbed(
        ticker=batch.ticker,
        accepted=int(np.count_nonzero(arrivals.tail | arrivals.late)),
        duplicate=int(np.count_nonzero(arrivals.duplicate)),
        corrected=int(np.count_nonzero(arrivals.corrected)),
        expired=int(np.count_nonzero(arrivals.expired)),
        changed_from=changed_from,
        restated_by=taken.restated_by,
    )
    outputs: list[Output] = [*rejected, report]
    if after.due is not None and after.due != known.due:
        outputs.append(TrainingDue(batch.ticker, after.due))
    if taken.values_changed:
        outputs.append(ForecastStale(batch.ticker))
    counted = _counted(
        after, accepted=report.accepted, duplicate=report.duplicate, corrected=report.corrected, rejected=len(rejected)
    )
    return counted, outputs


@dataclass(frozen=True, slots=True)
class _Taken:
    """A history with arriving bars (`bars`, on its basis) in it, not trimmed yet."""

    state: TickerState
    bars: Bars
    arrivals: Arrivals
    changed_from: int | None
    values_changed: bool
    restated_by: float


def _taken(known: TickerState, bars: Bars, fetched: int) -> _Taken:
    bars = restated(known, bars, fetched)
    arrivals = sort_arrivals(known, bars, fetched)
    after = known
    changes: list[int] = []
    restatement = None
    if arrivals.corrected.any():
        restatement = untold_restatement(known, bars[~arrivals.duplicate & ~arrivals.expired], fetched)
        if restatement is not None:
            after, row = follow(known, restatement, fetched)
            changes.append(row)
            arrivals = sort_arrivals(after, bars, fetched)
    if arrivals.renewed.any():
        after, row = renew(after, bars[arrivals.renewed], fetched)
        changes.append(row)
    chosen = arrivals.tail | arrivals.late | arrivals.corrected
    if chosen.any():
        after, row = merge(after, bars if chosen.all() else bars[chosen], fetched)
        changes.append(row)
    return _Taken(
        state=after,
        bars=bars,
        arrivals=arrivals,
        changed_from=min(changes, default=None),
        values_changed=restatement is not None or bool(chosen.any()),
        restated_by=1.0 if restatement is None else restatement.price,
    )


def _counted(state: TickerState | None, **more: int) -> TickerState | None:
    if state is None:
        return None
    counters = state.counters
    changed = {name: getattr(counters, name) + count for name, count in more.items()}
    return replace(state, counters=msgspec.structs.replace(counters, **changed))
