"""A wrong clock rejects nothing good: whether a bar is of the future is said by the broker's time of its message."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from broker.client import client_options
from broker.topics import BARS, ensure_topics, topic_name
from producers.published import PublishedBars
from records import BarBatch, not_after
from tests.conftest import ROOT
from tests.kafka.cluster import Cluster, made_bars

#: Shifts the clock of every Python process that finds it on its path.
CLOCK = ROOT / "tests" / "kafka" / "storm" / "clock"
TAKEN = dt.datetime(2026, 3, 2, 14, 5, 6, 789, dt.UTC)


def lately(batches: list[BarBatch]) -> list[BarBatch]:
    """The batches with the last of their days yesterday."""
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
def test_a_publisher_whose_clock_is_ahead_loses_nothing(cluster: Cluster) -> None:
    """Its batches say that they were fetched in three years: they were fetched when the broker took them, at the latest."""
    bars = lately(made_bars(2, 300, size=50))
    ahead = [msgspec.structs.replace(batch, as_of=batch.as_of + dt.timedelta(days=1000)) for batch in bars]
    worker = cluster.start()
    cluster.publish(ahead)
    cluster.await_bars(600)
    assert worker.page()["rejected_messages"] == 0
    corrected = msgspec.structs.replace(
        bars[-1], as_of=dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1), volume=[1.0] * len(bars[-1].date)
    )
    published = PublishedBars.read(cluster.settings())
    assert published.missing(corrected) == list(range(len(corrected.date))), "a later edition is not taken for an older one"
    assert worker.stop() == 0


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


def batch(as_of: dt.date, time: dt.time = dt.time()) -> BarBatch:
    (made,) = made_bars(1, 5)
    return msgspec.structs.replace(made, as_of=as_of, as_of_time=time)


def test_what_was_fetched_in_time_is_left_alone() -> None:
    for day in (dt.date(2020, 1, 1), dt.date(2026, 3, 2), dt.date(2026, 3, 3)):
        assert not_after(batch(day, dt.time(23)), TAKEN) == batch(day, dt.time(23))


def test_what_was_fetched_in_the_future_was_fetched_when_it_was_taken() -> None:
    clamped = not_after(batch(dt.date(2028, 1, 1), dt.time(23)), TAKEN)
    assert (clamped.as_of, clamped.as_of_time) == (dt.date(2026, 3, 2), dt.time(14, 5, 6))
    assert not_after(clamped, TAKEN) == clamped


def test_the_clock_of_these_tests_is_there() -> None:
    assert Path(CLOCK / "sitecustomize.py").is_file()
