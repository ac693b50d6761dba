"""The operator that every engine runs: `(state | None, event) -> (state, outputs)`, pure, without a clock.

An event is a batch of bars of one ticker; what it calls for comes back as outputs. Delivery may be at least once, in any
batching and, within the kept history, in any order: the state is that of a fresh backfill of the same bars.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from errors import MessageError
from history.adjustment import Withdrawn
from history.editions import Flags
from history.merge import empty_state, take
from history.schedule import due_training, kept_bars
from history.suspects import suspects_among
from history.ticker_state import Counters, DueTraining, TickerState
from records import BarBatch, RejectedBar, Rule, Suspicion, date_of, validate_batch
from settings import Settings

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


Output = Absorbed | TrainingDue | ForecastStale | RejectedBar | Suspicion


def absorb(
    state: TickerState | None, batch: BarBatch, *, today: dt.date, settings: Settings
) -> tuple[TickerState | None, list[Output]]:
    """Take a batch of bars into its ticker's state.

    Bars are checked here once more, whoever sent them. The state stays None as long as no good bar has come. Outputs:
    refused bars first, then `Absorbed`, then what the change calls for, then which of the bars are suspect in the history.
    """
    bars, rejected = validate_batch(batch, today=today)
    if not len(bars):
        return _refused(state, batch.ticker, rejected)
    known = state or empty_state(batch.ticker)
    try:
        taken = take(known, bars, batch.fetched, gives_splits=batch.split is not None, keep=kept_bars(settings))
    except MessageError as error:
        rejected += [RejectedBar(batch.ticker, date_of(day).isoformat(), str(error)) for day in bars.day]
        return _refused(state, batch.ticker, rejected)
    arrivals, after = taken.arrivals, taken.state
    if taken.fixed.any():
        rejected += [RejectedBar(batch.ticker, date_of(day).isoformat(), TOO_OLD) for day in bars.day[taken.fixed]]
    due = known.due
    if taken.values_from is not None:
        due = due_training(after, settings, known=due, unchanged_before=taken.values_from)
    changed_from = None if taken.changed_from is None else max(taken.changed_from, after.first_index)
    changed = bars.day[arrivals.new | taken.corrected]
    accepted, expired = _count(arrivals.new), _count(arrivals.expired)
    report = Absorbed(
        ticker=batch.ticker,
        accepted=accepted,
        duplicate=len(bars) - len(changed) - expired - _count(taken.fixed),
        corrected=len(changed) - accepted,
        expired=expired,
        changed_from=changed_from,
        restated_by=taken.restated_by,
    )
    outputs: list[Output] = [*rejected, report]
    if due is not None and due != known.due:
        outputs.append(TrainingDue(batch.ticker, due))
    if taken.values_from is not None:
        outputs.append(ForecastStale(batch.ticker))
        if len(changed):
            outputs += suspects_among(batch.ticker, after.bars, int(changed[0]), int(changed[-1]))
    outputs += [_kept_split(batch.ticker, split) for split in taken.upheld]
    counters = _counted(
        after.counters, accepted=report.accepted, duplicate=report.duplicate, corrected=report.corrected, rejected=len(rejected)
    )
    return replace(after, due=due, counters=counters), outputs


def _kept_split(ticker: str, split: Withdrawn) -> Suspicion:
    evidence = f"given with a split of {split.ratio:g} and later without: the prices show it, so it is kept"
    return Suspicion(ticker, date_of(split.day), Rule.MISSING_SPLIT, evidence)


def _count(flags: Flags) -> int:
    return int(np.count_nonzero(flags))


def _refused(state: TickerState | None, ticker: str, rejected: list[RejectedBar]) -> tuple[TickerState | None, list[Output]]:
    outputs: list[Output] = [*rejected, Absorbed(ticker, 0, 0, 0, 0, None)]
    if state is None:
        return None, outputs
    return replace(state, counters=_counted(state.counters, rejected=len(rejected))), outputs


def _counted(counters: Counters, *, rejected: int, accepted: int = 0, duplicate: int = 0, corrected: int = 0) -> Counters:
    return Counters(
        accepted=counters.accepted + accepted,
        duplicate=counters.duplicate + duplicate,
        corrected=counters.corrected + corrected,
        rejected=counters.rejected + rejected,
    )
