"""Keeps a replica's copies equal to their changelogs: forecasts first, so that they are served soonest, then bars and models.

A copy is the same as a worker's (`state.partition_copy`). Its offset is written with its values, so a replica may be killed at
any time. A copy that fails its proof is read again from the beginning of its changelog. A replica waits while the broker is
away. Other errors are raised.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Final, Self

from broker.patience import once_kafka_answers
from broker.topics import ExistingTopic
from errors import BrokerAwayError, StateCorruptError
from settings import Settings
from state.notices import Notices
from state.partition_copy import Record
from state.replica.changelogs import Changelogs
from state.replica.tables import FORECASTS, Place, ReplicaTables, remove_old_copy
from state.replica.watch import ReplicaWatch

logger = logging.getLogger(__name__)

#: How often to check the topics: to a consumer an idle topic, a recreated topic and an absent broker look the same.
_LOOK_SECONDS: Final = 30.0
#: How often to compare the copies with the ends of the topics.
_COMPARISON_SECONDS: Final = 5.0
#: How often the next copy is inspected as readers see it.
_INSPECTION_SECONDS: Final = 3.0
#: A consumer by itself reconnects up to half a minute after its broker returns.
_PROBE_SECONDS: Final = 5.0


class Replica:
    """Follows the changelogs of the tables into the state folder. A context manager; one writer at a time.

    Raises StateLockedError, StateWriteError, BrokerError, or StateCorruptError if a new copy is damaged at once.
    """

    def __init__(self, settings: Settings, changelogs: Changelogs | None = None) -> None:
        self._settings = settings
        self._changelogs = changelogs or Changelogs(settings)
        self._tables = ReplicaTables(settings.state_dir)
        self.watch = ReplicaWatch(settings.state_dir)
        #: The changelogs at the last connection, and the tables that are followed since.
        self._topics: dict[str, ExistingTopic] = {}
        self._followed: list[str] = []
        #: What is consumed: the partitions of these tables that had a leader.
        self._assigned: set[Place] = set()
        #: Copies that were replaced and have no record yet; copies that lacked values at the end of their changelogs.
        self._replaced: set[Place] = set()
        self._incomplete: set[Place] = set()
        self._has_removed_old_copy = False
        self._notices = Notices(logger)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the consumer and the copies."""
        self._changelogs.close()
        self._tables.close()

    def run(self, stop: threading.Event) -> None:
        """Follow the topics until `stop` is set; wait while the broker is away, with a warning now and then."""
        seconds = _PROBE_SECONDS, _COMPARISON_SECONDS, _INSPECTION_SECONDS, _LOOK_SECONDS
        probe, comparison, inspection, look = map(_Interval, seconds)
        while not stop.is_set():
            try:
                if not self._changelogs.is_connected:
                    # Only the connection is repeated as it is. Any later failure closes it, and the copies say where to go on.
                    once_kafka_answers(self._settings, self._connect, stop=stop)
                elif self.step():
                    probe.begin()
                elif probe.is_over() and not self._changelogs.listens():
                    self._changelogs.close()
                for interval, action in ((comparison, self.compare), (inspection, self.inspect), (look, self.look)):
                    if self._changelogs.is_connected and interval.is_over():
                        action()
            except BrokerAwayError as error:
                logger.warning("Kafka is away, the copies stay unchanged reason=%s", error)
                self._changelogs.close()

    def step(self) -> int:
        """Take new records, waiting a moment for them. Returns their number. A damaged copy is replaced."""
        if not self._changelogs.is_connected:
            self._connect()
        self._follow_new_partitions()
        found = self._changelogs.poll()
        for place, records in found.items():
            self._take(place, records)
        if not found and self._changelogs.is_connected and len(self._followed) < len(self._topics):
            self.compare()
        return sum(map(len, found.values()))

    def compare(self) -> None:
        """Compare the copies with the ends of their changelogs, and prove each copy that is at its end.

        When all forecasts are there, the other tables are followed too. Partitions without a leader are left out until they
        have a leader.
        """
        led = self._changelogs.led(self._places())
        if led - self._assigned:
            self._follow([])  # a leader is back
        leaderless = set(self._places()) - led
        self._note_leaderless(leaderless)
        offsets = self._changelogs.progress(sorted(led)) if led else None
        if offsets is None:
            return
        self.watch.note_offsets(offsets, values=self._tables.values())
        behind = {place for place, (done, end) in offsets.items() if done < end}
        self._prove(offsets.keys() - behind)
        if any(place.table == FORECASTS for place in behind | self._replaced):
            return
        if not self._has_removed_old_copy and not any(place.table == FORECASTS for place in leaderless):
            remove_old_copy(self._settings.state_dir)
            self._has_removed_old_copy = True
        if len(self._followed) < len(self._topics):
            self._follow([table for table in self._topics if table not in self._followed])

    def inspect(self) -> None:
        """Replace copies that readers see damaged; looks at the next copies in turn."""
        for place, problem in self._tables.damaged().items():
            if place.table in self._followed:
                self._replace(place, problem)

    def look(self) -> None:
        """Disconnect if a topic was recreated: a consumer would continue in another topic of the same name."""
        if not self._changelogs.listens():
            self._changelogs.close()  # a client would need a quarter of a minute to notice
        elif _ids(self._changelogs.existing()) != _ids(self._topics):
            self._changelogs.close()

    def _connect(self) -> None:
        topics = self._changelogs.existing()
        self._topics, self._followed, self._assigned = topics, [], set()
        self._changelogs.connect()
        try:
            self._follow([FORECASTS])
            # Only now is it certain that no other replica has the folder.
            for table in self._changelogs.left_out:
                self._tables.remove(table)
        except BaseException:
            self._changelogs.close()
            raise

    def _follow_new_partitions(self) -> None:
        for table in self._followed:
            known, partitions = self._topics[table], self._changelogs.partitions(table)
            if partitions > known.partitions:
                self._topics[table] = ExistingTopic(known.id, partitions)
                self._follow([table])

    def _follow(self, tables: Iterable[str]) -> None:
        """Follow all partitions of these tables too that have a leader, each from its copy's offset."""
        for table in tables:
            topic = self._topics[table]
            self._tables.open(table, topic.id, topic.partitions)
            if table not in self._followed:
                self._followed.append(table)
        self._assigned = self._changelogs.led(self._places())
        self._changelogs.assign(sorted(self._assigned))
        bounds = self._changelogs.bounds(sorted(self._assigned))
        for place, (begin, end) in bounds.items():
            offset = self._tables[place].next_offset
            # Compaction does not move the beginning. Messages before it were deleted, perhaps with tombstones.
            if offset and not begin <= offset <= end:
                self.watch.note_copy()
                self._tables.replace(place, "its changelog has lost messages, or was made anew")
            self._changelogs.seek(place, self._tables[place].next_offset or begin)

    def _take(self, place: Place, records: Sequence[Record]) -> None:
        try:
            void = self._tables.apply(place, records)
        except StateCorruptError as error:
            if place in self._replaced:
                raise
            void, damage = 0, str(error)
        else:
            damage = ""
        if damage:
            # Outside the block that caught it: an error keeps RocksDB's iterators alive.
            self._replace(place, damage)
            return
        self._replaced.discard(place)
        self.watch.note_records(len(records), values=self._tables.values(), void=void)
        if void:
            logger.warning(
                "void records left out table=%s partition=%d count=%d offset=%d reason=%s",
                *place,
                void,
                records[-1].offset,
                "their worker had lost the partition",
            )

    def _prove(self, places: Iterable[Place]) -> None:
        """Read a copy again if it lacks values of its changelog, which was read to its end."""
        for place in sorted(places):
            if self._tables[place].is_complete:
                self._replaced.discard(place)
                self._incomplete.discard(place)
                self._notices.clear(place)
            elif place not in self._incomplete:
                self._incomplete.add(place)
                self._replace(place, f"its {self._tables[place].keys} values are not those of its changelog")
            else:
                self._notices.warn(
                    place,
                    "changelog incomplete; if it lasts, stop the workers and run `python -m streams rebuild` "
                    "table=%s partition=%d",
                    *place,
                )
        self.watch.note_incomplete(self._incomplete - self._replaced)

    def _note_leaderless(self, places: set[Place]) -> None:
        self.watch.note_leaderless(places)
        for place in self._places():
            if place not in places:
                self._notices.clear(("leader", place))
                continue
            self._notices.warn(
                ("leader", place),
                "no leader, this copy stays unchanged and the others go on: bring back the broker that had the partition "
                "table=%s partition=%d",
                *place,
            )

    def _replace(self, place: Place, reason: str) -> None:
        self._replaced.add(place)
        self.watch.note_copy()
        self._tables.replace(place, reason)
        (bounds,) = self._changelogs.bounds([place]).values()
        self._changelogs.seek(place, bounds[0])

    def _places(self) -> list[Place]:
        return [place for place in self._tables if place.table in self._followed]


def _ids(topics: dict[str, ExistingTopic]) -> dict[str, str]:
    return {table: topic.id for table, topic in topics.items()}


class _Interval:
    """Whether so many seconds have passed since the last time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.begin()

    def begin(self) -> None:
        """Count from now."""
        self._began = time.monotonic()

    def is_over(self) -> bool:
        """Whether the time has passed; a True begins it again."""
        if time.monotonic() - self._began <= self._seconds:
            return False
        self.begin()
        return True
