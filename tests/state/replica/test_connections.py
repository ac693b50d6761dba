"""A replica whose connection fails at any moment goes on from what its copies say, as Kafka's client demands."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from errors import BrokerAwayError, StateLockedError
from records import encode_forecast
from settings import Settings
from state.partition_copy import Record
from state.replica.following import Replica
from state.replica.tables import Place
from state.replica.watch import noted_page, page_of
from tests.made.changelogs import put_history
from tests.made.histories import history
from tests.made.rows import forecast
from tests.made.traded import CHOSEN
from tests.state.replica.topics import Topics, follow_all
from tests.waiting import until


class Failing(Topics):
    """Topics that fail at the `failing`th question for bounds, and at polls while a partition has no place, as Kafka's do."""

    def __init__(self, settings: Settings, failing: int) -> None:
        super().__init__(settings)
        self.asked = 0
        self._failing = failing
        self._without_place: set[Place] = set()

    def bounds(self, places: Iterable[Place]) -> dict[Place, tuple[int, int]]:
        self.asked += 1
        if self.asked == self._failing:
            raise BrokerAwayError("no answer")
        return super().bounds(places)

    def assign(self, places: Iterable[Place]) -> None:
        wanted = set(places)
        self._without_place |= wanted - self._offsets.keys()
        super().assign(wanted)

    def seek(self, place: Place, offset: int) -> None:
        self._without_place.discard(place)
        super().seek(place, offset)

    def connect(self) -> None:
        self._without_place.clear()
        super().connect()

    def poll(self) -> dict[Place, list[Record]]:
        if self._without_place:
            raise BrokerAwayError("partitions without a place")
        return super().poll()


@pytest.mark.parametrize("failing", [1, 2])
def test_a_failure_between_connection_and_first_poll_is_no_dead_end(tmp_path: Path, failing: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker:
        address = f"127.0.0.1:{broker.getsockname()[1]}"
        _follow(CHOSEN.model_copy(update={"state_dir": tmp_path / "state", "kafka_bootstrap": address}), failing)


def _follow(settings: Settings, failing: int) -> None:
    topics = Failing(settings, failing)
    for _, logs in topics.topics.values():
        for log in logs:
            log.claim()
    topics.log("forecasts").put(b"AAA", encode_forecast(forecast("AAA")))
    before = Topics(settings, ["forecasts"])
    before.topics["forecasts"] = topics.topics["forecasts"]
    with Replica(settings, before) as replica:
        follow_all(replica)
    # All forecasts are there: the first step after the connection has nothing to read, and begins with the bars.
    put_history(topics.log("history"), history("AAA", 600))
    stop = threading.Event()
    with Replica(settings, topics) as replica:
        thread = threading.Thread(target=replica.run, args=(stop,))
        thread.start()
        try:
            wanted = Place("history", 0)
            until(lambda: wanted in {place for place, _ in list(topics.polls)}, lambda: f"{topics.polls}, asked {topics.asked}")
        finally:
            stop.set()
            thread.join()
    assert topics.asked >= failing


def test_the_page_of_a_running_replica_keeps_its_port(tmp_path: Path) -> None:
    with noted_page(tmp_path, 1111):
        with noted_page(tmp_path, 2222):
            assert page_of(tmp_path) == 1111
        assert page_of(tmp_path) == 1111
    assert page_of(tmp_path) is None


def test_a_second_replica_without_bars_removes_nothing_of_the_first(tmp_path: Path) -> None:
    settings = CHOSEN.model_copy(update={"state_dir": tmp_path / "state"})
    topics = Topics(settings)
    with Replica(settings, topics) as replica:
        follow_all(replica)
    left = set((settings.state_dir / "replica" / "tables").iterdir())
    with Replica(settings, Topics(settings, ["forecasts"])) as first:
        first.step()
        alone = settings.model_copy(update={"replica_bars": False})
        with Replica(alone, Topics(alone)) as second, pytest.raises(StateLockedError):
            second.step()
        assert set((settings.state_dir / "replica" / "tables").iterdir()) == left
