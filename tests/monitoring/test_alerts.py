"""Rules and dashboard against the metrics that exist, and each alert against its page."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from monitoring.exposition import PREFIX, Specification, metrics_text
from monitoring.figures import CalendarFigures
from monitoring.reason_class import REJECTION_CLASSES
from monitoring.replica import REPLICA_METRICS
from monitoring.worker_metrics import WORKER_METRICS, worker_registry
from optimizer.provider import OUTCOMES
from optimizer.web.metrics import Metrics
from optimizer.web.readiness import SERVICE_METRICS
from producers.job_metrics import JOB_METRICS
from review.live import LIVE_METRICS
from tests.conftest import ROOT
from tests.made.figures import figures

SPECIFICATIONS: tuple[Specification[Any], ...] = (
    *WORKER_METRICS,
    *REPLICA_METRICS,
    *SERVICE_METRICS,
    *LIVE_METRICS,
    *JOB_METRICS,
)
FOLDER = ROOT / "docs" / "monitoring"
#: Functions, modifiers and labels of PromQL that look like names.
_NAME = re.compile(r"\b(tidecast_\w+|process_\w+)\b")


def rules() -> list[dict[str, Any]]:
    content = yaml.safe_load((FOLDER / "rules.yml").read_text(encoding="utf-8"))
    return [rule for group in content["groups"] for rule in group["rules"]]


def dashboard_queries() -> list[str]:
    content = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
    return [target["expr"] for panel in content["panels"] for target in panel["targets"]]


def existing() -> set[str]:
    figures = {PREFIX + metric.name for metric in SPECIFICATIONS}
    service: set[str] = set()
    for family in Metrics().registry.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
        service |= {family.name + suffix for suffix in suffixes}
    return figures | service


@pytest.mark.parametrize("query", [rule["expr"] for rule in rules()] + dashboard_queries())
def test_a_query_uses_metrics_that_exist(query: str) -> None:
    names = set(_NAME.findall(query.replace("up{", "{")))
    assert names <= existing(), query
    assert names or "up{" in query or "ALERTS{" in query


def test_the_dashboard_shows_dates_in_utc_and_a_worker_that_does_not_answer() -> None:
    """A date is midnight UTC: west of Greenwich a browser would show the day before. A silent worker has no metrics."""
    content = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
    assert content["timezone"] == "utc"
    (workers,) = [panel for panel in content["panels"] if panel["title"] == "Workers"]
    assert any("count(up{" in target["expr"] for target in workers["targets"])
    (wrong,) = [panel for panel in content["panels"] if panel["title"] == "What is wrong"]
    assert all(target["instant"] and target["format"] == "table" for target in wrong["targets"])


def test_the_quiet_week_has_every_metric_of_the_rules() -> None:
    """An alert without its metric is quiet for no reason."""
    week = (FOLDER / "rules_quiet_test.yml").read_text(encoding="utf-8")
    assert {name for rule in rules() for name in _NAME.findall(rule["expr"])} <= set(_NAME.findall(week))


def test_a_counter_by_outcome_is_there_before_its_first_count() -> None:
    """Prometheus sees no increase in a series that appears with 1: the first refused message would raise no alert."""
    page = metrics_text(worker_registry(lambda: figures("w1", rejected={"price": 2}))).decode()
    assert 'tidecast_rejected_messages_total{reason="price"} 2.0' in page
    assert {f'tidecast_rejected_messages_total{{reason="{name}"}} 0.0' for name in REJECTION_CLASSES} - set(
        page.splitlines()
    ) == {'tidecast_rejected_messages_total{reason="price"} 0.0'}
    service = generate_latest(Metrics().registry).decode()
    assert all(f'tidecast_provider_calls_total{{outcome="{outcome}"}} 0.0' in service for outcome in OUTCOMES)
    assert 'tidecast_optimizations_total{outcome="failed"} 0.0' in service


def test_the_end_of_a_calendar_is_a_metric_also_while_it_cannot_be_read() -> None:
    newest = dt.date(2026, 11, 25)
    calendars = (
        CalendarFigures("XSHG", 9, newest, 0, dt.date(2026, 12, 31)),
        CalendarFigures("XNYS", 9, newest, None, None, is_unknown=True),
        CalendarFigures("XLON", 9, newest, None),  # nothing is expected
    )
    page = metrics_text(worker_registry(lambda: figures("w1", calendars=calendars))).decode()
    found = dict(re.findall(r'calendar_known_until_timestamp_seconds{calendar="(\w+)"} (\S+)', page))
    assert {name: float(value) for name, value in found.items()} == {"XSHG": 1798675200.0, "XNYS": 0.0}


def test_a_metric_that_is_gone_would_be_noticed() -> None:
    assert not set(_NAME.findall("max(tidecast_lag_seconds)")) <= existing()


@pytest.mark.parametrize("metric", SPECIFICATIONS, ids=lambda metric: metric.name)
def test_names_follow_the_rules(metric: Any) -> None:
    """https://prometheus.io/docs/practices/naming: base units, `_total` for counters, no ticker in a label."""
    assert re.fullmatch(r"[a-z][a-z_]*", metric.name)
    assert not {"ticker", "symbol"} & set(metric.labels)
    assert not metric.name.endswith(("_ms", "_milliseconds", "_minutes", "_mb", "_kb", "_percent"))


def test_no_two_processes_have_a_metric_of_one_name() -> None:
    """A sum over all targets must not count a row of a worker and of the service."""
    names = [metric.name for metric in SPECIFICATIONS]
    assert len(set(names)) == len(names)
    assert not {PREFIX + name for name in names} & {family.name for family in Metrics().registry.collect()}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_has_its_page(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["page"].partition("#")
    assert anchor == rule["alert"].lower()
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert rule["alert"] in headings
    assert rule["annotations"]["summary"]
    assert rule["labels"]["severity"] in {"page", "ticket"}


def test_every_reason_of_a_worker_has_an_alert() -> None:
    """A worker that is not ready raises some alert, whatever the reason."""
    code = (ROOT / "monitoring" / "judgement.py").read_text(encoding="utf-8")
    reasons = set(re.findall(r'"([a-z]+_[a-z_]+|standstill|recovering)", (?:text|f")', code))
    by_metric = {
        "standstill": "partition_standing",
        "foreign_standstill": "partition_standing",
        "broker_away": "broker_silent",
        "bars_late": "late_sessions",
    }
    assert reasons >= {
        "standstill",
        "foreign_standstill",
        "broker_away",
        "recovering",
        "pool_dies",
        "trainings_fail",
        "bars_late",
    }
    queries = " ".join(rule["expr"] for rule in rules())
    for reason in reasons:
        assert reason in queries or by_metric.get(reason, "nothing") in queries, reason
