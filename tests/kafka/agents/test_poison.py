"""Messages that cannot be processed are kept with their reasons; all other messages are processed."""

from __future__ import annotations

import json

import msgspec
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from broker.client import client_options
from broker.topics import BARS, REJECTED, ensure_topics, partition_of, topic_name
from records import BarBatch, encode_batch
from settings import Settings
from tests.kafka.cluster import Cluster, by_date
from tests.made.bars import made_bars
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

KINDS = 8
BAD = 1000


def poison(batch: BarBatch, number: int) -> tuple[bytes, bytes]:
    """Key and value of a bad message; the kinds take turns."""
    key = batch.ticker.encode()
    plain = json.loads(encode_batch(batch))
    later = {"date": ["2030-01-01"] * len(batch.date)}
    big = number < 6 * KINDS  # six of the thousand have 5 MB
    kinds = (
        (key, b"not json %d" % number),
        (key, json.dumps(plain | {"close": "12.5"}).encode()),
        (key, json.dumps(plain | {"schema_version": 99}).encode()),
        (b"", json.dumps(plain | later).encode()),
        (b"WRONG", json.dumps(plain | later).encode()),
        (key, b"x" * (5_000_000 if big else 500)),
        (key, json.dumps(plain | {"close": [None] * len(batch.date)}).encode()),
        (key, json.dumps(plain | {"date": ["9999-01-01"] * len(batch.date)}).encode()),
    )
    assert len(kinds) == KINDS
    return kinds[number % KINDS]


def test_a_thousand_bad_messages_among_ten_thousand_good_ones(cluster: Cluster) -> None:
    good = by_date(made_bars(50, 200, size=1))
    assert len(good) == 10_000
    rows, histories = cluster.embedded(sorted(good, key=lambda batch: (batch.ticker, batch.date[0])))
    settings = cluster.settings()
    ensure_topics(settings)
    worker = cluster.start()
    topic = topic_name(settings, BARS)
    producer = KafkaProducer(**client_options(settings), max_request_size=settings.kafka_message_bytes, compression_type="gzip")
    try:
        for number, batch in enumerate(good):
            producer.send(topic, key=batch.ticker.encode(), value=encode_batch(batch))
            if number % 10 == 9:
                key, value = poison(batch, number // 10)
                # Into the ticker's partition, whatever the key: among good messages.
                producer.send(topic, key=key, value=value, partition=partition_of(batch.ticker.encode(), 4))
        producer.flush(timeout=PATIENCE_SECONDS)
    finally:
        producer.close(timeout=PATIENCE_SECONDS)
    cluster.await_rows(rows)
    cluster.assert_states(histories)
    letters = dead_letters(settings, BAD)
    assert len(letters) == BAD
    assert all(headers["topic"] == topic.encode() and headers["reason"] for headers, _ in letters.values())
    assert sorted(len(value) for _, value in letters.values())[-6:] == [5_000_000] * 6
    reasons = b"\n".join(headers["reason"] for headers, _ in letters.values())
    for expected in (b"not a BarBatch", b"schema version 99", b"key", b"missing or not a finite number", b"in the future"):
        assert expected in reasons
    assert not worker.said("Agent")
    assert not worker.said("Traceback")
    assert worker.stop() == 0


def dead_letters(settings: Settings, count: int) -> dict[tuple[bytes, bytes], tuple[dict[str, bytes], bytes]]:
    """Headers and value of each dead letter, by partition and offset of its message; waits for `count`."""
    consumer = KafkaConsumer(
        **client_options(settings), group_id=None, auto_offset_reset="earliest", max_partition_fetch_bytes=16_000_000
    )
    found: dict[tuple[bytes, bytes], tuple[dict[str, bytes], bytes]] = {}
    try:
        consumer.assign([TopicPartition(topic_name(settings, REJECTED), n) for n in range(settings.kafka_partitions)])

        def read() -> bool:
            for records in consumer.poll(timeout_ms=200).values():
                for record in records:
                    headers = dict(record.headers)
                    found[headers["partition"], headers["offset"]] = (headers, record.value)
            return len(found) >= count

        until(read)
    finally:
        consumer.close()
    return found


def test_a_newer_schema_says_upgrade(cluster: Cluster) -> None:
    settings = cluster.settings()
    ensure_topics(settings)
    batch = made_bars(1, 5)[0]
    worker = cluster.start()
    newer = msgspec.json.encode(json.loads(encode_batch(batch)) | {"schema_version": 2, "surprise": 1})
    producer = KafkaProducer(**client_options(settings))
    try:
        producer.send(topic_name(settings, BARS), key=batch.ticker.encode(), value=newer)
        producer.flush(timeout=PATIENCE_SECONDS)
    finally:
        producer.close(timeout=PATIENCE_SECONDS)
    ((headers, value),) = dead_letters(settings, 1).values()
    assert b"upgrade" in headers["reason"]
    assert value == newer
    assert worker.stop() == 0
