"""What no message tells: a ticker that has gone quiet, a model that has expired."""

from __future__ import annotations

import pytest

from optimizer.lookup import Freshness
from tests.kafka.cluster import Cluster, await_condition, made_bars

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

SESSIONS = 300
QUIET = "T002"


def test_a_quiet_ticker_is_told_and_an_expired_model_trained_again(cluster: Cluster) -> None:
    # The last ticker ends ten sessions before the others.
    bars = made_bars(3, SESSIONS, size=10)
    last = max(batch.date[-1] for batch in bars)
    sent = [batch for batch in bars if batch.ticker != QUIET or batch.date[-1] != last]
    expected, _ = cluster.embedded(sent)
    worker = cluster.start(SWEEP_SECONDS="0.5", MODEL_TTL_SECONDS="4", TRAINING_PATIENCE_SECONDS="1")
    cluster.publish(sent)
    await_condition(lambda: worker.page().get("quiet") == {QUIET: 10}, timeout=60)
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
    await_condition(lambda: worker.page().get("quiet") == {}, timeout=60)
    assert worker.stop() == 0
