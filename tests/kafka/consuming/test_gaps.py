"""Offsets without a message: the mark that ends a transaction."""

from __future__ import annotations

import pytest
from kafka import KafkaProducer

from broker.client import client_options
from broker.topics import BARS, topic_name
from records import BarBatch, encode_batch
from tests.kafka.cluster import Cluster
from tests.made.bars import made_bars
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def publish_in_a_transaction(cluster: Cluster, batches: list[BarBatch]) -> int:
    """Publish in a transaction; returns the partition."""
    settings = cluster.settings()
    producer = KafkaProducer(**client_options(settings), transactional_id=f"{settings.kafka_prefix}other", acks="all")
    try:
        producer.init_transactions()
        producer.begin_transaction()
        sent = [producer.send(topic_name(settings, BARS), key=b"T000", value=encode_batch(batch)) for batch in batches]
        producer.commit_transaction()
    finally:
        producer.close(timeout=PATIENCE_SECONDS)
    return int(sent[-1].get(timeout=PATIENCE_SECONDS).partition)


def test_the_mark_of_a_transaction_is_passed_at_once(cluster: Cluster) -> None:
    """An answer that continues after a mark proves that the mark is no message: there is no second fetch and no wait."""
    bars = made_bars(1, 400, size=20)
    expected, histories = cluster.embedded(bars)
    cluster.publish(bars[:10])
    worker = cluster.start()
    cluster.await_bars(200)
    partition = publish_in_a_transaction(cluster, bars[10:15])
    name = f"{topic_name(cluster.settings(), BARS)}-{partition}"
    stream = {"committable": 16, "known_to": 16, "coming": 0, "out": 0, "missing_from": None}
    until(lambda: worker.page().get("streams", {}).get(name) == stream, cluster.logs)
    cluster.publish(bars[15:])
    cluster.await_rows(expected)
    cluster.assert_states(histories)
    assert not [line for line in worker.log.read_text().splitlines() if "fetched" in line and name in line]
    assert worker.stop() == 0
