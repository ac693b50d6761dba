"""The topic of forecasts as a replica reads it, and a running replica."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from broker.claims import CLAIM_PREFIX, HEADER, Claim, encode_claim
from broker.client import client_options
from broker.topics import FORECASTS, ensure_topics, topic_name
from errors import StateCorruptError
from records import encode_forecast
from settings import Settings
from state.database import Database
from state.folder import FORECASTS as FORECASTS_FOLDER
from state.readers import ForecastReader
from state.replica import ForecastReplica
from state.replica_store import ReplicaStore
from state.stamp import Revision, unstamp
from tests.conftest import ROOT
from tests.kafka.cluster import Cluster, rows_of
from tests.made.rows import forecast
from tests.waiting import PATIENCE_SECONDS, until

TICKERS = [f"T{number:02}" for number in range(40)]

Records = Sequence[tuple[str, bytes | None]]


def row(ticker: str, number: int = 0) -> bytes:
    return encode_forecast(forecast(ticker, annual_return=float(number)))


def send(settings: Settings, records: Records, claim: Claim | None = None, partition: int | None = None) -> None:
    """Send records under a claim as a worker does, or without a claim as an older version does."""
    producer = KafkaProducer(**client_options(settings), linger_ms=5)
    headers = None if claim is None else [(HEADER, encode_claim(claim))]
    topic = topic_name(settings, FORECASTS)
    try:
        futures = [
            producer.send(topic, key=key.encode(), value=value, headers=headers, partition=partition) for key, value in records
        ]
        for future in futures:
            future.get(timeout=PATIENCE_SECONDS)
    finally:
        producer.close(timeout=10)


def written(settings: Settings) -> dict[int, list[tuple[bytes, bytes | None]]]:
    """All records of the topic, by partition."""
    consumer = KafkaConsumer(**client_options(settings), group_id=None, auto_offset_reset="earliest")
    try:
        partitions = [TopicPartition(topic_name(settings, FORECASTS), number) for number in range(settings.kafka_partitions)]
        consumer.assign(partitions)
        found: dict[int, list[tuple[bytes, bytes | None]]] = {partition.partition: [] for partition in partitions}
        ends = consumer.end_offsets(partitions)
        while any(len(found[partition.partition]) < ends[partition] for partition in partitions):
            for partition, records in consumer.poll(timeout_ms=200).items():
                found[partition.partition] += [(record.key, record.value) for record in records]
    finally:
        consumer.close()
    return found


def copied(settings: Settings) -> tuple[dict[bytes, bytes], list[int]]:
    """Rows and offsets in the folder of a stopped replica; checks that the replica is complete."""
    path = settings.state_dir / FORECASTS_FOLDER
    with Database.open_writer(path) as database:
        assert database.get(b"\0position"), "a replica without one copies the topic again"
    with ReplicaStore(path) as store:
        offsets = [progress.offset for progress in store.position.partitions]
    with Database.open_writer(path) as database:
        return {key: unstamp(value).payload for key, value in database.scan()}, offsets


def up_to(log: Mapping[int, Records], offsets: Sequence[int]) -> dict[bytes, bytes]:
    """The rows after these many records of each partition."""
    rows: dict[bytes, bytes] = {}
    for partition, offset in enumerate(offsets):
        for key, value in log[partition][:offset]:
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value
    return rows


def create_again(settings: Settings) -> None:
    """Delete the topic and create it again, with more messages than before: offsets alone do not show the difference."""
    name = topic_name(settings, FORECASTS)
    with KafkaAdminClient(**client_options(settings)) as admin:
        admin.delete_topics([name])
        until(lambda: name not in admin.list_topics())
    ensure_topics(settings)
    send(settings, [("OTHER", row("OTHER", number)) for number in range(2 * len(TICKERS))])


def take_all(replica: ForecastReplica, count: int) -> None:
    taken: list[int] = []
    until(lambda: taken.append(replica.step()) or sum(taken) >= count)
    assert sum(taken) == count


def log_of(cluster: Cluster) -> Path:
    return cluster.folder / "replica.log"


@contextmanager
def running(cluster: Cluster, settings: Settings, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "state", "replica", "--state", str(settings.state_dir)]
    with log_of(cluster).open("ab") as log:
        values = os.environ | cluster.values | environment
        process = subprocess.Popen(command, cwd=ROOT, env=values, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def stamps(settings: Settings) -> dict[str, Revision]:
    with Database.open_writer(settings.state_dir / FORECASTS_FOLDER) as database:
        return {key.decode(): unstamp(value).revision for key, value in database.scan()}


def claim_record(writer: str) -> tuple[str, bytes]:
    return CLAIM_PREFIX.decode() + writer, b"{}"


def is_whole(reader: ForecastReader) -> bool:
    try:
        return [found.ticker for found in rows_of(reader)] == TICKERS
    except StateCorruptError:
        return False


def repairs(cluster: Cluster) -> int:
    return log_of(cluster).read_text().count("damaged copy removed, the topic is copied again")
