"""A wrong clock rejects no valid bar: the broker's time of a message decides whether a bar is of the future."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from broker.client import client_options
from broker.topics import BARS, ensure_topics, topic_name
from producers.delivery import Delivery, Message
from records import BarBatch, encode_batch, is_fetched_too_late
from state.readers import HistoryReader
from tests.conftest import ROOT
from tests.kafka.cluster import Cluster
from tests.made.bars import made_bars
from tests.waiting import until

#: A folder whose `sitecustomize` shifts the clock of each Python process that has it on its path.
CLOCK = ROOT / "tests" / "kafka" / "storm" / "clock"


def lately(batches: list[BarBatch]) -> list[BarBatch]:
    """The batches with yesterday as their last day."""
    last = max(batch.date[-1] for batch in batches)
    shift = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1) - dt.date.fromisoformat(last)
    days = {day: str(dt.date.fromisoformat(day) + shift) for batch in batches for day in batch.date}
    return [msgspec.structs.replace(batch, date=[days[day] for day in batch.date]) for batch in batches]


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.parametrize("days", [-1000, -1, 1, 1000])
def test_a_worker_whose_clock_is_wrong_rejects_nothing(cluster: Cluster, tmp_path: Path, days: int) -> None:
    wrong_by = tmp_path / "clock"
    wrong_by.write_text(str(days * 86_400))
    bars = lately(made_bars(2, 300, size=50))
    rows, states = cluster.embedded(bars, today=dt.datetime.now(dt.UTC).date())
    worker = cluster.start(PYTHONPATH=f"{CLOCK}:{ROOT}", STORM_CLOCK=str(wrong_by))
    cluster.publish(bars)
    cluster.await_rows(rows)
    cluster.assert_states(states)
    assert worker.page()["rejected_messages"] == 0
    assert worker.stop() == 0


@pytest.mark.kafka
@pytest.mark.slow
def test_what_a_publisher_with_a_wrong_clock_sent_is_sent_again_later(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """Its batches claim to be fetched three years ahead. They are refused and do not count as published."""
    bars = lately(made_bars(2, 300, size=50))
    today = dt.datetime.now(dt.UTC).date()
    rows, states = cluster.embedded(bars, today=today)
    ahead = [msgspec.structs.replace(batch, as_of=today + dt.timedelta(days=1000)) for batch in bars]
    worker = cluster.start()
    cluster.publish(ahead)
    until(lambda: worker.page().get("rejected_messages") == len(ahead))
    assert cluster.publish(bars, resend=False).bars == 600
    cluster.await_rows(rows)
    with HistoryReader(cluster.state) as histories:
        assert histories.tickers() == sorted(states)
    assert worker.stop() == 0


@pytest.mark.kafka
def test_a_publisher_is_warned_of_its_clock(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    settings = cluster.settings()
    ensure_topics(settings)
    message = Message(topic_name(settings, BARS), b"T000", encode_batch(made_bars(1, 5)[0]))
    with Delivery(settings, clock=lambda: time.time() - 86_400) as delivery:
        delivery.send(message)
        delivery.send(message)
    assert caplog.text.count("bars may have been refused hours=-24.0") == 1


@pytest.mark.kafka
def test_a_topic_of_an_older_version_gets_the_brokers_times(cluster: Cluster) -> None:
    settings = cluster.settings()
    name = topic_name(settings, BARS)
    resource = ConfigResource(ConfigResourceType.TOPIC, name, {"message.timestamp.type": "CreateTime"})
    with KafkaAdminClient(**client_options(settings)) as admin:
        admin.create_topics({name: {"num_partitions": settings.kafka_partitions, "replication_factor": 1}})
        admin.wait_for_topics([name])
        ensure_topics(settings)
        (found,) = admin.describe_configs([resource], config_filter="all").values()
    assert found[name]["message.timestamp.type"]["value"] == "LogAppendTime"


def test_a_batch_may_be_fetched_tomorrow_and_no_later() -> None:
    (made,) = made_bars(1, 5)
    days = {days: is_fetched_too_late(made, made.as_of - dt.timedelta(days=days)) for days in (-3, 0, 1, 2, 1000)}
    assert days == {-3: False, 0: False, 1: False, 2: True, 1000: True}


def test_the_clock_of_these_tests_is_there() -> None:
    assert Path(CLOCK / "sitecustomize.py").is_file()
