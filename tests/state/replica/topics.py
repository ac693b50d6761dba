"""Changelogs without a broker, and a replica that follows them step by step."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from broker.topics import ExistingTopic
from errors import BrokerError
from settings import Settings
from state.partition_copy import Record
from state.readers import HistoryReader
from state.replica.changelogs import Changelogs
from state.replica.following import Replica
from state.replica.tables import FORECASTS, Place
from tests.made.changelogs import Changelog

PARTITIONS = 2


class Topics(Changelogs):
    """Topics by table, each with an id and its partitions. `polls` are the places and counts of all polled records."""

    def __init__(self, settings: Settings, tables: Iterable[str] = ("forecasts", "history", "models")) -> None:
        super().__init__(settings)
        self.topics = {table: (f"{table} 1", [Changelog() for _ in range(PARTITIONS)]) for table in tables}
        self.polls: list[tuple[Place, int]] = []
        self.most = 10**9
        self.leaderless: set[Place] = set()
        self._offsets: dict[Place, int] = {}
        self._is_connected = False

    def log(self, table: str, partition: int = 0) -> Changelog:
        return self.topics[table][1][partition]

    def create_again(self, table: str) -> None:
        """Delete the topic and create it again."""
        name, logs = self.topics[table]
        self.topics[table] = (f"{name}1", [Changelog() for _ in logs])

    @property
    def is_connected(self) -> bool:
        return self._is_connected

    def listens(self) -> bool:
        return True

    def connect(self) -> None:
        self._is_connected, self._offsets = True, {}

    def close(self) -> None:
        self._is_connected = False

    def existing(self) -> dict[str, ExistingTopic]:
        wanted = {FORECASTS, *self.topics} - self.left_out
        if FORECASTS not in self.topics:
            raise BrokerError("there is no topic forecasts")
        return {table: ExistingTopic(name, len(logs)) for table, (name, logs) in self.topics.items() if table in wanted}

    def partitions(self, table: str) -> int:
        return len(self.topics[table][1]) if table in self.topics else 0

    def led(self, places: Collection[Place]) -> set[Place]:
        return set(places) - self.leaderless

    def bounds(self, places: Iterable[Place]) -> dict[Place, tuple[int, int]]:
        assert not self.leaderless & set(places), "a broker would not answer"
        return {place: (0, self.log(*place).end) for place in places}

    def assign(self, places: Iterable[Place]) -> None:
        self._offsets = dict.fromkeys(places, 0)

    def seek(self, place: Place, offset: int) -> None:
        self._offsets[place] = offset

    def poll(self) -> dict[Place, list[Record]]:
        found: dict[Place, list[Record]] = {}
        for place, offset in self._offsets.items():
            records = [record for record in self.log(*place).records if record.offset >= offset][: self.most]
            if records:
                found[place] = records
                self._offsets[place] = records[-1].offset + 1
                self.polls.append((place, len(records)))
            else:
                self._offsets[place] = self.log(*place).end
        return found

    def progress(self, places: Iterable[Place]) -> dict[Place, tuple[int, int]]:
        assert not self.leaderless & set(places), "a broker would not answer"
        return {place: (self._offsets[place], self.log(*place).end) for place in places}


def follow_all(replica: Replica) -> None:
    """Steps until there is nothing more to take, and a comparison."""
    idle = 0
    while idle < 3:
        idle = 0 if replica.step() else idle + 1
    replica.compare()


def bars_of(settings: Settings, ticker: str = "AAA") -> int:
    with HistoryReader(settings.state_dir, refresh_seconds=0) as reader:
        found = reader.bars(ticker)
        return 0 if found is None else len(found)
