"""A worker's /readyz, /metrics and figures: green while it works, red with the reason in words when something does not."""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
import urllib.error
import urllib.request
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from broker.group import group_view
from broker.local.base import LocalBroker
from broker.topics import BARS, topic_name
from monitoring.exposition import PREFIX
from monitoring.figures import WorkerFigures
from monitoring.worker_metrics import WORKER_METRICS
from records import BarBatch
from tests.kafka.cluster import Cluster, Worker
from tests.made.bars import made_bars
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

#: The bars of these tests are years old on purpose.
OLD_BARS = {"BARS_DUE_HOURS": "0"}


def fetched(worker: Worker, path: str) -> tuple[int, bytes]:
    """Status and body of one of its pages; (0, b"") while it does not listen."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/{path}", timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (OSError, http.client.HTTPException):
        return 0, b""


def american(batches: list[BarBatch]) -> list[BarBatch]:
    """The batches under tickers whose exchange is known."""
    return [msgspec.structs.replace(batch, ticker=3 * "ABCDEFGH"[int(batch.ticker[1:])]) for batch in batches]


def reasons(worker: Worker) -> dict[str, str] | None:
    """Code and text of its reasons; None while its page cannot be read."""
    status, body = fetched(worker, "readyz")
    if not status:
        return None
    page: dict[str, Any] = json.loads(body)
    assert (status == 200) == page["ready"] == (not page["reasons"])
    return {reason["code"]: reason["text"] for reason in page["reasons"]}


def figures(worker: Worker) -> WorkerFigures | None:
    status, body = fetched(worker, "figures")
    return msgspec.json.decode(body, type=WorkerFigures) if status == 200 else None


def test_figures_metrics_and_a_worker_that_hangs(cluster: Cluster) -> None:
    bars = made_bars(6, 270)
    worker, other = cluster.start("w1", **OLD_BARS), cluster.start("w2", **OLD_BARS)
    cluster.publish(bars)
    cluster.await_bars(6 * 270)
    until(lambda: all((known := figures(each)) and known.partitions for each in (worker, other)), cluster.logs)
    until(lambda: reasons(worker) == reasons(other) == {}, cluster.logs)

    known = figures(worker)
    assert known is not None
    assert sorted(each.partition for each in known.partitions) == [0, 1, 2, 3]
    both = [figures(each) for each in (worker, other)]
    assert sum(each.bars["accepted"] for each in both if each) >= 6 * 270
    assert sum(part.is_own for each in both if each for part in each.partitions) == 4
    view = group_view(cluster.settings(), topic_name(cluster.settings(), BARS))
    assert view.state == "Stable"
    assert sorted(number for member in view.members for number in member.partitions) == [0, 1, 2, 3]
    assert sum(view.ends.values()) == len(bars)

    families = {family.name: family for family in text_string_to_metric_families(fetched(worker, "metrics")[1].decode())}
    assert {PREFIX + metric.name.removesuffix("_total") for metric in WORKER_METRICS} <= families.keys()
    assert families["tidecast_ready"].samples[0].value == 1.0
    assert families["process_resident_memory_bytes"].samples[0].value > 1e6

    # The group still has the frozen worker, its session is 60 s; only the other worker can say that its partitions stand still.
    other.signal(signal.SIGSTOP)
    started = time.monotonic()
    cluster.publish(made_bars(6, 275, size=1))
    until(lambda: "foreign_standstill" in (reasons(worker) or {}), cluster.logs)
    print(f"hung worker: red after {time.monotonic() - started:.0f} s")
    assert "stand still" in (reasons(worker) or {})["foreign_standstill"]
    other.signal(signal.SIGCONT)
    until(lambda: reasons(worker) == {}, cluster.logs)


def test_bars_that_are_late_and_a_pool_that_dies(cluster: Cluster) -> None:
    worker = cluster.start("w1", SWEEP_SECONDS="2", JOBS="1")
    cluster.publish(american(made_bars(6, 270)))
    cluster.await_bars(6 * 270)
    until(lambda: "bars_late" in (reasons(worker) or {}), cluster.logs)
    assert "XNYS: newest" in (reasons(worker) or {})["bars_late"]
    assert fetched(worker, "healthz")[0] == 200  # it takes what comes; it only gets nothing
    killed: set[int] = set()
    count = 270
    while "pool_dies" not in (reasons(worker) or {}):
        for pid in set(worker.training_processes()) - killed:
            killed.add(pid)
            os.kill(pid, signal.SIGKILL)
        # Each new week calls for trainings.
        known, count = count, count + 5
        cluster.publish([batch for n, batch in enumerate(american(made_bars(6, count, size=1))) if n % count >= known])
        time.sleep(1.0)
        assert len(killed) < 50, cluster.logs()
    assert "training processes died" in (reasons(worker) or {})["pool_dies"]


def test_a_broker_that_is_away(cluster: Cluster, own_broker: LocalBroker) -> None:
    worker = cluster.start("w1", **OLD_BARS)
    until(lambda: (known := figures(worker)) and sum(each.is_own for each in known.partitions) == 4, cluster.logs)
    own_broker.kill()
    started = time.monotonic()
    until(lambda: "broker_away" in (reasons(worker) or {}), cluster.logs)
    print(f"broker away: red after {time.monotonic() - started:.0f} s")
    own_broker.start()
    until(lambda: reasons(worker) == {}, cluster.logs)
    assert worker.stop() == 0
