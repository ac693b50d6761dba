"""The ledger of one partition of a stream: it alone says what may be committed, and what has to be fetched again.

Every offset that the broker has answered for is in one of these states:

- *coming*: fetched, about to be handed to the agent;
- *out*: handed to the agent, which has not finished with it;
- *settled*: dealt with (written and delivered, or kept as a dead letter), or shown by the broker to hold no message: a fetch
  that
  began at or before it went on behind it (marks of transactions, compaction, retention);
- *missing*: fetched, and lost on the way. It has to be fetched again.

The committed offset is the first that is not settled. Nothing else moves it: neither the highest offset that was seen, nor the
time that has passed. Pure: no clock, no Kafka.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.kafka.consuming.offset_set import OffsetSet


class Ledger:
    """`start` is the offset from which the partition is read: everything before it was settled by whoever had it before."""

    def __init__(self, start: int) -> None:
        self._next = start
        self._known_to = start
        self._settled = OffsetSet()
        self._coming: set[int] = set()
        self._out: set[int] = set()
        self._missing = OffsetSet()

    @property
    def committable(self) -> int:
        """The first offset that is not settled."""
        return self._next

    @property
    def known_to(self) -> int:
        """The first offset for which the broker has not answered yet."""
        return self._known_to

    @property
    def first_missing(self) -> int | None:
        """Where fetching has to begin again, None where nothing is missing."""
        return self._missing.first

    @property
    def is_idle(self) -> bool:
        """Whether everything that was fetched is settled: there is nothing to do but to fetch."""
        return self._next == self._known_to

    def describe(self) -> dict[str, int | None]:
        """For people: where it stands."""
        return {
            "committable": self._next,
            "known_to": self._known_to,
            "coming": len(self._coming),
            "out": len(self._out),
            "missing_from": self._missing.first,
        }

    def fetched(self, begin: int, offsets: Sequence[int], end: int) -> list[int]:
        """The broker answered a fetch at `begin` with messages at these rising offsets, and the next fetch is at `end`.

        Returns those that have to be handed to the agent: the others are out or settled already.
        """
        self.passed(begin)
        begin = max(begin, self._next)
        if len(offsets) != end - begin or (offsets and offsets[0] != begin):
            at = begin
            for offset in (*offsets, end):
                self._settle(at, offset)
                at = max(at, offset + 1)
        self._known_to = max(self._known_to, end)
        if self._settled or self._out or self._coming or (offsets and offsets[0] < self._next):
            wanted = [
                offset
                for offset in offsets
                if offset >= self._next
                and offset not in self._out
                and offset not in self._coming
                and offset not in self._settled
            ]
        else:
            wanted = list(offsets)
        self._coming.update(wanted)
        if self._missing:
            for offset in wanted:
                self._missing.remove(offset, offset + 1)
        self._advance()
        return wanted

    def passed(self, position: int) -> None:
        """The next fetch is at this position, and the answers up to there have not come: they were lost."""
        if position > self._known_to:
            self._missing.add(max(self._known_to, self._next), position)
            self._known_to = position

    def handed(self, offset: int) -> None:
        """The message was handed to the agent."""
        self._coming.discard(offset)
        self._out.add(offset)

    def dealt(self, offsets: Iterable[int]) -> None:
        """The agent has dealt with these messages."""
        begin = end = None
        for offset in sorted(offsets):
            self._coming.discard(offset)
            self._out.discard(offset)
            self._missing.remove(offset, offset + 1)
            if end == offset:
                end = offset + 1
                continue
            if begin is not None and end is not None:
                self._settle(begin, end)
            begin, end = offset, offset + 1
        if begin is not None and end is not None:
            self._settle(begin, end)
        self._advance()

    def lost(self, offsets: Iterable[int]) -> None:
        """These messages were dropped between the fetch and the agent, or by the agent: they have to be fetched again."""
        for offset in offsets:
            self._coming.discard(offset)
            self._out.discard(offset)
            if offset >= self._next and offset not in self._settled:
                self._missing.add(offset, offset + 1)

    def lost_on_the_way(self) -> None:
        """Whatever was about to be handed to the agent was dropped."""
        self.lost(list(self._coming))

    def is_out(self, offset: int) -> bool:
        """Whether the agent has the message."""
        return offset in self._out

    def _settle(self, begin: int, end: int) -> None:
        begin = max(begin, self._next)
        if begin < end:
            self._settled.add(begin, end)
            self._missing.remove(begin, end)

    def _advance(self) -> None:
        if self._next in self._settled:
            end = self._settled.run_end(self._next)
            self._settled.remove(self._next, end)
            self._next = end
