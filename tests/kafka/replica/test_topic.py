"""A replica's copy is always a complete moment of its topic."""

from __future__ import annotations

import threading

import pytest
from kafka import KafkaAdminClient

from broker.client import client_options
from broker.topics import FORECASTS, existing_topic, topic_name
from settings import Settings
from state.export import rows_to_json
from state.readers import ForecastReader
from state.replica.following import Replica
from state.stamp import Revision
from tests.kafka.replica.made import (
    TICKERS,
    copied,
    create_again,
    row,
    send,
    send_log,
    stamps,
    take_all,
    up_to,
    written,
)
from tests.made.changelogs import Changelog
from tests.made.rows import forecast
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_rows_tombstones_and_what_is_none_of_both(settings: Settings) -> None:
    send(settings, [(ticker, row(ticker)) for ticker in TICKERS])
    with Replica(settings) as replica, ForecastReader(settings.state_dir, refresh_seconds=0) as reader:
        take_all(replica, len(TICKERS))
        assert rows_to_json(reader.all()) == rows_to_json([forecast(ticker, annual_return=0.0) for ticker in TICKERS])
        send(settings, [("T00", None), ("T01", row("T01", 1)), ("T02", b"not a row"), ("", row("T03", 1)), ("\0x", row("T04"))])
        take_all(replica, 5)
        assert reader.get("T00") is None
        assert [(found.ticker, found.annual_return) for found in reader.all()[:2]] == [("T01", 1.0), ("T03", 0.0)]
        assert len(reader.all()) == len(TICKERS) - 2
        assert set(reader.unreadable()) == {"", "T02"}, "not the one that is the workers' bookkeeping"
    with Replica(settings) as replica:
        assert [replica.step() for _ in range(5)] == [0] * 5, "what was taken, and what was left out, does not come again"


def test_a_topic_that_was_made_anew_is_copied_from_its_beginning(settings: Settings) -> None:
    send(settings, [(ticker, row(ticker)) for ticker in TICKERS])
    with Replica(settings) as replica:
        take_all(replica, len(TICKERS))
    create_again(settings)
    with Replica(settings) as replica, ForecastReader(settings.state_dir) as reader:
        take_all(replica, 2 * len(TICKERS))
        assert [(found.ticker, found.annual_return) for found in reader.all()] == [("OTHER", 2.0 * len(TICKERS) - 1)]


def test_a_topic_that_is_made_anew_while_it_runs_is_noticed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("state.replica.following._LOOK_SECONDS", 0.0)
    send(settings, [(ticker, row(ticker)) for ticker in TICKERS])
    stop = threading.Event()
    with Replica(settings) as replica, ForecastReader(settings.state_dir, refresh_seconds=0.01) as reader:
        thread = threading.Thread(target=replica.run, args=(stop,))
        take_all(replica, len(TICKERS))
        create_again(settings)
        thread.start()
        try:
            until(lambda: [found.annual_return for found in reader.all()] == [2.0 * len(TICKERS) - 1])
        finally:
            stop.set()
            thread.join(PATIENCE_SECONDS)


def test_records_of_a_worker_that_had_lost_the_partition_are_void(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """The comments give offsets. More in tests/state/replica/test_following.py, without a broker."""
    log = Changelog()
    log.claim(b"one")  # 0
    for ticker in ("AAA", "BBB"):
        log.put(ticker.encode(), row(ticker, 2))  # 1, 2
    log.claim(b"two")  # 3
    log.put(b"AAA", row("AAA", 3))  # 4
    log.put_void(b"AAA", row("AAA", 4))  # 5
    log.put_void(b"BBB", None)  # 6
    send_log(settings, log)
    with Replica(settings) as replica, ForecastReader(settings.state_dir) as reader:
        take_all(replica, 7)
        replica.compare()
        assert not replica.watch.figures().reasons
        assert {found.ticker: found.annual_return for found in reader.all()} == {"AAA": 3.0, "BBB": 2.0}
    assert stamps(settings) == {"AAA": Revision(0, 4), "BBB": Revision(0, 2)}
    assert caplog.text.count("void records left out table=forecasts partition=0 count=2 offset=6") == 1


def test_new_partitions_are_noticed(settings: Settings) -> None:
    send(settings, [(ticker, row(ticker)) for ticker in TICKERS])
    more = settings.model_copy(update={"kafka_partitions": settings.kafka_partitions + 2})
    with Replica(settings) as replica:
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
    assert rows == up_to(log, offsets)
