"""A replica's copy is always a complete moment of its topic."""

from __future__ import annotations

import threading

import pytest
from kafka import KafkaAdminClient

from broker.claims import Claim
from broker.client import client_options
from broker.topics import FORECASTS, existing_topic, topic_name
from settings import Settings
from state.export import rows_to_json
from state.readers import ForecastReader
from state.replica import ForecastReplica
from state.stamp import Revision
from tests.kafka.replica.made import (
    TICKERS,
    claim_record,
    copied,
    create_again,
    row,
    send,
    stamps,
    take_all,
    written,
)
from tests.made.rows import forecast
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


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
    send(settings, [(ticker, row(ticker)) for ticker in TICKERS])
    with ForecastReplica(settings) as replica:
        take_all(replica, len(TICKERS))
    create_again(settings)
    with ForecastReplica(settings) as replica, ForecastReader(settings.state_dir) as reader:
        take_all(replica, 2 * len(TICKERS))
        assert [(found.ticker, found.annual_return) for found in reader.all()] == [("OTHER", 2.0 * len(TICKERS) - 1)]


def test_a_topic_that_is_made_anew_while_it_runs_is_noticed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("state.replica._LOOK_SECONDS", 0.0)
    send(settings, [(ticker, row(ticker)) for ticker in TICKERS])
    stop = threading.Event()
    with ForecastReplica(settings) as replica, ForecastReader(settings.state_dir, refresh_seconds=0.01) as reader:
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
    """The comments give offsets in partition 0. A claim's number is that of the claim before it."""
    send(settings, [("OLD", row("OLD", 1)), ("AAA", row("AAA", 1))], partition=0)  # 0, 1: of a version without claims
    send(settings, [claim_record("one")], Claim(0, 0, 0, 0), partition=0)  # 2
    send(settings, [("AAA", row("AAA", 2)), ("BBB", row("BBB", 2))], Claim(0, 3, 0, 0), partition=0)  # 3, 4
    send(settings, [claim_record("two")], Claim(0, 3, 0, 0), partition=0)  # 5
    send(settings, [("AAA", row("AAA", 3))], Claim(0, 6, 0, 0), partition=0)  # 6
    with ForecastReplica(settings) as replica:
        take_all(replica, 7)
    void = [("AAA", row("AAA", 4)), ("BBB", None)]
    send(settings, void, Claim(0, 3, 0, 0), partition=0)  # 7, 8: under the first claim
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
