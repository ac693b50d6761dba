"""The cost of changes of the past (a split, a correction, a repeated day), compared with rebuilding the ticker."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any, Final

import numpy as np

from benchmarks.bars import data_name, histories
from history.pipeline import Absorbed, absorb
from history.ticker_state import TickerState
from records import PER_SHARE_COLUMNS, BarBatch, Bars, batch_of, decode_batch, encode_batch
from settings import Settings
from state.record_codec import encode_writes

_REPEATS: Final = 200
#: Corrections come within days; the benchmark corrects later.
_CORRECTED_BARS_AGO: Final = 5


def run() -> Iterator[dict[str, Any]]:
    """One row: CPU-microseconds of each kind of delivery to a ticker of five years, and its part of a full rebuild.

    All are from the message's bytes to the bytes that have to be stored. The rebuild is the cheapest there is, of one message.
    A duplicate day is the same message once more, a confirmed one the same bar fetched again on a later day.
    """
    settings = Settings()
    bars = next(iter(histories(1, minimum=1259).values()))
    fetched = bars.last_date
    last = bars[-1:]
    known = _absorbed(None, _batch(bars[:-1], fetched), settings)
    rebuild = _microseconds(_delivery(None, _batch(bars, fetched), settings))
    deliveries = {
        "new_day": last,
        "duplicate_day": bars[-2:-1],
        "confirmed_day": bars[-2:-1],
        "correction": _changed(bars[-1 - _CORRECTED_BARS_AGO : -_CORRECTED_BARS_AGO]),
        "split_told": replace(_halved(last), split=np.array([2.0])),
        "split_untold_with_overlap": _halved(bars[-11:]),
    }
    row: dict[str, Any] = {"benchmark": "corrections", "data": data_name(), "bars": len(bars), "rebuild_us": round(rebuild)}
    day_before = fetched - dt.timedelta(days=1)
    as_of = {"split_untold_with_overlap": fetched + dt.timedelta(days=1), "duplicate_day": day_before}
    # What is known was fetched the day before, so that the split of the last day restates it.
    known = replace(known, fetched=np.minimum(known.fetched, float(last.day[0] - 1)))
    for name, part in deliveries.items():
        cost = _microseconds(_delivery(known, _batch(part, as_of.get(name, fetched)), settings))
        row |= {f"{name}_us": round(cost), f"{name}_ratio": round(cost / rebuild, 3)}
    yield row


def _delivery(state: TickerState | None, batch: BarBatch, settings: Settings) -> Callable[[], object]:
    payload = encode_batch(batch)
    stored = None if state is None else encode_writes(state, None, 0).stored

    def deliver() -> object:
        after, outputs = absorb(state, decode_batch(payload, b"ABC"), today=dt.date.max, settings=settings)
        assert after is not None
        (report,) = [output for output in outputs if isinstance(output, Absorbed)]
        # Counters change with every delivery, so the last block is always written.
        return encode_writes(after, stored, after.total_bars if report.changed_from is None else report.changed_from)

    return deliver


def _absorbed(state: TickerState | None, batch: BarBatch, settings: Settings) -> TickerState:
    after, _ = absorb(state, batch, today=dt.date.max, settings=settings)
    assert after is not None
    return after


def _batch(bars: Bars, fetched: dt.date) -> BarBatch:
    return batch_of("ABC", bars, source="benchmark", as_of=fetched)


def _changed(bars: Bars) -> Bars:
    return replace(bars, volume=bars.volume + 1.0)


def _halved(bars: Bars) -> Bars:
    columns = {f.name: getattr(bars, f.name).copy() for f in fields(bars)}
    for name in PER_SHARE_COLUMNS:
        columns[name] /= 2.0
    columns["volume"] *= 2.0
    return Bars(**columns)


def _microseconds(work: Callable[[], object]) -> float:
    """CPU-microseconds of a call: the least of three series, after a warm-up."""
    work()
    series = []
    for _ in range(3):
        started = time.process_time()
        for _ in range(_REPEATS):
            work()
        series.append(time.process_time() - started)
    return min(series) / _REPEATS * 1e6
