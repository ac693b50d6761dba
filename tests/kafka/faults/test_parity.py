"""Any number of workers, with any assignment of partitions, gives the rows of one process, to the byte."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from producers.sources import read_source
from records import BarBatch, RejectedBar
from tests.kafka.cluster import TODAY, Cluster, Worker, by_date
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def good(items: list[BarBatch | RejectedBar]) -> list[BarBatch]:
    return [item for item in items if isinstance(item, BarBatch)]


@pytest.fixture
def real_bars(shared_data: Path) -> list[BarBatch]:
    """100 tickers of real bars, by date, in messages of 250."""
    path = shared_data / "sp500_2013_2018.parquet"
    every = {item.ticker for item in read_source("file", path=path, today=TODAY) if isinstance(item, BarBatch)}
    return by_date(good(list(read_source("file", path=path, tickers=sorted(every)[:100], today=TODAY))))


def _takes_part(worker: Worker) -> bool:
    page = worker.page()
    return bool(page) and page["ready"] and page["partitions"]


@pytest.mark.data
def test_one_two_or_three_workers_give_the_embedded_rows(cluster: Cluster, real_bars: list[BarBatch]) -> None:
    cluster.values["KAFKA_PARTITIONS"] = "6"  # with four partitions a third worker might get none
    rows, histories = cluster.embedded(sorted(real_bars, key=lambda batch: (batch.ticker, batch.date[0])))
    assert len(rows) == 100
    prefix, folder = cluster.values["KAFKA_PREFIX"], cluster.folder
    for count in (1, 2, 3):
        cluster.values["KAFKA_PREFIX"] = f"{prefix}{count}-"
        cluster.folder = folder / str(count)
        cluster.folder.mkdir()
        half = len(real_bars) // 2
        # The third worker joins in the middle: a rebalance between two halves.
        workers = [cluster.start(f"w{number}") for number in range(min(count, 2))]
        cluster.publish(real_bars[:half])
        cluster.await_bars(10_000)
        if count == 3:
            joining = cluster.start("w2")
            until(partial(_takes_part, joining), cluster.logs)
            workers.append(joining)
        cluster.publish(real_bars[half:])
        cluster.await_rows(rows)
        cluster.assert_states(histories)
        for worker in workers:
            assert worker.stop() == 0


def test_every_model_on_the_sample(cluster: Cluster) -> None:
    """All candidates with default settings, on a few years of bars."""
    del cluster.values["MODELS"]
    cluster.values |= {"LOOKBACK": "504", "MINIMUM_BARS": "378", "HISTORY_BARS": "756", "JOBS": "2"}
    bars = good(list(read_source("sample", tickers=["IBM", "MSFT", "FB"], today=TODAY)))
    rows, _ = cluster.embedded(bars)
    worker = cluster.start()
    cluster.publish(bars)
    cluster.await_rows(rows)
    assert worker.stop() == 0
