"""A replica follows all tables of the workers, without a broker; the copies are compared as readers see them."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from errors import BrokerError, StateLockedError
from history.pipeline import absorb
from records import encode_forecast
from settings import Settings
from state.earlier_messages import Question
from state.model_reader import ModelReader
from state.readers import ForecastReader, HistoryReader
from state.replica.following import Replica
from state.replica.tables import Place
from streams.earlier.rows import EarlierRows
from tests.made.bars import TODAY, batch
from tests.made.changelogs import put_history, put_models
from tests.made.histories import history
from tests.made.rows import forecast, newer_forecast
from tests.made.traded import BARS, CHOSEN, rows_up_to, state_up_to, training_of, write_run
from tests.state.replica.topics import Topics, bars_of, follow_all


def served(settings: Settings) -> dict[str, float | None]:
    with ForecastReader(settings.state_dir, refresh_seconds=0) as reader:
        return {row.ticker: row.annual_return for row in reader.all()}


def test_rows_of_an_earlier_date_are_those_of_a_run_and_follow_a_correction(
    topics: Topics, settings: Settings, tmp_path: Path
) -> None:
    write_run(tmp_path / "run", {ticker: BARS[ticker] for ticker in ("AAA", "CCC")})
    rows = rows_up_to(None)
    stored = {}
    for number, ticker in enumerate(("AAA", "CCC")):
        state = state_up_to(ticker, BARS[ticker])
        trained = training_of(state)
        assert trained is not None
        topics.log("forecasts", number).put(ticker.encode(), encode_forecast(rows[ticker]))
        stored[ticker] = put_history(topics.log("history", number), state)
        put_models(topics.log("models", number), trained)
    question = Question(BARS["AAA"][-3:-2].last_date, ("AAA", "CCC"))
    with Replica(settings, topics) as replica:
        follow_all(replica)
        with EarlierRows(settings) as copies, EarlierRows(settings.model_copy(update={"state_dir": tmp_path / "run"})) as run:
            before = copies.answer(question)
            assert before.rows == run.answer(question).rows
            assert before.missing == {}
        with HistoryReader(settings.state_dir) as here, HistoryReader(tmp_path / "run") as there:
            assert here.bars_many(["AAA", "CCC"]) == there.bars_many(["AAA", "CCC"])
        with ModelReader(settings.state_dir) as here, ModelReader(tmp_path / "run") as there:
            assert here.get_many(["AAA", "CCC"]) == there.get_many(["AAA", "CCC"])
        bar = BARS["AAA"][-5:-4]
        mended = batch(replace(bar, close=bar.close * 1.001, high=bar.high * 1.01), as_of=TODAY)
        state, _ = absorb(state_up_to("AAA", BARS["AAA"]), mended, today=TODAY, settings=CHOSEN)
        put_history(topics.log("history", 0), state, stored["AAA"])
        follow_all(replica)
        with EarlierRows(settings) as copies:
            after = copies.answer(question)
        with HistoryReader(settings.state_dir) as here:
            assert here.bars("AAA") == state.bars
    assert before.rows is not None
    assert after.rows is not None
    assert [one == other for one, other in zip(before.rows, after.rows, strict=True)] == [False, True]


def test_forecasts_are_there_before_the_first_bar_is_read(topics: Topics, settings: Settings) -> None:
    topics.most = 3
    for number in range(10):
        topics.log("forecasts", 1).put(b"AAA", encode_forecast(forecast("AAA", annual_return=float(number))))
    put_history(topics.log("history", 1), history("AAA", 600))
    with Replica(settings, topics) as replica:
        follow_all(replica)
    tables = [place.table for place, _ in topics.polls]
    assert tables.index("history") > len(tables) - 1 - tables[::-1].index("forecasts")
    assert served(settings) == {"AAA": 9.0}
    assert bars_of(settings) == 600


def test_without_bars_it_keeps_forecasts_alone(topics: Topics, settings: Settings) -> None:
    topics.log("forecasts").put(b"AAA", encode_forecast(forecast("AAA")))
    put_history(topics.log("history"), history("AAA", 600))
    with Replica(settings, topics) as replica:
        follow_all(replica)
    assert bars_of(settings) == 600
    alone = settings.model_copy(update={"replica_bars": False})
    fewer = Topics(alone)
    fewer.topics = topics.topics
    with Replica(alone, fewer) as replica:
        follow_all(replica)
    assert {path.name.partition("-")[0] for path in settings.state_dir.glob("replica/tables/*")} == {"forecasts"}
    assert served(settings) == {"AAA": 0.08}


def test_it_goes_on_where_it_was_killed_and_reads_nothing_twice(
    topics: Topics, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """In the midst of a compacted log the number of values is not yet the log's."""
    log = topics.log("history")
    put_history(log, history("AAA", 600))
    put_history(log, history("AAA", 601))
    log.compact()
    topics.most = 1
    with Replica(settings, topics) as replica:
        while not any(place.table == "history" for place, _ in topics.polls):
            replica.step()
        replica.step()
    topics.close()
    with Replica(settings, topics) as replica:
        follow_all(replica)
    assert bars_of(settings) == 601
    places = [place for place, _ in topics.polls]
    assert places.count(Place("history", 0)) == len(log.records)
    assert "copy dropped" not in caplog.text


def test_records_of_a_worker_that_had_lost_the_partition_are_void(
    topics: Topics, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    log = topics.log("forecasts")
    log.put(b"AAA", encode_forecast(forecast("AAA", annual_return=1.0)))
    log.claim(b"two")
    log.put(b"BBB", encode_forecast(forecast("BBB", annual_return=2.0)))
    log.put_void(b"AAA", encode_forecast(forecast("AAA", annual_return=3.0)))
    log.put_void(b"BBB", None)
    with Replica(settings, topics) as replica:
        follow_all(replica)
        assert replica.watch.figures().void == 2
    assert served(settings) == {"AAA": 1.0, "BBB": 2.0}
    assert "void records left out table=forecasts partition=0 count=2 offset=5" in caplog.text


def test_after_a_rebuild_old_forecasts_stay_and_bars_begin_anew(topics: Topics, settings: Settings) -> None:
    log = topics.log("forecasts")
    for ticker in ("AAA", "BBB"):
        log.put(ticker.encode(), encode_forecast(forecast(ticker, annual_return=1.0)))
    put_history(topics.log("history"), history("AAA", 600))
    with Replica(settings, topics) as replica:
        follow_all(replica)
        topics.create_again("history")
        topics.create_again("models")
        replica.look()
        for _, logs in topics.topics.values():
            logs[0].claim(b"new", incarnation=1)
        follow_all(replica)
        assert served(settings) == {"AAA": 1.0, "BBB": 1.0}
        assert replica.watch.figures().rows == 2, "these rows still serve"
        assert bars_of(settings) == 0
        log.put(b"AAA", encode_forecast(forecast("AAA", annual_return=2.0)))
        put_history(topics.log("history"), history("AAA", 100))
        follow_all(replica)
        assert not replica.watch.figures().reasons
        assert replica.watch.figures().rows == 2
    assert served(settings) == {"AAA": 2.0, "BBB": 1.0}
    assert bars_of(settings) == 100


def test_a_rebuilt_table_whose_first_claim_was_compacted_away_has_nothing_from_before(
    topics: Topics, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    log = topics.log("models")
    log.put(b"GONE", b"an old value")
    log.claim(b"one", incarnation=1)
    log.put(b"AAA", b"a value")
    log.claim(b"one")
    log.put(b"BBB", b"a value")
    log.compact()
    with Replica(settings, topics) as replica:
        follow_all(replica)
        assert replica.watch.figures().values["models"] == 2
    assert "copy dropped" not in caplog.text


def test_a_changelog_that_lacks_a_value_is_read_again_and_reported_until_it_is_whole(
    topics: Topics, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    log = topics.log("models")
    for number in range(3):
        log.put(b"T%d" % number, b"a value")
    lost = log.records.pop(1)
    with Replica(settings, topics) as replica:
        follow_all(replica)
        assert caplog.text.count("copy dropped, read again from its changelog table=models partition=0") == 1
        follow_all(replica)
        replica.compare()
        assert caplog.text.count("copy dropped") == 1
        assert caplog.text.count("changelog incomplete") == 1
        assert [reason.code for reason in replica.watch.figures().reasons] == ["incomplete"]
        log.put(lost.key, lost.value)
        follow_all(replica)
        assert not replica.watch.figures().reasons


@pytest.mark.parametrize("table", ["forecasts", "history"])
def test_a_topic_that_is_made_anew_is_noticed(topics: Topics, settings: Settings, table: str) -> None:
    topics.log("forecasts").put(b"AAA", encode_forecast(forecast("AAA")))
    put_history(topics.log("history"), history("AAA", 600))
    with Replica(settings, topics) as replica:
        follow_all(replica)
        replica.look()
        assert topics.is_connected
        topics.create_again(table)
        replica.look()
        assert not topics.is_connected
        follow_all(replica)
        assert (served(settings) == {}, bars_of(settings) == 0) == (table == "forecasts", table == "history")


def test_a_log_that_ends_before_the_copy_is_read_from_its_beginning(
    topics: Topics, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    log = topics.log("forecasts")
    for number in range(5):
        log.put(b"AAA", encode_forecast(forecast("AAA", annual_return=float(number))))
    with Replica(settings, topics) as replica:
        follow_all(replica)
    del log.records[3:]
    log.end = 3
    topics.close()
    with Replica(settings, topics) as replica:
        follow_all(replica)
    assert served(settings) == {"AAA": 1.0}
    assert "has lost messages, or was made anew" in caplog.text


def test_new_partitions_are_followed(topics: Topics, settings: Settings) -> None:
    with Replica(settings, topics) as replica:
        follow_all(replica)
        logs = topics.topics["forecasts"][1]
        logs.append(type(logs[0])())
        logs[-1].put(b"NEW", encode_forecast(forecast("NEW")))
        follow_all(replica)
    assert served(settings) == {"NEW": 0.08}


def test_bars_come_when_their_changelog_does(topics: Topics, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    found = topics.topics.pop("history")
    topics.log("forecasts").put(b"AAA", encode_forecast(forecast("AAA")))
    with Replica(settings, topics) as replica:
        follow_all(replica)
        assert served(settings) == {"AAA": 0.08}
        topics.topics["history"] = found
        put_history(topics.log("history"), history("AAA", 600))
        replica.look()
        follow_all(replica)
    assert bars_of(settings) == 600


def test_without_the_topic_of_forecasts_it_ends(topics: Topics, settings: Settings) -> None:
    del topics.topics["forecasts"]
    with Replica(settings, topics) as replica, pytest.raises(BrokerError, match="no topic"):
        replica.step()


def test_a_folder_has_one_replica(topics: Topics, settings: Settings) -> None:
    with Replica(settings, topics) as replica:
        follow_all(replica)
        other = Topics(settings)
        with Replica(settings, other) as second, pytest.raises(StateLockedError):
            second.step()


def test_a_row_of_a_newer_version_is_left_out_by_readers(
    topics: Topics, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    log = topics.log("forecasts")
    log.put(b"AAA", newer_forecast("AAA"))
    log.put(b"BBB", b"no row")
    log.put(b"\xff", encode_forecast(forecast("CCC")))
    log.put(b"DDD", encode_forecast(forecast("DDD")))
    with caplog.at_level(logging.WARNING), Replica(settings, topics) as replica:
        follow_all(replica)
    with ForecastReader(settings.state_dir) as reader:
        assert [row.ticker for row in reader.all()] == ["DDD"]
        assert list(reader.unreadable()) == ["AAA", "BBB", "\ufffd"]
