"""Takes a backlog of live days in one update, with the same state as batch after batch. Pure."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import msgspec
import numpy as np

from history.editions import shared_if_equal
from history.pipeline import Absorbed, Output, absorb
from history.ticker_state import TickerState
from records import VALUE_COLUMNS, BarBatch
from settings import Settings

_COLUMNS = tuple(name for name in VALUE_COLUMNS if name != "split")
#: Values of a column that a batch leaves out.
_DEFAULTS = {"dividend": 0.0}


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A batch and the day of its arrival."""

    batch: BarBatch
    today: dt.date


def absorb_all(
    state: TickerState | None, batches: Sequence[BarBatch], *, today: dt.date | Sequence[dt.date], settings: Settings
) -> tuple[TickerState | None, list[list[Output]]]:
    """The state after `absorb` of each batch in turn, and the outputs of each batch.

    `today` is the day of arrival, of all batches or of each. Batches that only append bars are absorbed together, and their
    outputs stand at the last of them. A training that became due in between is not reported, since the last training replaces
    it.
    """
    days = [today] * len(batches) if isinstance(today, dt.date) else today
    outputs: list[list[Output]] = []
    for run in _rising_runs([_Delivery(batch, day) for batch, day in zip(batches, days, strict=True)]):
        together = _appended(state, run, settings) if len(run) > 1 else None
        if together is not None:
            state, called_for = together
            outputs += [*([] for _ in run[1:]), called_for]
            continue
        for delivery in run:
            state, called_for = absorb(state, delivery.batch, today=delivery.today, settings=settings)
            outputs.append(called_for)
    return state, outputs


def _rising_runs(deliveries: Sequence[_Delivery]) -> Iterator[list[_Delivery]]:
    """Runs of successive batches in one currency with rising dates and rising moments of fetching."""
    run: list[_Delivery] = []
    for delivery in deliveries:
        if run and not (_is_plain(run[-1]) and _is_plain(delivery) and _follows(delivery.batch, run[-1].batch)):
            yield run
            run = []
        run.append(delivery)
    if run:
        yield run


def _is_plain(delivery: _Delivery) -> bool:
    """Whether the dates rise, no date lies after the day of arrival, and no bar has a split."""
    batch, today = delivery.batch, delivery.today.isoformat()
    rises = all(earlier < later for earlier, later in pairwise(batch.date))
    in_time = bool(batch.date) and batch.date[-1] <= today and batch.as_of <= delivery.today
    return in_time and rises and (batch.split is None or set(batch.split) == {1.0})


def _follows(batch: BarBatch, previous: BarBatch) -> bool:
    return previous.date[-1] < batch.date[0] and previous.fetched <= batch.fetched and previous.currency == batch.currency


def _appended(
    state: TickerState | None, run: Sequence[_Delivery], settings: Settings
) -> tuple[TickerState, list[Output]] | None:
    """The batches absorbed as one batch; None unless every bar is good, new, and needs no adjustment."""
    batches = [delivery.batch for delivery in run]
    if state is not None and batches[0].fetched < state.fetched.max(initial=0):
        return None
    after, outputs = absorb(state, _joined(batches), today=max(delivery.today for delivery in run), settings=settings)
    counts = [len(batch.date) for batch in batches]
    new = sum(counts)
    report = outputs[0]
    if after is None or not isinstance(report, Absorbed) or report.accepted != new or report.restated_by != 1.0:
        return None
    if report.changed_from != max(0 if state is None else state.total_bars, after.first_index):
        return None
    fetched = _with_last(after.fetched, np.repeat([batch.fetched for batch in batches], counts))
    moments = np.repeat([-math.inf if batch.split is None else batch.fetched for batch in batches], counts)
    split_fetched = shared_if_equal(_with_last(after.split_fetched, moments), fetched)
    return replace(after, fetched=fetched, split_fetched=split_fetched), outputs


def _with_last(column: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The column with new values in its last rows; values of rows that are no longer kept are dropped."""
    return np.concatenate([column[: max(0, len(column) - len(last))], last])[-len(column) :]


def _joined(run: Sequence[BarBatch]) -> BarBatch:
    """One batch of all bars, without the column of splits: they are all 1, and the caller handles which batches give them."""
    columns: dict[str, list[object] | None] = {"date": [date for batch in run for date in batch.date], "split": None}
    for name in _COLUMNS:
        given = [getattr(batch, name) for batch in run]
        if any(values is not None for values in given):
            filled = (values or [_DEFAULTS[name]] * len(batch.date) for batch, values in zip(run, given, strict=True))
            columns[name] = [value for values in filled for value in values]
    return msgspec.structs.replace(run[-1], **columns)
