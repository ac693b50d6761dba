"""A replica's folder serves what the workers' folder serves: earlier dates and prices too, after a correction and damage."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from errors import ForecastingError
from records import date_of
from settings import Settings
from state.earlier_messages import Question
from state.readers import HistoryReader
from state.replica.tables import FOLDER
from streams.earlier.rows import EarlierRows
from tests.kafka.cluster import Cluster
from tests.kafka.replica.made import log_of, running
from tests.made.bars import TODAY, batch, walk
from tests.optimizer.serving import Service
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

BARS = {ticker: walk(300, seed) for seed, ticker in enumerate(("AAA", "BBB", "CCC"))}
QUESTION = Question(date_of(BARS["AAA"].day[-4]), tuple(BARS))


def rows(settings: Settings) -> tuple[bytes, ...] | None:
    """The rows as of the earlier date; None while the folder cannot be read."""
    with EarlierRows(settings) as made:
        found = made.answer(QUESTION)
    return None if found.missing else found.rows


def bars(state_dir: Path) -> object:
    with HistoryReader(state_dir) as reader:
        try:
            return reader.bars_many(BARS)
        except ForecastingError:
            return None


def portfolio(state_dir: Path, cluster: Cluster) -> dict[str, Any]:
    """What the HTTP service answers, without the seconds that it took."""
    body = {"start_date": "2012-06-01", "end_date": QUESTION.date.isoformat(), "risk_free_rate": -0.3, "tickers": list(BARS)}
    with Service(state_dir, **cluster.values) as service:
        answer = service.post(body)
    assert answer.status == 200, answer.body
    return {name: value for name, value in answer.json.items() if "second" not in name}


def test_a_replicas_folder_serves_what_the_workers_folder_serves(cluster: Cluster, settings: Settings) -> None:
    batches = [batch(each, ticker=ticker) for ticker, each in BARS.items()]
    worker = cluster.start()
    cluster.publish(batches)
    cluster.await_expected(cluster.embedded(batches))
    with running(cluster, settings) as process:
        until(lambda: bars(settings.state_dir) == bars(cluster.state))
        until(lambda: rows(settings) == rows(cluster.settings()))
        before = rows(settings)
        assert before is not None
        answers = [portfolio(state, cluster) for state in (settings.state_dir, cluster.state)]
        assert answers[0] == answers[1]
        assert answers[0]["forecasts_as_of"] == QUESTION.date.isoformat()

        bar = BARS["AAA"][-8:-7]
        batches.append(batch(replace(bar, close=bar.close * 1.001, high=bar.high * 1.01), ticker="AAA", as_of=TODAY))
        cluster.publish(batches[-1:])
        (cluster.folder / "embedded").rename(cluster.folder / "embedded before")
        cluster.await_expected(cluster.embedded(batches))
        until(lambda: bars(settings.state_dir) == bars(cluster.state))
        process.kill()
        process.wait()
    assert worker.stop() == 0
    after = rows(cluster.settings())
    assert after is not None
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True, True]
    damaged = sorted((settings.state_dir / FOLDER).glob("*/MANIFEST-*"))
    assert len(damaged) == 3 * settings.kafka_partitions
    for file in damaged:
        os.truncate(file, 0)
    with running(cluster, settings):
        until(lambda: bars(settings.state_dir) == bars(cluster.state), log_of(cluster).read_text)
        until(lambda: rows(settings) == after, log_of(cluster).read_text)
