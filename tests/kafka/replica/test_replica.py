"""The forecast table on another host: some moment of the topic as a whole, whatever happens to process or topic."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from broker.claims import CLAIM_PREFIX, HEADER, Claim, encode_claim
from broker.client import client_options
from broker.local.start import local_broker
from broker.topics import FORECASTS, ensure_topics, existing_topic, topic_name
from errors import StateCorruptError
from records import encode_forecast
from settings import Settings, load_settings
from state.database import Database
from state.export import rows_to_json
from state.folder import FORECASTS as FORECASTS_FOLDER
from state.readers import ForecastReader
from state.replica import ForecastReplica
from state.replica_store import ReplicaStore
from state.stamp import Revision, unstamp
from tests.conftest import ROOT
from tests.kafka.cluster import Cluster, made_bars, rows_of
from tests.optimizer.serving import Service
from tests.state.samples import forecast
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

TICKERS = [f"T{number:02}" for number in range(40)]
Records = Sequence[tuple[str, bytes | None]]


@pytest.fixture
def settings(cluster: Cluster, tmp_path: Path) -> Settings:
    made = cluster.settings().model_copy(update={"state_dir": tmp_path / "replica"})
    ensure_topics(made)
    return made


def row(ticker: str, number: int = 0) -> bytes:
    return encode_forecast(forecast(ticker, annual_return=float(number)))


def send(settings: Settings, records: Records, claim: Claim | None = None, partition: int | None = None) -> None:
    """Records as a worker sends them under a claim, or as an older version does, without one."""
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
    """Everything on the topic, by partition."""
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
    """Rows and offsets as they stand in the folder of a replica that does not run; that it is whole is checked."""
    path = settings.state_dir / FORECASTS_FOLDER
    with Database.open_writer(path) as database:
        assert database.get(b"\0position"), "a replica without one copies the topic again"
    with ReplicaStore(path) as store:
        offsets = [progress.offset for progress in store.position.partitions]
    with Database.open_writer(path) as database:
        return {key: unstamp(value).payload for key, value in database.scan()}, offsets


def up_to(log: Mapping[int, Records], offsets: Sequence[int]) -> dict[bytes, bytes]:
    """The rows that the first so many records of each partition leave."""
    rows: dict[bytes, bytes] = {}
    for partition, offset in enumerate(offsets):
        for key, value in log[partition][:offset]:
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value
    return rows


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


def test_rows_tombstones_and_what_is_none_of_both(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    send(settings, [(ticker, row(ticker)) for ticker in TICKERS])
    with ForecastReplica(settings) as replica, ForecastReader(settings.state_dir, refresh_seconds=0) as reader:
        take_all(replica, len(TICKERS))
        assert rows_to_json(reader.all()) == rows_to_json([forecast(ticker, annual_return=0.0) for ticker in TICKERS])
        send(settings, [("T00", None), ("T01", row("T01", 1)), ("T02", b"not a row"), ("", row("T03", 1)), ("\0x", row("T04"))])
        take_all(replica, 5)
        assert reader.get("T00") is None
        assert [reader.get(ticker).annual_return for ticker in ("T01", "T02", "T03")] == [1.0, 0.0, 0.0]  # type: ignore[union-attr]
        assert len(reader.all()) == len(TICKERS) - 1
    assert caplog.text.count("left out partition=") == 2, "not the one that is the workers' bookkeeping"
    with ForecastReplica(settings) as replica:
        assert [replica.step() for _ in range(5)] == [0] * 5, "what was taken, and what was left out, does not come again"


def test_a_topic_that_was_made_anew_is_copied_from_its_beginning(settings: Settings) -> None:
    name = topic_name(settings, FORECASTS)
    send(settings, [(ticker, row(ticker)) for ticker in TICKERS])
    with ForecastReplica(settings) as replica:
        take_all(replica, len(TICKERS))
    with KafkaAdminClient(**client_options(settings)) as admin:
        admin.delete_topics([name])
        until(lambda: name not in admin.list_topics())
    ensure_topics(settings)
    # More messages than before: offsets alone would tell nothing.
    send(settings, [("OTHER", row("OTHER", number)) for number in range(2 * len(TICKERS))])
    with ForecastReplica(settings) as replica, ForecastReader(settings.state_dir) as reader:
        take_all(replica, 2 * len(TICKERS))
        assert [(found.ticker, found.annual_return) for found in reader.all()] == [("OTHER", 2.0 * len(TICKERS) - 1)]


def test_a_topic_that_is_made_anew_while_it_runs_is_noticed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("state.replica._LOOK_SECONDS", 0.0)
    name = topic_name(settings, FORECASTS)
    send(settings, [(ticker, row(ticker)) for ticker in TICKERS])
    stop = threading.Event()
    with ForecastReplica(settings) as replica, ForecastReader(settings.state_dir, refresh_seconds=0.01) as reader:
        thread = threading.Thread(target=replica.run, args=(stop,))
        take_all(replica, len(TICKERS))
        with KafkaAdminClient(**client_options(settings)) as admin:
            admin.delete_topics([name])
            until(lambda: name not in admin.list_topics())
        ensure_topics(settings)
        send(settings, [("OTHER", row("OTHER", number)) for number in range(2 * len(TICKERS))])
        thread.start()
        try:
            until(lambda: [found.annual_return for found in reader.all()] == [2.0 * len(TICKERS) - 1])
        finally:
            stop.set()
            thread.join(PATIENCE_SECONDS)


def stamps(settings: Settings) -> dict[str, Revision]:
    with Database.open_writer(settings.state_dir / FORECASTS_FOLDER) as database:
        return {key.decode(): unstamp(value).revision for key, value in database.scan()}


def claim_record(writer: str) -> tuple[str, bytes]:
    return CLAIM_PREFIX.decode() + writer, b"{}"


def test_records_of_a_worker_that_had_lost_the_partition_are_void(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """Offsets count what lies in partition 0; a claim's own number is that of the claim which it follows."""
    send(settings, [("OLD", row("OLD", 1)), ("AAA", row("AAA", 1))], partition=0)  # 0, 1: of a version without claims
    send(settings, [claim_record("one")], Claim(0, 0, 0, 0), partition=0)  # 2
    send(settings, [("AAA", row("AAA", 2)), ("BBB", row("BBB", 2))], Claim(0, 3, 0, 0), partition=0)  # 3, 4
    send(settings, [claim_record("two")], Claim(0, 3, 0, 0), partition=0)  # 5
    send(settings, [("AAA", row("AAA", 3))], Claim(0, 6, 0, 0), partition=0)  # 6
    with ForecastReplica(settings) as replica:
        take_all(replica, 7)
    void = [("AAA", row("AAA", 4)), ("BBB", None)]
    send(settings, void, Claim(0, 3, 0, 0), partition=0)  # 7, 8: the first one again
    send(settings, [("OLD", row("OLD", 4))], partition=0)  # 9
    with ForecastReplica(settings) as replica, ForecastReader(settings.state_dir) as reader:
        take_all(replica, 3)
        assert {found.ticker: found.annual_return for found in reader.all()} == {"AAA": 3.0, "BBB": 2.0, "OLD": 1.0}
    assert stamps(settings) == {"AAA": Revision(0, 6), "BBB": Revision(0, 4), "OLD": Revision(0, 0)}
    assert caplog.text.count("void records left out partition=0 count=3 first=7 last=9") == 1


def test_after_a_rebuild_old_rows_serve_until_newer_ones_come(settings: Settings) -> None:
    send(settings, [claim_record("one")], Claim(0, 0, 0, 0), partition=0)  # 0
    send(settings, [(ticker, row(ticker, 1)) for ticker in ("AAA", "BBB")], Claim(0, 1, 0, 0), partition=0)  # 1, 2
    send(settings, [claim_record("one")], Claim(1, 0, 0, 0), partition=0)  # 3
    with ForecastReplica(settings) as replica, ForecastReader(settings.state_dir, refresh_seconds=0) as reader:
        take_all(replica, 4)
        assert [found.annual_return for found in reader.all()] == [1.0, 1.0]
        send(settings, [("AAA", row("AAA", 2))], Claim(1, 4, 0, 0), partition=0)  # 4
        send(settings, [("BBB", row("BBB", 3))], Claim(0, 1, 0, 0), partition=0)  # 5: from before the rebuild
        take_all(replica, 2)
        assert [found.annual_return for found in reader.all()] == [2.0, 1.0]
    assert stamps(settings) == {"AAA": Revision(1, 4), "BBB": Revision(0, 2)}


def test_new_partitions_are_noticed(settings: Settings) -> None:
    send(settings, [(ticker, row(ticker)) for ticker in TICKERS])
    more = settings.model_copy(update={"kafka_partitions": settings.kafka_partitions + 2})
    with ForecastReplica(settings) as replica:
        take_all(replica, len(TICKERS))
        with KafkaAdminClient(**client_options(settings)) as admin:
            admin.create_partitions({topic_name(settings, FORECASTS): more.kafka_partitions})
        until(lambda: existing_topic(settings, FORECASTS).partitions == more.kafka_partitions)
        send(settings, [(ticker, row(ticker, 1)) for ticker in TICKERS])
        log = written(more)
        assert log[settings.kafka_partitions], "a ticker has moved to a new partition"
        take_all(replica, len(TICKERS))
    rows, offsets = copied(settings)
    assert offsets == [len(log[partition]) for partition in range(more.kafka_partitions)]
    assert rows == {ticker.encode(): row(ticker, 1) for ticker in TICKERS}


def test_killed_again_and_again_it_is_some_moment_of_the_topic(cluster: Cluster, settings: Settings) -> None:
    moments = []
    for attempt in range(5):
        with running(cluster, settings) as process:
            records: list[tuple[str, bytes | None]] = []
            for number in range(40):
                records += [(ticker, None if number % 7 == 6 else row(ticker, 100 * attempt + number)) for ticker in TICKERS]
            before = sum(moments[-1]) if moments else 0
            send(settings, records)
            with ForecastReader(settings.state_dir, refresh_seconds=0.01) as reader:
                # Into the midst of it: once anything of this attempt has come.
                until(lambda attempt=attempt: any(found.annual_return >= 100 * attempt for found in rows_of(reader)))
            process.send_signal(signal.SIGKILL)
            process.wait()
        rows, offsets = copied(settings)
        assert rows == up_to(written(settings), offsets)
        assert sum(offsets) > before
        moments.append(offsets)
    with running(cluster, settings) as process:
        log = written(settings)
        last = up_to(log, [len(log[partition]) for partition in sorted(log)])
        with ForecastReader(settings.state_dir) as reader:
            until(lambda: {encode_forecast(found) for found in reader.all()} == set(last.values()))
        process.terminate()
        assert process.wait(timeout=PATIENCE_SECONDS) == 0
    rows, offsets = copied(settings)
    assert rows == last
    assert sum(offsets) == 5 * 40 * len(TICKERS)


def test_the_optimizer_serves_from_a_replica_what_it_serves_beside_a_worker(cluster: Cluster, settings: Settings) -> None:
    bars = made_bars(6, 300)
    expected, _ = cluster.embedded(bars)
    worker = cluster.start()
    cluster.publish(bars)
    with running(cluster, settings), ForecastReader(settings.state_dir) as replica:
        cluster.await_rows(expected)  # and now nothing changes any more
        until(lambda: rows_to_json(rows_of(replica)) == rows_to_json(expected))
        with Service(settings.state_dir) as there, Service(cluster.state) as here:
            answers = [service.get("/api/forecasts").json for service in (there, here)]
    assert answers[0] == answers[1]
    assert len(answers[0]["forecasts"]) == 6
    assert worker.stop() == 0


@pytest.mark.parametrize("pattern", ["CURRENT", "MANIFEST-*", "*.sst"])
def test_a_damaged_copy_is_made_anew_from_the_topic(cluster: Cluster, settings: Settings, pattern: str) -> None:
    """More kinds of damage in tests/state/test_replica_store.py, without a broker."""
    send(settings, [(ticker, row(ticker)) for ticker in TICKERS])
    with ForecastReplica(settings) as replica:
        take_all(replica, len(TICKERS))
    for file in (settings.state_dir / FORECASTS_FOLDER).glob(pattern):
        os.truncate(file, 0)
    with ForecastReader(settings.state_dir) as reader, running(cluster, settings) as process:
        until(lambda: is_whole(reader))
        process.terminate()
        assert process.wait(timeout=PATIENCE_SECONDS) == 0
    assert repairs(cluster) == 1
    assert copied(settings)[0] == {ticker.encode(): row(ticker) for ticker in TICKERS}


def is_whole(reader: ForecastReader) -> bool:
    try:
        return [found.ticker for found in rows_of(reader)] == TICKERS
    except StateCorruptError:
        return False


def repairs(cluster: Cluster) -> int:
    return log_of(cluster).read_text().count("damaged copy removed, the topic is copied again")


def test_a_copy_that_is_removed_while_it_is_written_is_made_anew(cluster: Cluster, settings: Settings) -> None:
    send(settings, [(ticker, row(ticker)) for ticker in TICKERS])
    with ForecastReader(settings.state_dir, refresh_seconds=0) as reader, running(cluster, settings) as process:
        for number in range(3):
            until(lambda: is_whole(reader))
            shutil.rmtree(settings.state_dir / FORECASTS_FOLDER)
            until(lambda number=number: repairs(cluster) == number + 1)
        until(lambda: is_whole(reader))
        assert process.poll() is None


def test_a_broker_that_is_away_is_waited_for_at_the_start_and_later(tmp_path: Path) -> None:
    with (
        local_broker(load_settings()) as (bootstrap, broker),
        Cluster(bootstrap=bootstrap, folder=tmp_path, prefix="t-") as cluster,
    ):
        if broker is None:
            pytest.skip("the broker is not ours to kill")
        settings = cluster.settings().model_copy(update={"state_dir": tmp_path / "replica"})
        ensure_topics(settings)
        send(settings, [(ticker, row(ticker)) for ticker in TICKERS])
        broker.kill()
        with ForecastReader(settings.state_dir) as reader, running(cluster, settings) as process:
            for number in range(2):
                until(lambda number=number: log_of(cluster).read_text().count("Kafka is away, waiting for it") > number)
                assert process.poll() is None
                broker.start()
                send(settings, [("T00", row("T00", number))])
                until(lambda number=number: is_whole(reader) and rows_of(reader)[0].annual_return == number)
                if number == 0:
                    broker.kill()
            process.terminate()
            assert process.wait(timeout=PATIENCE_SECONDS) == 0


def test_without_a_topic_it_says_who_makes_it(cluster: Cluster, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "state", "replica", "--state", str(tmp_path / "replica")]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | cluster.values, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("time=")]
    assert line.startswith("error: ")
    assert "there is no topic" in line
    assert "a worker makes it" in line
