"""What no message tells: a ticker that has gone quiet, a model that has expired."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from broker.base import free_port
from optimizer.lookup import Freshness
from tests.kafka.cluster import Cluster, await_condition, made_bars

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

SESSIONS = 300
QUIET = "T002"


def page(port: int) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except OSError:
        return {}  # not listening yet, or 503 while partitions are dealt


def test_a_quiet_ticker_is_told_and_an_expired_model_trained_again(cluster: Cluster) -> None:
    port = free_port()
    # The last ticker ends ten sessions before the others.
    bars = made_bars(3, SESSIONS, size=10)
    last = max(batch.date[-1] for batch in bars)
    sent = [batch for batch in bars if batch.ticker != QUIET or batch.date[-1] != last]
    expected, _ = cluster.embedded(sent)
    worker = cluster.start(SWEEP_SECONDS="0.5", MODEL_TTL_SECONDS="4", TRAINING_PATIENCE_SECONDS="1", WORKER_PORT=str(port))
    cluster.publish(sent)
    await_condition(lambda: page(port).get("quiet") == {QUIET: 10}, timeout=60)
    cluster.await_rows(expected)
    told = worker.said(f"quiet ticker={QUIET}")
    assert told

    def trainings() -> dict[str, int]:
        return {row.ticker: worker.said(f"trained ticker={row.ticker} ") for row in expected}

    before = trainings()
    await_condition(lambda: sum(trainings().values()) >= sum(before.values()) + 4, timeout=60)
    assert {ticker for ticker, count in trainings().items() if count > before[ticker]} == before.keys() - {QUIET}
    assert worker.said(f"quiet ticker={QUIET}") == told, "told once, not with every sweep"
    cluster.await_rows(expected)  # the same bars and seed, the same models
    newest = max(row.as_of for row in expected)
    freshness = Freshness(end=newest, newest=newest, fresh_sessions=cluster.settings().fresh_sessions)
    refused = {row.ticker: reason for row in expected if (reason := freshness.refusal(row)) is not None}
    assert refused.keys() == {QUIET}
    assert "10 sessions before" in refused[QUIET]

    cluster.publish([batch for batch in bars if batch.ticker == QUIET and batch.date[-1] == last])
    await_condition(lambda: page(port).get("quiet") == {}, timeout=60)
    assert worker.stop() == 0
