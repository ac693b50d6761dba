"""A replica of topics of which a partition has no leader."""

from __future__ import annotations

import pytest

from records import encode_forecast
from settings import Settings
from state.replica.following import Replica
from state.replica.tables import Place
from tests.made.changelogs import put_history
from tests.made.histories import history
from tests.made.rows import forecast
from tests.state.replica.topics import Topics, bars_of, follow_all


def test_a_partition_without_a_leader_is_named_and_the_others_are_followed_and_compared(
    topics: Topics, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    gone = Place("history", 1)
    topics.leaderless = {gone}
    put_history(topics.log("history", 1), history("BBB", 300))
    topics.log("forecasts").put(b"AAA", encode_forecast(forecast("AAA", annual_return=1.0)))
    with Replica(settings, topics) as replica:
        follow_all(replica)
        for number in range(3):
            topics.log("models").put(b"T%d" % number, b"a value")
        topics.log("models").records.pop(1)
        put_history(topics.log("history", 0), history("AAA", 600))
        follow_all(replica)
        assert bars_of(settings) == 600
        assert bars_of(settings, "BBB") == 0
        follow_all(replica)
        replica.compare()
        assert [reason.code for reason in replica.watch.figures().reasons] == ["incomplete"], "models are compared"
        replica.compare()
        assert caplog.text.count("no leader, this copy stays unchanged and the others go on") == 1
        assert "table=history partition=1" in caplog.text
        topics.leaderless = set()
        replica.compare()
        follow_all(replica)
        assert bars_of(settings, "BBB") == 300
        assert gone in {Place(each.table, each.partition) for each in replica.watch.figures().partitions}


def test_forecasts_without_a_leader_hold_up_nothing(topics: Topics, settings: Settings) -> None:
    topics.leaderless = {Place("forecasts", 0)}
    put_history(topics.log("history"), history("AAA", 600))
    with Replica(settings, topics) as replica:
        follow_all(replica)
        assert bars_of(settings) == 600
