"""A backlog of live days: successive batches of one ticker as one update, with the state that they have one by one. Pure."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import msgspec
import numpy as np

from history.editions import as_one
from history.pipeline import Absorbed, Output, absorb
from history.ticker_state import TickerState
from records import VALUE_COLUMNS, BarBatch
from settings import Settings

_COLUMNS = tuple(name for name in VALUE_COLUMNS if name != "split")
#: Where a batch has no such column.
_DEFAULTS = {"dividend": 0.0}


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A batch and the day on which it came."""

    batch: BarBatch
    today: dt.date


def absorb_all(
    state: TickerState | None, batches: Sequence[BarBatch], *, today: dt.date | Sequence[dt.date], settings: Settings
) -> tuple[TickerState | None, list[list[Output]]]:
    """The state after `absorb` of each batch in turn, and what each called for.

    `today` is the day on which all came, or the day of each. Days that only go on where the bars end are taken at once; what
    they call for together stands beside the last of them. A training that became due in between is not reported: the last one
    supersedes it.
    """
    days = [today] * len(batches) if isinstance(today, dt.date) else today
    outputs: list[list[Output]] = []
    for run in _rising_runs([_Delivery(batch, day) for batch, day in zip(batches, days, strict=True)]):
        together = _appended(state, run, settings) if len(run) > 1 else None
        if together is not None:
            state, called_for = together
            outputs += [*([] for _ in run[1:]), called_for]
            continue
        for one in run:
            state, called_for = absorb(state, one.batch, today=one.today, settings=settings)
            outputs.append(called_for)
    return state, outputs


def _rising_runs(deliveries: Sequence[_Delivery]) -> Iterator[list[_Delivery]]:
    """Successive batches whose dates rise and that were fetched one after the other."""
    run: list[_Delivery] = []
    for one in deliveries:
        if run and not (_is_plain(run[-1]) and _is_plain(one) and _follows(one.batch, run[-1].batch)):
            yield run
            run = []
        run.append(one)
    if run:
        yield run


def _is_plain(one: _Delivery) -> bool:
    """Whether its dates rise, none lies after the day on which it came, and it has no split: later bars alone."""
    batch, today = one.batch, one.today.isoformat()
    rises = all(earlier < later for earlier, later in pairwise(batch.date))
    in_time = bool(batch.date) and batch.date[-1] <= today and batch.as_of <= one.today
    return in_time and rises and (batch.split is None or set(batch.split) == {1.0})


def _follows(batch: BarBatch, previous: BarBatch) -> bool:
    return previous.date[-1] < batch.date[0] and previous.fetched <= batch.fetched


def _appended(
    state: TickerState | None, run: Sequence[_Delivery], settings: Settings
) -> tuple[TickerState, list[Output]] | None:
    """The batches as one; None unless all of their bars are good, later than any, and not to be adjusted by their own day."""
    batches = [one.batch for one in run]
    if state is not None and batches[0].fetched < state.fetched.max(initial=0):
        return None
    after, outputs = absorb(state, _joined(batches), today=max(one.today for one in run), settings=settings)
    counts = [len(batch.date) for batch in batches]
    new = sum(counts)
    report = outputs[0]
    if after is None or not isinstance(report, Absorbed) or report.accepted != new or report.restated_by != 1.0:
        return None
    if report.changed_from != max(0 if state is None else state.total_bars, after.first_index):
        return None
    fetched = _with_last(after.fetched, np.repeat([batch.fetched for batch in batches], counts))
    moments = np.repeat([-math.inf if batch.split is None else batch.fetched for batch in batches], counts)
    split_fetched = as_one(_with_last(after.split_fetched, moments), fetched)
    return replace(after, fetched=fetched, split_fetched=split_fetched), outputs


def _with_last(column: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The column with other values in its last rows; what is no longer kept of them falls away."""
    return np.concatenate([column[: max(0, len(column) - len(last))], last])[-len(column) :]


def _joined(run: Sequence[BarBatch]) -> BarBatch:
    """One batch of all; whether one gives splits, which are all 1, is left to the caller."""
    columns: dict[str, list[object] | None] = {"date": [date for batch in run for date in batch.date], "split": None}
    for name in _COLUMNS:
        given = [getattr(batch, name) for batch in run]
        if any(values is not None for values in given):
            filled = (values or [_DEFAULTS[name]] * len(batch.date) for batch, values in zip(run, given, strict=True))
            columns[name] = [value for values in filled for value in values]
    return msgspec.structs.replace(run[-1], **columns)
