"""The operator that every engine runs: `(state | None, event) -> (state, outputs)`, pure, without a clock.

An event is a batch of bars of one ticker, and the outputs say what follows from it. Delivery may be at least once, in any
batching and, within the kept history, in any order: the state equals that of a fresh backfill of the same bars.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from errors import MessageError
from history.adjustment import WithdrawnSplit
from history.currencies import currencies_after
from history.editions import Flags
from history.features import check_rolling_state
from history.merging import empty_state, merge
from history.schedule import due_training, kept_bars
from history.suspects import suspects_among
from history.ticker_state import Counters, DueTraining, TickerState
from records import BarBatch, RejectedBar, Suspicion, SuspicionRule, date_of, named_currency, validate_batch
from settings import Settings

logger = logging.getLogger(__name__)

#: The reason for refusing a bar that would change the oldest kept bars.
TOO_OLD: Final = "differs from a kept bar that is too old to be corrected"


@dataclass(frozen=True, slots=True)
class Absorbed:
    """What a batch changed in a ticker's history, as counts of bars.

    `changed_from` is the absolute index of the first bar whose block must be stored again, None if nothing changed. `expired`
    bars are older than all kept bars. `restated_by` is the factor by which the vendor restated older prices without reporting a
    split, else 1.
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
    """A training is due: a calendar period has ended, or bars before its end have changed."""

    ticker: str
    due: DueTraining


@dataclass(frozen=True, slots=True)
class ForecastStale:
    """The ticker's bars changed, so its forecast must be refreshed."""

    ticker: str


Output = Absorbed | TrainingDue | ForecastStale | RejectedBar | Suspicion


def absorb(
    state: TickerState | None, batch: BarBatch, *, today: dt.date, settings: Settings
) -> tuple[TickerState | None, list[Output]]:
    """Merge a batch of bars into the state of its ticker.

    The bars are validated here again, from any sender. The state stays None until a good bar arrives. Outputs in order:
    refused bars, `Absorbed`, then what follows from the change, then the suspect bars.

    Raises StateCorruptError if the stored rolling state does not fit this code.
    """
    bars, rejected = validate_batch(batch, today=today)
    if not len(bars):
        return _refused(state, batch.ticker, rejected)
    known = state or empty_state(batch.ticker)
    check_rolling_state(known.ticker, known.feature_state, known.snapshots)
    try:
        merged = merge(known, bars, batch.fetched, gives_splits=batch.split is not None, keep=kept_bars(settings))
    except MessageError as error:
        rejected += [RejectedBar(batch.ticker, date_of(day).isoformat(), str(error)) for day in bars.day]
        return _refused(state, batch.ticker, rejected)
    arrivals, after = merged.arrivals, merged.state
    if merged.uncorrectable.any():
        rejected += [RejectedBar(batch.ticker, date_of(day).isoformat(), TOO_OLD) for day in bars.day[merged.uncorrectable]]
    due = known.due
    if merged.values_from is not None:
        due = due_training(after, settings, known=due, unchanged_before=merged.values_from)
    changed_from = None if merged.changed_from is None else max(merged.changed_from, after.first_index)
    currencies = currencies_after(known, after, bars, batch.fetched, arrivals, _currency(batch))
    if changed_from is None and currencies != known.currencies:
        changed_from = after.total_bars  # of the stored history the head alone
    changed = bars.day[arrivals.new | merged.corrected]
    accepted, expired = _count(arrivals.new), _count(arrivals.expired)
    report = Absorbed(
        ticker=batch.ticker,
        accepted=accepted,
        duplicate=len(bars) - len(changed) - expired - _count(merged.uncorrectable),
        corrected=len(changed) - accepted,
        expired=expired,
        changed_from=changed_from,
        restated_by=merged.restated_by,
    )
    outputs: list[Output] = [*rejected, report]
    if due is not None and due != known.due:
        outputs.append(TrainingDue(batch.ticker, due))
    if merged.values_from is not None or currencies != known.currencies:
        outputs.append(ForecastStale(batch.ticker))
    if merged.values_from is not None and len(changed):
        outputs += suspects_among(batch.ticker, after.bars, int(changed[0]), int(changed[-1]))
    outputs += [_confirmed_split(batch.ticker, split) for split in merged.confirmed_splits]
    counters = _counted(
        after.counters, accepted=report.accepted, duplicate=report.duplicate, corrected=report.corrected, rejected=len(rejected)
    )
    return replace(after, due=due, counters=counters, currencies=currencies), outputs


def _currency(batch: BarBatch) -> str | None:
    """The currency that a batch names; another text or number is logged, and its bars are taken as if they named none."""
    code = None if batch.currency is None else named_currency(batch.currency)
    if code is None and batch.currency is not None:
        reason = f"{batch.currency!r:.40} is no code as USD or GBp, nor the number of one"
        logger.warning("currency not used ticker=%s reason=%s", batch.ticker, reason)
    return code


def _confirmed_split(ticker: str, split: WithdrawnSplit) -> Suspicion:
    evidence = f"reported with a split of {split.ratio:g} and later without: the prices show the split, so it is kept"
    return Suspicion(ticker, date_of(split.day), SuspicionRule.MISSING_SPLIT, evidence)


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
