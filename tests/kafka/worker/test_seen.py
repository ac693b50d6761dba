"""Failed trainings, and a partition without an owner, on all that people and programs look at: `/readyz`, metrics, `status`."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from broker.topics import partition_of
from monitoring.status import Status
from streams.kafka.worker.status import gather
from tests.conftest import ROOT
from tests.kafka.cluster import Cluster, Worker
from tests.kafka.programs.omitting_worker import OMITTED
from tests.kafka.worker.test_readiness import OLD_BARS, fetched, reasons
from tests.made.bars import made_bars
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def samples(worker: Worker, name: str) -> list[tuple[dict[str, str], float]]:
    """Labels and value of each sample of a metric."""
    families = text_string_to_metric_families(fetched(worker, "metrics")[1].decode())
    return [(sample.labels, sample.value) for family in families for sample in family.samples if sample.name == name]


def status(cluster: Cluster) -> Status:
    return gather(cluster.settings(bars_due_hours=0), now=dt.datetime.now(dt.UTC), ask_kafka=True)


def codes(found: Status) -> dict[str, str]:
    return {reason.code: reason.text for reason in found.reasons}


def test_trainings_that_fail(cluster: Cluster) -> None:
    worker = cluster.start("w1", program=("tests.kafka.programs.failing_worker",), **OLD_BARS)
    cluster.publish(made_bars(6, 270))
    until(lambda: worker.said("training failed"), cluster.logs)
    started = time.monotonic()
    until(lambda: "trainings_fail" in (reasons(worker) or {}), cluster.logs)
    print(f"trainings fail: red {time.monotonic() - started:.0f} s after the first failure")
    text = (reasons(worker) or {})["trainings_fail"]
    assert re.search(r"tickers failed within 10 minutes, T00\d for one: RuntimeError: no such library$", text), text
    assert ({"reason": "trainings_fail"}, 1.0) in samples(worker, "tidecast_not_ready_reason")
    failed = [value for labels, value in samples(worker, "tidecast_trainings_total") if labels == {"outcome": "failed"}]
    assert failed[0] >= 3.0
    assert "w1: trainings of" in codes(status(cluster))["trainings_fail"]
    environment = os.environ | cluster.values | {"STATE_DIR": str(cluster.state), "LOG_LEVEL": "ERROR"} | OLD_BARS
    command = [sys.executable, "-m", "streams", "status"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert re.search(r"  failed: T00\d: RuntimeError: no such library", done.stdout), done.stdout
    assert worker.stop() == 0


def test_a_partition_without_an_owner(cluster: Cluster) -> None:
    worker = cluster.start("w1", program=("tests.kafka.programs.omitting_worker", "worker"), **OLD_BARS)
    cluster.publish(batch for batch in made_bars(12, 270))
    tickers = {f"T{number:03}" for number in range(12)}
    waiting = [ticker for ticker in tickers if partition_of(ticker.encode(), cluster.settings().kafka_partitions) == OMITTED]
    assert waiting, "no ticker is in the partition"
    until(lambda: bool(worker.page().get("partitions")), cluster.logs)
    assert worker.page()["partitions"] == [0, 1, 2]
    found = status(cluster)
    assert f"no worker has partitions {OMITTED} (" in codes(found)["no_owner"]
    assert {each.partition: each.owner for each in found.partitions} == {0: "w1", 1: "w1", 2: "w1", OMITTED: None}
    started = time.monotonic()
    until(lambda: "foreign_standstill" in (reasons(worker) or {}), cluster.logs)
    print(f"a partition without an owner: red after {time.monotonic() - started:.0f} s")
    assert f"{OMITTED} (" in (reasons(worker) or {})["foreign_standstill"]
    assert ({"reason": "foreign_standstill"}, 1.0) in samples(worker, "tidecast_not_ready_reason")
    standing = samples(worker, "tidecast_partition_standing_seconds")
    assert [value >= 35.0 for labels, value in standing if labels == {"partition": str(OMITTED), "own": "false"}] == [True]
    assert {"no_owner", "foreign_standstill"} <= codes(status(cluster)).keys()
    assert worker.stop() == 0
