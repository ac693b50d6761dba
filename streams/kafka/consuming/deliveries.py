"""Every message of the streams on its way from the broker to an agent, so that none is lost and none is waited for in vain.

Between the fetch and the agent lie Faust's queues. They are cleared when partitions are dealt anew, an actor that is
cancelled takes its message along, and a hand-over that waits for room is given up. A ledger for each partition knows what has
arrived; what was lost is fetched again within a second or two, while later messages flow as when none does.

Queues keep their order, so a message that was handed over before one that the agent has begun, and was not begun itself, is
lost. So is whatever an idle agent has not begun after a moment. Bars have one queue for all partitions, requests for training
one for each.
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
from streams.kafka.consuming.offset_ledger import Ledger

logger = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.25
#: From a queue to its agent a message takes milliseconds, where the agent is idle.
_IDLE_SECONDS: Final = 0.75
#: Between two moves to the same place: an answer takes milliseconds, and a move discards the one that is under way.
_REFETCH_SECONDS: Final = 1.0


class Fetched(NamedTuple):
    """What the broker answered for a partition: the records from position `begin` on; the next position is `end`.

    `rewound` says that the position went back without being asked to.
    """

    begin: int
    records: Sequence[Any]
    end: int
    rewound: bool = False


@dataclass(slots=True)
class _Lane:
    """One queue: what was handed over and is not begun, in order; which partitions' messages the agent has."""

    waiting: deque[tuple[TP, int]] = field(default_factory=deque)
    begun: dict[TP, int] = field(default_factory=dict)
    moved_at: float = 0.0


class Deliveries:
    """The ledgers of this epoch. `shared` topics have one queue for all their partitions, others one for each."""

    def __init__(self, membership: Membership, *, shared: Collection[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._membership = membership
        self._shared = shared
        self._clock = clock
        self._ledgers: dict[TP, Ledger] = {}
        self._lanes: dict[Hashable, _Lane] = {}
        self._committed: dict[TP, int] = {}
        self._refetched: dict[TP, float] = {}
        self._ahead: dict[TP, tuple[int, int]] = {}
        self._handing = False
        # By what was begun, the ledger that it was begun under: another one knows nothing of it.
        self._begun: dict[int, Ledger] = {}
        self.epoch = -1
        self.repeated = 0

    def restart(self, starts: Mapping[TP, int], epoch: int) -> None:
        """Partitions are read from these offsets on, in this epoch. What was under way before is nobody's."""
        self._ledgers = {tp: Ledger(offset) for tp, offset in starts.items()}
        self._committed = dict(starts)
        self._lanes = {}
        self._refetched = {}
        self._ahead = {}
        self.epoch = epoch

    def rewind(self, partition: TP, offset: int) -> None:
        """The partition is read again from an earlier offset on, as if nothing of it had been.

        What agents have at this moment is dealt with once more, whatever they say of it.
        """
        self._ledgers[partition] = Ledger(offset)
        self._committed[partition] = -1
        for lane in self._lanes.values():
            lane.waiting = deque(passed for passed in lane.waiting if passed[0] != partition)

    # -- From the broker to the agent -----------------------------------------------------------------------------------

    def fetched(self, answers: Mapping[TP, Fetched]) -> dict[TP, list[Any]]:
        """The records that have to be handed to agents; those of partitions that are not read in this epoch are none."""
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
        """A message is put into its agent's queue."""
        ledger = self._ledgers.get(partition)
        if ledger is not None:
            ledger.handed(offset)
            lane = self._lane(partition)
            if not lane.waiting:
                lane.moved_at = self._clock()
            lane.waiting.append((partition, offset))

    def handed_all(self) -> None:
        """What was fetched is handed over; what was not, because partitions are dealt anew, is fetched again."""
        self._handing = False
        for ledger in self._ledgers.values():
            ledger.lost_on_the_way()

    # -- In the agent ---------------------------------------------------------------------------------------------------

    def begin(self, taken: Sequence[EventT[Any]]) -> None:
        """An agent has taken these messages out of its queue, in the queue's order."""
        for event in taken:
            tp, offset = event.message.tp, event.message.offset
            if not self._is_current(event):
                continue
            lane = self._lane(tp)
            lane.begun[tp] = lane.begun.get(tp, 0) + 1
            lane.moved_at = self._clock()
            waiting, ledger = lane.waiting, self._ledgers[tp]
            # What was handed over before the partition was begun anew counts for nothing, and comes again. So does a message
            # that was given up too early.
            if waiting and (waiting[0] == (tp, offset) or (tp, offset) in waiting):
                self._begun[id(event)] = ledger
                while (passed := waiting.popleft()) != (tp, offset):
                    self._lose(*passed)

    def end(self, taken: Iterable[EventT[Any]], *, done: Iterable[EventT[Any]]) -> None:
        """An agent has put these messages down; those that are `done` it has dealt with, the others have to come again."""
        settled: dict[TP, list[int]] = {}
        for event in done:
            if self._begun.get(id(event)) is self._ledgers.get(event.message.tp, self):
                settled.setdefault(event.message.tp, []).append(event.message.offset)
        for tp, offsets in settled.items():
            self._ledgers[tp].dealt(offsets)
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
        """The offsets to commit, of the partitions whose offset has moved."""
        return {tp: ledger.committable for tp, ledger in self._ledgers.items() if ledger.committable != self._committed[tp]}

    def committed(self, offsets: Mapping[TP, int], epoch: int) -> None:
        """The broker has taken these offsets, asked for in this epoch."""
        if epoch == self.epoch:
            self._committed.update(offsets)

    def position(self, partition: TP) -> int | None:
        """The first offset that is not settled, None where the partition is not read."""
        ledger = self._ledgers.get(partition)
        return None if ledger is None else ledger.committable

    def idle(self) -> dict[TP, int]:
        """Of the partitions in which nothing is left to do, the offset that is to be fetched next."""
        return {tp: ledger.known_to for tp, ledger in self._ledgers.items() if ledger.is_idle}

    def describe(self) -> dict[str, dict[str, int | None]]:
        """For people: where each partition stands."""
        return {f"{tp.topic}-{tp.partition}": ledger.describe() for tp, ledger in sorted(self._ledgers.items())}

    def missing(self, positions: Mapping[TP, int] | None = None) -> dict[TP, int]:
        """Where fetching has to begin again now, by partition; each place is named once a second.

        `positions` are those of the next fetches: one that stays ahead of its ledger has lost the answer in between.
        """
        if self._handing:
            positions = None  # the answers in hand are behind them
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
        """Look for ever; `positions` are those of the next fetches, `refetch` moves them back, in this epoch."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self._membership.is_settled or self.epoch != self._membership.epoch:
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
