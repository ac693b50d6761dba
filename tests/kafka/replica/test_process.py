"""A replica as a process: killed, damaged, without a broker or a topic."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from broker.local.start import local_broker
from broker.topics import ensure_topics
from records import encode_forecast
from settings import Settings, load_settings
from state.export import rows_to_json
from state.readers import ForecastReader
from state.replica.following import Replica
from streams.kafka.worker.status import gather_replica
from tests.conftest import ROOT
from tests.kafka.cluster import Cluster, rows_of
from tests.kafka.replica.made import (
    TICKERS,
    copied,
    copies,
    is_whole,
    log_of,
    repairs,
    row,
    running,
    send,
    take_all,
    up_to,
    written,
)
from tests.made.bars import made_bars
from tests.optimizer.serving import Service
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


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
                # In the middle of the copying: after the first record of this attempt.
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
        cluster.await_rows(expected)  # from now on nothing changes
        until(lambda: rows_to_json(rows_of(replica)) == rows_to_json(expected))
        with Service(settings.state_dir) as there, Service(cluster.state) as here:
            answers = [service.get("/api/forecasts").json for service in (there, here)]
    assert answers[0] == answers[1]
    assert len(answers[0]["forecasts"]) == 6
    assert worker.stop() == 0


@pytest.mark.parametrize("pattern", ["CURRENT", "MANIFEST-*", "*.sst"])
def test_a_damaged_copy_is_made_anew_from_the_topic(cluster: Cluster, settings: Settings, pattern: str) -> None:
    """More kinds of damage in tests/state/replica/test_damage.py, without a broker."""
    send(settings, [(ticker, row(ticker)) for ticker in TICKERS])
    with Replica(settings) as replica:
        take_all(replica, len(TICKERS))
    damaged = [file for path in copies(settings) for file in path.glob(pattern)]
    for file in damaged:
        os.truncate(file, 0)
    with ForecastReader(settings.state_dir) as reader, running(cluster, settings) as process:
        until(lambda: is_whole(reader))
        process.terminate()
        assert process.wait(timeout=PATIENCE_SECONDS) == 0
    assert repairs(cluster) == len({file.parent for file in damaged})
    assert copied(settings)[0] == {ticker.encode(): row(ticker) for ticker in TICKERS}


def test_a_copy_that_is_removed_while_it_is_written_is_made_anew(cluster: Cluster, settings: Settings) -> None:
    send(settings, [(ticker, row(ticker)) for ticker in TICKERS])
    with ForecastReader(settings.state_dir, refresh_seconds=0) as reader, running(cluster, settings) as process:
        for number in range(3):
            until(lambda: is_whole(reader))
            removed = copies(settings)
            for path in removed:
                shutil.rmtree(path)
            until(lambda number=number, removed=removed: repairs(cluster) == (number + 1) * len(removed))
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
    assert "start a worker, which creates it" in line


def test_its_page_says_how_far_it_is(cluster: Cluster, settings: Settings) -> None:
    with running(cluster, settings):
        send(settings, [(ticker, row(ticker)) for ticker in TICKERS])

        def is_level() -> bool:
            line = gather_replica(settings)
            figures = None if line is None else line.figures
            return (
                figures is not None
                and figures.rows == len(TICKERS)
                and len(figures.partitions) == 3 * settings.kafka_partitions
                and not any(each.lag_messages for each in figures.partitions)
            )

        until(is_level, lambda: str(gather_replica(settings)))
    assert gather_replica(settings) is None
