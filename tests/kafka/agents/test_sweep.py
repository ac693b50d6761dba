"""The sweep finds a quiet ticker and an expired model."""

from __future__ import annotations

import pytest

from optimizer.lookup import Freshness
from tests.kafka.cluster import Cluster
from tests.made.bars import made_bars
from tests.waiting import until

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
    until(lambda: worker.page().get("quiet") == {QUIET: 10}, cluster.logs)
    cluster.await_rows(expected)
    count = worker.said(f"quiet ticker={QUIET}")
    assert count

    def trainings(ticker: str) -> int:
        return worker.said(f"trained ticker={ticker} ")

    def await_trainings_of_the_others() -> None:
        before = {row.ticker: trainings(row.ticker) for row in expected if row.ticker != QUIET}
        until(lambda: all(trainings(ticker) >= count + 2 for ticker, count in before.items()), cluster.logs)

    await_trainings_of_the_others()  # so that a running training of the quiet ticker has ended, too
    of_the_quiet_one = trainings(QUIET)
    await_trainings_of_the_others()
    assert trainings(QUIET) == of_the_quiet_one
    assert worker.said(f"quiet ticker={QUIET}") == count, "logged once, not by every sweep"
    cluster.await_rows(expected)  # the same bars and seed, the same models
    newest = max(row.as_of for row in expected)
    freshness = Freshness(end=newest, newest=newest, fresh_sessions=cluster.settings().fresh_sessions)
    refused = {row.ticker: reason for row in expected if (reason := freshness.refusal(row)) is not None}
    assert refused.keys() == {QUIET}
    assert "10 sessions before" in refused[QUIET]

    cluster.publish([batch for batch in bars if batch.ticker == QUIET and batch.date[-1] == last])
    until(lambda: worker.page().get("quiet") == {}, cluster.logs)
    assert worker.stop() == 0
