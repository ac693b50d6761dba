"""After every fault each ticker's history and forecast are right, and nothing counts twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import pytest

from broker.local.base import LocalBroker
from broker.topics import partition_of
from records import BarBatch
from state.readers import ForecastReader
from tests import proc
from tests.conftest import ROOT
from tests.kafka.cluster import Cluster, Expected, Worker
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

TICKERS = 24
#: A short session, for tests that wait until a worker is taken for dead.
SESSION = {"WORKER_SESSION_SECONDS": "10"}
#: The longest takeover on any machine. Far more than 12 s, the takeover on a quiet machine (`python -m benchmarks failover`),
#: and far less than a takeover that waits for the poll interval.
AT_MOST_SECONDS = 100.0


def await_working(cluster: Cluster, *workers: Worker) -> None:
    """Wait until every worker has forecasts in its tables."""

    def all_have() -> bool:
        return all(list(cluster.state.glob(f"workers/{worker.name}/tables/forecasts-*.db")) for worker in workers)

    until(all_have, workers[0].log.read_text)


def test_one_of_two_workers_killed_in_a_backfill(cluster: Cluster, bars: list[BarBatch], expected: Expected) -> None:
    cluster.values |= SESSION
    first, second = cluster.start("w1"), cluster.start("w2")
    cluster.publish(bars[: len(bars) // 2])
    await_working(cluster, first, second)
    cluster.publish(bars[len(bars) // 2 :])
    first.kill()
    cluster.await_expected(expected)
    assert second.stop() == 0


def test_one_of_two_workers_killed_in_training(cluster: Cluster, bars: list[BarBatch]) -> None:
    cluster.values |= SESSION | {"MODELS": "har,arima"}
    expected = cluster.embedded(sorted(bars, key=lambda batch: (batch.ticker, batch.date[0])))
    first, second = cluster.start("w1"), cluster.start("w2")
    cluster.publish(bars)
    orphans = first.await_training_processes()
    first.kill()
    cluster.await_expected(expected)
    until(lambda: not any(proc.is_alive(pid) for pid in orphans))
    assert second.stop() == 0


def test_the_only_worker_killed_and_started_again(cluster: Cluster, bars: list[BarBatch], expected: Expected) -> None:
    # The session is so long that a worker that had to wait for its end would be noticed.
    cluster.values["WORKER_SESSION_SECONDS"] = "300"
    worker = cluster.start()
    cluster.publish(bars[:-TICKERS])
    cluster.await_bars(TICKERS * 200)
    worker.kill()
    killed = time.monotonic()
    worker = cluster.start()
    cluster.publish(bars[-TICKERS:])
    await_forecast(cluster, [batch.ticker for batch in bars], expected)
    assert time.monotonic() - killed < AT_MOST_SECONDS
    cluster.await_expected(expected)
    assert worker.stop() == 0


def test_takeover_by_the_other_worker(cluster: Cluster, bars: list[BarBatch], expected: Expected) -> None:
    cluster.values |= SESSION
    first, second = cluster.start("w1"), cluster.start("w2")
    cluster.publish(bars[:-TICKERS])
    await_working(cluster, first, second)
    cluster.await_bars(TICKERS * 380)
    partitions = await_share(first, second)
    orphans = [batch.ticker for batch in bars if partition_of(batch.ticker.encode(), 4) in partitions]
    first.kill()
    killed = time.monotonic()
    cluster.publish(bars[-TICKERS:])
    await_forecast(cluster, orphans, expected)
    assert time.monotonic() - killed < AT_MOST_SECONDS
    cluster.await_expected(expected)
    assert second.stop() == 0


def await_share(first: Worker, second: Worker) -> list[int]:
    """The first worker's partitions, as soon as both workers have some."""
    shares: list[list[int]] = []

    def both_have() -> bool:
        shares[:] = [worker.page().get("partitions", []) for worker in (first, second)]
        return all(shares)

    until(both_have)
    return shares[0]


def await_forecast(cluster: Cluster, tickers: Sequence[str], expected: Expected) -> None:
    """Wait until one of these tickers has a forecast of its last bar."""
    last = expected[0][0].as_of
    with ForecastReader(cluster.state) as reader:
        until(lambda: any(row.as_of == last and row.ticker in tickers for row in reader.all()), cluster.logs)


def test_the_broker_killed_and_away_for_a_minute(
    cluster: Cluster, own_broker: LocalBroker, bars: list[BarBatch], expected: Expected
) -> None:
    worker = cluster.start()
    cluster.publish(bars[: len(bars) // 2])
    cluster.await_bars(TICKERS * 100)
    own_broker.kill()
    time.sleep(60)
    own_broker.start()
    cluster.publish(bars[len(bars) // 2 :])
    cluster.await_expected(expected)
    assert worker.process.poll() is None
    assert worker.log.stat().st_size < 200_000
    assert worker.stop() == 0


def test_a_training_process_killed(cluster: Cluster, bars: list[BarBatch]) -> None:
    cluster.values |= {"MODELS": "har,arima"}
    expected = cluster.embedded(sorted(bars, key=lambda batch: (batch.ticker, batch.date[0])))
    worker = cluster.start()
    cluster.publish(bars)
    os.kill(worker.await_training_processes()[0], signal.SIGKILL)
    cluster.await_expected(expected)
    assert worker.stop() == 0


def test_the_producer_killed_and_started_again(cluster: Cluster, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """The sample, published one bar per message, so that there is a middle in which to be killed."""
    cluster.values |= {"LOOKBACK": "252", "PUBLISH_BATCH_BARS": "1"}
    environment = os.environ | cluster.values | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "producers", "publish", "--source", "sample", "--tickers", "FB,GOOG"]
    worker = cluster.start()
    producer = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    cluster.await_bars(50)
    producer.kill()
    producer.wait()
    again = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert " there already" in again.stderr
    from producers.sources import read_source
    from tests.kafka.cluster import TODAY

    cluster.await_expected(cluster.embedded(read_source("sample", tickers=["FB", "GOOG"], today=TODAY)))
    assert worker.stop() == 0


def test_a_frozen_worker_writes_nothing_when_it_goes_on(cluster: Cluster, bars: list[BarBatch], expected: Expected) -> None:
    cluster.values |= SESSION
    first, second = cluster.start("w1"), cluster.start("w2")
    cluster.publish(bars[: len(bars) // 2])
    await_working(cluster, first, second)
    cluster.await_bars(TICKERS * 100)
    first.signal(signal.SIGSTOP)
    cluster.publish(bars[len(bars) // 2 :])
    cluster.await_expected(expected)
    first.signal(signal.SIGCONT)
    assert first.process.wait(timeout=PATIENCE_SECONDS) == 75
    assert first.said("frozen for")
    cluster.await_expected(expected)
    # Damage by a zombie would show after a restoration from the changelogs.
    second.stop()
    shutil.rmtree(cluster.state)
    third = cluster.start("w3")
    cluster.await_expected(expected)
    assert third.stop() == 0


def test_the_state_folder_deleted(cluster: Cluster, bars: list[BarBatch], expected: Expected) -> None:
    worker = cluster.start()
    cluster.publish(bars[:-TICKERS])
    cluster.await_bars(TICKERS * 380)
    worker.kill()
    shutil.rmtree(cluster.state)
    worker = cluster.start()
    cluster.publish(bars[-TICKERS:])
    cluster.await_expected(expected)
    assert worker.stop() == 0


def test_a_rebalance_while_training(cluster: Cluster, bars: list[BarBatch]) -> None:
    cluster.values |= {"MODELS": "har,arima"}
    expected = cluster.embedded(sorted(bars, key=lambda batch: (batch.ticker, batch.date[0])))
    first = cluster.start("w1")
    cluster.publish(bars)
    first.await_training_processes()
    second = cluster.start("w2")
    await_working(cluster, second)
    cluster.await_expected(expected)
    for worker in (first, second):
        assert worker.stop() == 0
        assert not worker.said("MaxRestartsExceeded")


def test_rebuilt_from_the_bars_alone(cluster: Cluster, bars: list[BarBatch], expected: Expected) -> None:
    cluster.values |= SESSION
    worker = cluster.start()
    cluster.publish(bars)
    cluster.await_expected(expected)
    assert worker.stop() == 0
    environment = os.environ | cluster.values | {"STATE_DIR": str(cluster.state)}
    run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run
    done = run([sys.executable, "-m", "streams", "rebuild"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not list(cluster.state.glob("workers/*/tables/*"))
    worker = cluster.start()
    cluster.await_expected(expected)
    assert worker.stop() == 0
