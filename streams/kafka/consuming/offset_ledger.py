"""The ledger of one partition's offsets. It alone decides what may be committed, and what has to be fetched again.

Each offset that the broker has answered for is in one of these states:

- *coming*: fetched, not yet handed to the agent;
- *out*: handed to the agent, not yet finished;
- *settled*: processed (written and acknowledged, or kept as a dead letter), or proven to hold no message: a fetch that began
  at or before the offset continued after it (transaction marks, compaction, retention);
- *missing*: fetched, and lost on the way. It has to be fetched again.

The committed offset is the first offset that is not settled. Nothing else moves it: neither the highest offset that was seen,
nor time. Pure: no clock, no Kafka.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.kafka.consuming.offset_set import OffsetSet


class OffsetLedger:
    """`start` is the offset from which the partition is read; a former owner has settled everything before it."""

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
        """The first offset that the broker has not answered for."""
        return self._known_to

    @property
    def first_missing(self) -> int | None:
        """The first missing offset, None if nothing is missing."""
        return self._missing.first

    @property
    def is_idle(self) -> bool:
        """Whether everything that was fetched is settled."""
        return self._next == self._known_to

    def describe(self) -> dict[str, int | None]:
        """The counts and offsets, for the health page."""
        return {
            "committable": self._next,
            "known_to": self._known_to,
            "coming": len(self._coming),
            "out": len(self._out),
            "missing_from": self._missing.first,
        }

    def fetched(self, begin: int, offsets: Sequence[int], end: int) -> list[int]:
        """The broker answered a fetch at `begin` with messages at these rising offsets; the next fetch is at `end`.

        Returns the offsets that have to be handed to the agent; the others are out or settled already.
        """
        self.passed(begin)
        begin = max(begin, self._next)
        if len(offsets) != end - begin or (offsets and offsets[0] != begin):
            at = begin
            for offset in (*offsets, end):
                self._add_settled(at, offset)
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
        """The next fetch is at this position, and the answers before it were lost."""
        if position > self._known_to:
            self._missing.add(max(self._known_to, self._next), position)
            self._known_to = position

    def handed(self, offset: int) -> None:
        """The message was handed to the agent."""
        self._coming.discard(offset)
        self._out.add(offset)

    def settle(self, offsets: Iterable[int]) -> None:
        """The agent has processed these messages."""
        begin = end = None
        for offset in sorted(offsets):
            self._coming.discard(offset)
            self._out.discard(offset)
            self._missing.remove(offset, offset + 1)
            if end == offset:
                end = offset + 1
                continue
            if begin is not None and end is not None:
                self._add_settled(begin, end)
            begin, end = offset, offset + 1
        if begin is not None and end is not None:
            self._add_settled(begin, end)
        self._advance()

    def lost(self, offsets: Iterable[int]) -> None:
        """These messages were dropped, on the way to the agent or by it: they have to be fetched again."""
        for offset in offsets:
            self._coming.discard(offset)
            self._out.discard(offset)
            if offset >= self._next and offset not in self._settled:
                self._missing.add(offset, offset + 1)

    def lost_on_the_way(self) -> None:
        """All messages that were not yet handed to the agent were dropped."""
        self.lost(list(self._coming))

    def is_out(self, offset: int) -> bool:
        """Whether the agent has the message."""
        return offset in self._out

    def _add_settled(self, begin: int, end: int) -> None:
        begin = max(begin, self._next)
        if begin < end:
            self._settled.add(begin, end)
            self._missing.remove(begin, end)

    def _advance(self) -> None:
        if self._next in self._settled:
            end = self._settled.run_end(self._next)
            self._settled.remove(self._next, end)
            self._next = end
