"""The findings of an independent checker in version 0.2.1. Each test failed there.

Others of its findings have their tests beside what they are about: departed workers' folders in `tests/state/test_newest.py`,
mixed settings and doubled ids in `tests/kafka/worker/test_deployment.py`, clocks in `tests/kafka/agents/test_clocks.py`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from broker.client import client_options
from broker.topics import BARS, group_id, topic_name
from records import BarBatch
from state.database import Database
from tests.kafka.cluster import Cluster, Expected, Worker
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

TICKERS = 8


def committed(cluster: Cluster) -> dict[int, tuple[int, int]]:
    """The group's offset and the end of the log, by partition of the bars, from Kafka."""
    settings = cluster.settings()
    name = topic_name(settings, BARS)
    with KafkaAdminClient(**client_options(settings)) as admin:
        offsets = admin.list_group_offsets({group_id(settings): None})[group_id(settings)]
    consumer = KafkaConsumer(**client_options(settings))
    try:
        partitions = [TopicPartition(name, number) for number in range(settings.kafka_partitions)]
        ends = consumer.end_offsets(partitions)
    finally:
        consumer.close()
    return {tp.partition: (offsets[tp].offset if tp in offsets else -1, ends[tp]) for tp in partitions if ends[tp]}


def test_batches_dropped_between_fetch_and_agent_are_not_committed_past(
    cluster: Cluster, bars: list[BarBatch], expected: Expected
) -> None:
    """Finding 1: Kafka had offsets 137 to 145, the changelog had none of them, and the group's offset was behind them."""
    worker = cluster.start(program=("tests.kafka.programs.dropping_worker", "worker"))
    for start in range(0, len(bars), TICKERS):
        cluster.publish(bars[start : start + TICKERS])
    cluster.await_expected(expected)
    until(lambda: all(offset == end for offset, end in committed(cluster).values()))
    assert worker.said("fetched again what was lost")
    assert worker.stop() == 0


def test_an_answer_is_lost_while_later_bars_flow_and_the_worker_is_killed(
    cluster: Cluster, bars: list[BarBatch], expected: Expected
) -> None:
    """Finding 1, with a kill: the offset was committed past the lost messages, which were never read again."""
    flag = cluster.folder / "lose"
    worker = cluster.start(program=("tests.kafka.programs.losing_worker", "worker"), LOSE_FILE=str(flag))
    turns = [bars[start : start + TICKERS] for start in range(0, len(bars), TICKERS)]
    for turn in turns[:4]:
        cluster.publish(turn)
    cluster.await_bars(TICKERS * 80)
    flag.touch()
    lost: list[tuple[int, int]] = []
    left = iter(turns[4:])
    for turn in left:
        cluster.publish(turn)
        if (cluster.folder / "lose.lost").exists():
            lines = [line.split() for line in (cluster.folder / "lose.lost").read_text().splitlines()]
            lost = [(int(partition), int(first)) for partition, first, _ in lines]
            break
    assert lost
    worker.kill()
    offsets = committed(cluster)
    assert all(offsets[partition][0] <= first for partition, first in lost)
    worker = cluster.start()
    for turn in left:
        cluster.publish(turn)
    cluster.await_expected(expected)
    assert worker.stop() == 0


def test_a_copy_with_a_hole_is_read_again_before_it_serves(cluster: Cluster, bars: list[BarBatch], expected: Expected) -> None:
    """Finding 2: blocks and rows were missing from a copy whose offset was after them."""
    worker = cluster.start()
    cluster.publish(bars[:-TICKERS])
    cluster.await_bars(TICKERS * 380)
    assert worker.stop() == 0
    for path in tables(cluster, worker):
        with Database.open_writer(path, remedy="") as database:
            keys = [key for key, _ in database.scan()]
            database.write([(key, None) for key in keys[::2]])
    worker = cluster.start()
    cluster.publish(bars[-TICKERS:])
    cluster.await_expected(expected)
    assert worker.said("copy dropped, read again from its changelog") >= 4
    assert worker.stop() == 0


def tables(cluster: Cluster, worker: Worker) -> list[Path]:
    return sorted(cluster.state.glob(f"workers/{worker.name}/tables/*.db"))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for place in range(0, len(content), max(1, len(content) // 7)):
        content[place] ^= 0xFF
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "cut": cut,
    "flipped": flip,
    "emptied": lambda path: path.write_bytes(b""),
    "deleted": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),  # type: ignore[dict-item, return-value]
}
KINDS = ("CURRENT", "MANIFEST-*", "*.log", "OPTIONS-*", "IDENTITY", "LOCK", "*.sst")


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_repaired_by_the_worker(
    cluster: Cluster, bars: list[BarBatch], expected: Expected, damage: str
) -> None:
    """Finding 5: with a damaged CURRENT or MANIFEST the worker ended at each of ten starts in a row."""
    worker = cluster.start()
    cluster.publish(bars[:-TICKERS])
    cluster.await_bars(TICKERS * 380)
    worker.kill()
    # Every kind of file in some table, so that one start finds all of them.
    for number, path in enumerate(tables(cluster, worker)):
        for file in path.glob(KINDS[number % len(KINDS)]):
            DAMAGES[damage](file)
    worker = cluster.start()
    cluster.publish(bars[-TICKERS:])
    cluster.await_expected(expected)
    assert worker.process.poll() is None
    assert worker.stop() == 0


@pytest.mark.parametrize("damage", DAMAGES)
def test_tables_damaged_while_the_worker_runs_are_repaired_by_it(
    cluster: Cluster, bars: list[BarBatch], expected: Expected, damage: str
) -> None:
    """RocksDB has most of these files in memory: its owner goes on, while readers see old values or none."""
    worker = cluster.start()
    cluster.publish(bars[:-TICKERS])
    cluster.await_bars(TICKERS * 380)
    for path in tables(cluster, worker):
        for file in [*path.glob("*.sst"), *path.glob("*.log"), *path.glob("MANIFEST-*"), path / "CURRENT"]:
            DAMAGES[damage](file)
    cluster.publish(bars[-TICKERS:])
    cluster.await_rows(expected[0])
    cluster.await_bars(TICKERS * 400)  # histories are repaired apart from rows
    cluster.assert_states(expected[1])
    assert worker.process.poll() is None
    assert worker.stop() == 0


def test_failed_trainings_are_tried_again(cluster: Cluster, bars: list[BarBatch], expected: Expected) -> None:
    """Finding 4: a job killed twice left a fallback row until the next window."""
    worker = cluster.start()
    cluster.publish(bars)
    until(lambda: kill_training(worker) and worker.said("training failed"), cluster.logs)
    cluster.await_expected(expected)
    assert worker.process.poll() is None
    assert worker.stop() == 0


def kill_training(worker: Worker) -> bool:
    for pid in worker.training_processes():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return True


def test_a_failure_does_not_outlive_another_workers_success(cluster: Cluster, bars: list[BarBatch], expected: Expected) -> None:
    """Finding 4: a worker served its old fallback again when it got the partition back."""
    first = cluster.start("w1")
    cluster.publish(bars)
    until(lambda: kill_training(first) and first.said("training failed"), cluster.logs)
    second = cluster.start("w2")
    cluster.await_expected(expected)
    assert second.stop() == 0
    cluster.await_expected(expected)
    assert first.stop() == 0
