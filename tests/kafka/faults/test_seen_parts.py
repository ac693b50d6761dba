"""The table of seen faults without a broker: each of its alerts can be judged by a worker's page alone."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from monitoring.exposition import PREFIX
from monitoring.worker_metrics import WORKER_METRICS
from tests.kafka.seen import watch
from tests.kafka.seen.cases import CASES, Case
from tests.kafka.seen.watch import Rule

NAMES = {PREFIX + metric.name for metric in WORKER_METRICS}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_rule_of_a_case_reads_a_metric_of_workers(case: Case) -> None:
    assert Rule(case.alert).metric in NAMES


@pytest.mark.parametrize(
    ("alert", "labels", "quiet", "red"),
    [
        ("TidecastPartitionStandsStill", {"partition": "3", "own": "false"}, 35.0, 35.5),
        ("TidecastTrainingsFail", {"reason": "trainings_fail"}, 0.0, 1.0),
    ],
)
def test_a_rule_holds_beyond_its_limit(
    alert: str, labels: dict[str, str], quiet: float, red: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = Rule(alert)
    registry = CollectorRegistry()
    gauge = Gauge(rule.metric, "as a worker has it", list(labels), registry=registry)
    monkeypatch.setattr(watch, "fetched", lambda worker, path: (200, generate_latest(registry)))
    gauge.labels(**labels).set(quiet)
    assert not rule.holds(None)  # type: ignore[arg-type]
    gauge.labels(**labels).set(red)
    assert rule.holds(None)  # type: ignore[arg-type]


def test_a_rule_heeds_its_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = Rule("TidecastTrainingProcessesDie")
    registry = CollectorRegistry()
    Gauge(rule.metric, "as a worker has it", ["reason"], registry=registry).labels(reason="trainings_fail").set(1.0)
    monkeypatch.setattr(watch, "fetched", lambda worker, path: (200, generate_latest(registry)))
    assert not rule.holds(None)  # type: ignore[arg-type]
