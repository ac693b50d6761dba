"""Forecasts that drift, on workers: the embedded engine's rows to the byte, in one backfill and bar by bar with kills."""

from __future__ import annotations

import pytest

from records import BarBatch, Forecast, date_of
from tests.kafka.cluster import Cluster
from tests.made.bars import batch, cut
from tests.streams.leaning import COUNT, CUTOFF, LEANING, leaning_bars, train_leaning

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
PROGRAM = ("tests.kafka.programs.leaning_worker",)


@pytest.fixture
def drifting(cluster: Cluster) -> Cluster:
    cluster.values |= {
        "MODELS": ",".join(LEANING.models),
        "LOOKBACK": str(LEANING.lookback),
        "MINIMUM_BARS": str(LEANING.minimum_bars),
        "HISTORY_BARS": str(LEANING.history_bars),
        "WINDOW": LEANING.window,
    }
    return cluster


def daily() -> list[BarBatch]:
    """The history before the month in one batch, then the month's bars one by one."""
    return [batch(part) for part in cut(leaning_bars(), range(CUTOFF - 1, COUNT))]


def rows_of(cluster: Cluster) -> list[Forecast]:
    rows, _ = cluster.embedded([batch(leaning_bars())], train_leaning)
    assert rows[0].training_cutoff is not None
    assert rows[0].training_cutoff > date_of(leaning_bars().day[CUTOFF])
    return rows


def test_a_backfill_at_once(drifting: Cluster) -> None:
    rows = rows_of(drifting)
    worker = drifting.start(program=PROGRAM)
    drifting.publish([batch(leaning_bars())])
    drifting.await_rows(rows)
    assert worker.said("drifted ticker=ABC") == 2
    assert worker.stop() == 0


def test_bar_by_bar_with_kills_on_the_way(drifting: Cluster) -> None:
    rows = rows_of(drifting)
    worker = drifting.start(program=PROGRAM)
    bars = 0
    for number, part in enumerate(daily()):
        drifting.publish([part])
        bars += len(part.date)
        drifting.await_bars(bars)
        if number % 6 == 5:
            worker.kill()
            worker = drifting.start(program=PROGRAM)
    drifting.await_rows(rows)
    assert worker.stop() == 0
