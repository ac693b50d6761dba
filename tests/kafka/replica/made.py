"""The topic of forecasts as a replica reads it, and a running replica."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from broker.claims import HEADER, Claim, encode_claim
from broker.client import client_options
from broker.topics import FORECASTS, ensure_topics, existing_topic, topic_name
from errors import StateCorruptError
from records import encode_forecast
from settings import Settings
from state.database import Database
from state.partition_copy import PartitionCopy
from state.readers import ForecastReader
from state.replica.following import Replica
from state.replica.tables import FOLDER
from state.shared_memory import SharedMemory
from state.stamp import Revision, unstamp
from tests.conftest import ROOT
from tests.kafka.cluster import Cluster, rows_of
from tests.made.changelogs import Changelog
from tests.made.rows import forecast
from tests.waiting import PATIENCE_SECONDS, until

TICKERS = [f"T{number:02}" for number in range(40)]

Records = Sequence[tuple[str, bytes | None]]


def row(ticker: str, number: int = 0) -> bytes:
    return encode_forecast(forecast(ticker, annual_return=float(number)))


def send(settings: Settings, records: Records) -> None:
    """Send records without a claim, as an older version does."""
    _send(settings, [(key.encode(), value, None) for key, value in records])


def send_log(settings: Settings, log: Changelog) -> None:
    """Send all records of a log, with their claims, to partition 0."""
    _send(settings, [(record.key, record.value, record.claim) for record in log.records], 0)


def _send(
    settings: Settings, records: Sequence[tuple[bytes, bytes | None, Claim | None]], partition: int | None = None
) -> None:
    producer = KafkaProducer(**client_options(settings), linger_ms=5)
    topic = topic_name(settings, FORECASTS)
    try:
        futures = []
        for key, value, claim in records:
            headers = None if claim is None else [(HEADER, encode_claim(claim))]
            futures.append(producer.send(topic, key=key, value=value, headers=headers, partition=partition))
        for future in futures:
            future.get(timeout=PATIENCE_SECONDS)
    finally:
        producer.close(timeout=PATIENCE_SECONDS)


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
    memory = SharedMemory(cache_bytes=1 << 20)
    topic = existing_topic(settings, FORECASTS)
    rows: dict[bytes, bytes] = {}
    offsets: list[int] = []
    for path in copies(settings):
        copy = PartitionCopy(path, topic.id, memory.options(), keeps_outdated=True)
        assert copy.verify(complete=False) is None
        rows |= dict(copy.items())
        offsets.append(copy.next_offset)
        copy.close()
    return rows, offsets


def copies(settings: Settings) -> list[Path]:
    """The folders of the copies of the forecasts' partitions."""
    folder = settings.state_dir / FOLDER
    return [folder / f"forecasts-{number}.db" for number in range(len(list(folder.glob("forecasts-*.db"))))]


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


def take_all(replica: Replica, count: int) -> None:
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
    found: dict[str, Revision] = {}
    for path in copies(settings):
        with Database.open_writer(path) as database:
            found |= {key.decode(): unstamp(value).revision for key, value in database.scan()}
    return found


def is_whole(reader: ForecastReader) -> bool:
    try:
        return [found.ticker for found in rows_of(reader)] == TICKERS
    except StateCorruptError:
        return False


def repairs(cluster: Cluster) -> int:
    return log_of(cluster).read_text().count("copy dropped, read again from its changelog")
