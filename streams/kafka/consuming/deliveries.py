"""Every message between the broker and an agent: lost messages are found and fetched again.

Faust's queues lie between the fetch and the agent. A rebalance clears them, a cancelled actor loses its message, and a
hand-over that waits for room may be given up. A ledger for each partition knows which messages have arrived. Lost messages are
fetched again within two seconds, whether or not later messages arrive.

Queues keep their order. So a message is lost if the agent has begun a later message of the same queue. It is also lost if the
agent is idle and has not begun the message after a moment. Bars have one queue for all partitions, training requests one queue
for each.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from faust.types import TP, EventT

from streams.kafka.consuming.membership import Membership
from streams.kafka.consuming.offset_ledger import OffsetLedger

logger = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.25
#: An idle agent takes a message from its queue within milliseconds.
_IDLE_SECONDS: Final = 0.75
#: The least time between two seeks to the same offset: a seek discards the answer that is on its way.
_REFETCH_SECONDS: Final = 1.0


class Fetched(NamedTuple):
    """An answer of the broker for a partition: the records from position `begin`; the next position is `end`.

    `rewound`: the position went back without a seek.
    """

    begin: int
    records: Sequence[Any]
    end: int
    rewound: bool = False


@dataclass(slots=True)
class _Lane:
    """One queue: the messages that wait in it, in order, and how many messages of each partition the agent has begun."""

    waiting: deque[tuple[TP, int]] = field(default_factory=deque)
    begun: dict[TP, int] = field(default_factory=dict)
    moved_at: float = 0.0


class Deliveries:
    """The ledgers of this epoch. A topic in `shared` has one queue for all its partitions, any other topic one for each."""

    def __init__(self, membership: Membership, *, shared: Collection[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._membership = membership
        self._shared = shared
        self._clock = clock
        self._ledgers: dict[TP, OffsetLedger] = {}
        self._lanes: dict[Hashable, _Lane] = {}
        self._committed: dict[TP, int] = {}
        self._refetched: dict[TP, float] = {}
        self._ahead: dict[TP, tuple[int, int]] = {}
        self._handing = False
        # By the id of an event that was begun: its partition's ledger at that time. A later ledger does not know the event.
        self._begun: dict[int, OffsetLedger] = {}
        self.epoch = -1
        self.repeated = 0

    def restart(self, starts: Mapping[TP, int], epoch: int) -> None:
        """Partitions are read from these offsets, in this epoch. Messages of earlier epochs are void."""
        self._ledgers = {tp: OffsetLedger(offset) for tp, offset in starts.items()}
        self._committed = dict(starts)
        self._lanes = {}
        self._refetched = {}
        self._ahead = {}
        self.epoch = epoch

    def rewind(self, partition: TP, offset: int) -> None:
        """The partition is read again from an earlier offset, with a new ledger.

        Messages that agents have at this moment are processed again, whatever the agents report.
        """
        self._ledgers[partition] = OffsetLedger(offset)
        self._committed[partition] = -1
        for lane in self._lanes.values():
            lane.waiting = deque(passed for passed in lane.waiting if passed[0] != partition)

    # -- From the broker to the agent -----------------------------------------------------------------------------------

    def fetched(self, answers: Mapping[TP, Fetched]) -> dict[TP, list[Any]]:
        """The records that have to be handed to agents; none of partitions that are not read in this epoch."""
        wanted: dict[TP, list[Any]] = {}
        for tp, answer in answers.items():
            ledger = self._ledgers.get(tp)
            if ledger is None:
                continue
            offsets = [record.offset for record in answer.records]
            chosen = ledger.fetched(answer.begin, offsets, answer.end)
            if len(chosen) == len(offsets):
                records = list(answer.records)
            else:
                keep = set(chosen)
                records = [record for record in answer.records if record.offset in keep]
            if records:
                wanted[tp] = records
        self._handing = bool(wanted)
        return wanted

    def handed(self, partition: TP, offset: int) -> None:
        """A message was put into its agent's queue."""
        ledger = self._ledgers.get(partition)
        if ledger is not None:
            ledger.handed(offset)
            lane = self._lane(partition)
            if not lane.waiting:
                lane.moved_at = self._clock()
            lane.waiting.append((partition, offset))

    def handed_all(self) -> None:
        """The hand-over has ended. Messages that were not handed over, because of a rebalance, are fetched again."""
        self._handing = False
        for ledger in self._ledgers.values():
            ledger.lost_on_the_way()

    # -- In the agent ---------------------------------------------------------------------------------------------------

    def begin(self, taken: Sequence[EventT[Any]]) -> None:
        """An agent took these messages from its queue, in the queue's order."""
        for event in taken:
            tp, offset = event.message.tp, event.message.offset
            if not self._is_current(event):
                continue
            lane = self._lane(tp)
            lane.begun[tp] = lane.begun.get(tp, 0) + 1
            lane.moved_at = self._clock()
            waiting, ledger = lane.waiting, self._ledgers[tp]
            # Not in the queue: handed over before the partition was rewound, or taken for lost too early. It comes again.
            if waiting and (waiting[0] == (tp, offset) or (tp, offset) in waiting):
                self._begun[id(event)] = ledger
                while (passed := waiting.popleft()) != (tp, offset):
                    self._lose(*passed)

    def end(self, taken: Iterable[EventT[Any]], *, done: Iterable[EventT[Any]]) -> None:
        """An agent has finished with these messages: those in `done` are settled, the others have to come again."""
        settled: dict[TP, list[int]] = {}
        for event in done:
            if self._begun.get(id(event)) is self._ledgers.get(event.message.tp, self):
                settled.setdefault(event.message.tp, []).append(event.message.offset)
        for tp, offsets in settled.items():
            self._ledgers[tp].settle(offsets)
        for event in taken:
            ledger = self._begun.pop(id(event), None)
            if not self._is_current(event):
                continue
            tp, offset = event.message.tp, event.message.offset
            lane = self._lane(tp)
            lane.moved_at = self._clock()
            lane.begun[tp] = lane.begun.get(tp, 1) - 1
            if lane.begun[tp] <= 0:
                del lane.begun[tp]
            if ledger is self._ledgers[tp] and ledger.is_out(offset):
                ledger.lost([offset])

    # -- What follows ---------------------------------------------------------------------------------------------------

    def committable(self) -> dict[TP, int]:
        """The offsets to commit, of partitions whose offset has moved."""
        return {tp: ledger.committable for tp, ledger in self._ledgers.items() if ledger.committable != self._committed[tp]}

    def committed(self, offsets: Mapping[TP, int], epoch: int) -> None:
        """The group accepted these offsets, which were committed in this epoch."""
        if epoch == self.epoch:
            self._committed.update(offsets)

    def position(self, partition: TP) -> int | None:
        """The first offset that is not settled, None if the partition is not read."""
        ledger = self._ledgers.get(partition)
        return None if ledger is None else ledger.committable

    def idle(self) -> dict[TP, int]:
        """The next offset to fetch, of each partition in which everything is settled."""
        return {tp: ledger.known_to for tp, ledger in self._ledgers.items() if ledger.is_idle}

    def describe(self) -> dict[str, dict[str, int | None]]:
        """The state of each partition, for the health page."""
        return {f"{tp.topic}-{tp.partition}": ledger.describe() for tp, ledger in sorted(self._ledgers.items())}

    def missing(self, positions: Mapping[TP, int] | None = None) -> dict[TP, int]:
        """The offsets from which partitions have to be fetched again now; each is named once a second.

        `positions` are those of the next fetches. A position that stays ahead of its ledger means that an answer was lost.
        """
        if self._handing:
            positions = None  # the answers that are being handed over lie before them
        ahead = {
            tp: (position, self._ledgers[tp].known_to)
            for tp, position in (positions or {}).items()
            if tp in self._ledgers and position > self._ledgers[tp].known_to
        }
        for tp, seen in ahead.items():
            if self._ahead.get(tp) == seen:
                self._ledgers[tp].passed(seen[0])
        self._ahead = ahead
        now = self._clock()
        for lane in self._lanes.values():
            if lane.waiting and not lane.begun and now - lane.moved_at > _IDLE_SECONDS:
                for passed in lane.waiting:
                    self._lose(*passed)
                lane.waiting.clear()
        found: dict[TP, int] = {}
        for tp, ledger in self._ledgers.items():
            first = ledger.first_missing
            if first is not None and now - self._refetched.get(tp, -_REFETCH_SECONDS) >= _REFETCH_SECONDS:
                self._refetched[tp] = now
                found[tp] = first
        return found

    async def run(self, positions: Callable[[], Mapping[TP, int]], refetch: Callable[[Mapping[TP, int], int], Any]) -> None:
        """Run for ever. `positions` gives the positions of the next fetches, `refetch` moves them back, in this epoch."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self._membership.is_active or self.epoch != self._membership.epoch:
                continue
            missing = self.missing(positions())
            if missing:
                places = ", ".join(f"{tp.topic}-{tp.partition} from {offset}" for tp, offset in missing.items())
                logger.warning("fetched again what was lost on its way places=%s", places)
                self.repeated += len(missing)
                await refetch(missing, self.epoch)

    def _lane(self, partition: TP) -> _Lane:
        key: Hashable = partition.topic if partition.topic in self._shared else partition
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(moved_at=self._clock())
        return lane

    def _lose(self, partition: TP, offset: int) -> None:
        ledger = self._ledgers.get(partition)
        if ledger is not None:
            ledger.lost([offset])

    def _is_current(self, event: EventT[Any]) -> bool:
        return event.message.generation_id == self.epoch and event.message.tp in self._ledgers
