"""A backlog of live days: successive batches of one ticker as one update, with the state that they have one by one. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np

from records import VALUE_COLUMNS, BarBatch
from settings import Settings
from state.ticker_state import TickerState
from streams.pipeline import Absorbed, Output, absorb

#: Where a batch has no such column.
_DEFAULTS = {"dividend": 0.0, "split": 1.0}


def absorb_all(
    state: TickerState | None, batches: Sequence[BarBatch], *, today: dt.date, settings: Settings
) -> tuple[TickerState | None, list[list[Output]]]:
    """The state after `absorb` of each batch in turn, and what each called for.

    Days that only go on where the bars end are taken at once; what they call for together stands beside the last of them. A
    training that became due in between is not told: the last one supersedes it.
    """
    outputs: list[list[Output]] = []
    for run in _rising_runs(batches):
        together = _appended(state, run, today, settings) if len(run) > 1 else None
        if together is not None:
            state, called_for = together
            outputs += [*([] for _ in run[1:]), called_for]
            continue
        for batch in run:
            state, called_for = absorb(state, batch, today=today, settings=settings)
            outputs.append(called_for)
    return state, outputs


def _rising_runs(batches: Sequence[BarBatch]) -> Iterator[list[BarBatch]]:
    """Successive batches whose dates rise and that were fetched one after the other."""
    run: list[BarBatch] = []
    for batch in batches:
        if run and not (_is_plain(run[-1]) and _is_plain(batch) and _follows(batch, run[-1])):
            yield run
            run = []
        run.append(batch)
    if run:
        yield run


def _is_plain(batch: BarBatch) -> bool:
    """Whether its dates rise and it tells of no split: later bars alone."""
    rises = all(earlier < later for earlier, later in pairwise(batch.date))
    return bool(batch.date) and rises and (batch.split is None or set(batch.split) == {1.0})


def _follows(batch: BarBatch, previous: BarBatch) -> bool:
    return previous.date[-1] < batch.date[0] and previous.fetched <= batch.fetched


def _appended(
    state: TickerState | None, run: Sequence[BarBatch], today: dt.date, settings: Settings
) -> tuple[TickerState, list[Output]] | None:
    """The batches as one; None unless all of their bars are good, later than any, and not to be adjusted by their own day."""
    if state is not None and run[0].fetched < state.fetched.max(initial=0):
        return None
    after, outputs = absorb(state, _joined(run), today=today, settings=settings)
    fetched = np.repeat([batch.fetched for batch in run], [len(batch.date) for batch in run])
    report = outputs[0]
    if after is None or not isinstance(report, Absorbed) or report.accepted != len(fetched) or report.restated_by != 1.0:
        return None
    if report.changed_from != max(0 if state is None else state.total_bars, after.first_index):
        return None
    fetched = np.concatenate([after.fetched[: max(0, len(after.fetched) - len(fetched))], fetched])[-len(after.fetched) :]
    return replace(after, fetched=fetched), outputs


def _joined(run: Sequence[BarBatch]) -> BarBatch:
    columns = {"date": [date for batch in run for date in batch.date]}
    for name in VALUE_COLUMNS:
        given = [getattr(batch, name) for batch in run]
        if any(values is not None for values in given):
            filled = (values or [_DEFAULTS[name]] * len(batch.date) for batch, values in zip(run, given, strict=True))
            columns[name] = [value for values in filled for value in values]
    return msgspec.structs.replace(run[-1], **columns)
