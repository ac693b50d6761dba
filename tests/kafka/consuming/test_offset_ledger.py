"""The ledger under every interleaving: exactly the processed messages and the proven gaps are committed."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.kafka.consuming.offset_ledger import OffsetLedger
from streams.kafka.consuming.offset_set import OffsetSet


@dataclass
class Partition:
    """A simple model of a log, its group and its agent. It shares no code with the ledger."""

    messages: set[int]
    end: int
    position: int = 0
    committed: int = 0
    processed: set[int] = field(default_factory=set)
    coming: list[int] = field(default_factory=list)
    out: list[int] = field(default_factory=list)
    ledger: OffsetLedger = field(default_factory=lambda: OffsetLedger(0))

    def fetch(self, size: int) -> None:
        begin, self.position = self.position, min(self.end, self.position + size)
        offsets = sorted(offset for offset in self.messages if begin <= offset < self.position)
        self.coming += self.ledger.fetched(begin, offsets, self.position)

    def hand_over(self, count: int) -> None:
        for _ in range(min(count, len(self.coming))):
            offset = self.coming.pop(0)
            self.ledger.handed(offset)
            self.out.append(offset)

    def lose_coming(self) -> None:
        self.ledger.lost_on_the_way()
        self.coming.clear()

    def lose(self, place: int) -> None:
        if self.out:
            self.ledger.lost([self.out.pop(place % len(self.out))])

    def deal(self, places: list[int]) -> None:
        chosen = {self.out[place % len(self.out)] for place in places if self.out}
        self.processed |= chosen
        self.out = [offset for offset in self.out if offset not in chosen]
        self.ledger.settle(chosen)

    def jump(self, ahead: int) -> None:
        """The position moves without a fetch: a defect of the client."""
        self.position = min(self.end, self.position + ahead)

    def refetch(self) -> None:
        missing = self.ledger.first_missing
        if missing is not None:
            self.position = missing

    def commit(self) -> None:
        self.committed = self.ledger.committable
        self.check()

    def rebalance(self) -> None:
        """A crash or another owner: only committed offsets count."""
        self.coming.clear()
        self.out.clear()
        self.position = self.committed
        self.ledger = OffsetLedger(self.committed)

    def check(self) -> None:
        assert self.ledger.committable <= self.end
        assert {offset for offset in self.messages if offset < self.ledger.committable} <= self.processed


MOVES = st.one_of(
    st.tuples(st.just("fetch"), st.integers(1, 12)),
    st.tuples(st.just("hand_over"), st.integers(1, 12)),
    st.tuples(st.just("lose_coming")),
    st.tuples(st.just("lose"), st.integers(0, 50)),
    st.tuples(st.just("deal"), st.lists(st.integers(0, 50), max_size=8)),
    st.tuples(st.just("jump"), st.integers(1, 8)),
    st.tuples(st.just("refetch")),
    st.tuples(st.just("commit")),
    st.tuples(st.just("rebalance")),
)


@settings(max_examples=600)
@given(st.sets(st.integers(0, 59)), st.lists(MOVES, max_size=60))
def test_every_interleaving_of_fetching_losing_settling_and_crashing(messages: set[int], moves: list[tuple]) -> None:  # type: ignore[type-arg]
    partition = Partition(messages, end=60)
    for name, *arguments in moves:
        getattr(partition, name)(*arguments)
        partition.check()
    # Without further faults everything is processed, and committed to the end.
    for _ in range(40):
        partition.lose_coming()
        while partition.out:
            partition.deal([0])
        partition.refetch()
        partition.fetch(30)
        partition.hand_over(60)
        partition.deal(list(range(60)))
    partition.commit()
    assert partition.processed == messages
    assert partition.committed == partition.end


def test_a_message_lost_while_later_ones_flow_is_missing() -> None:
    """Offsets 137 to 145 were dropped and the client continued with 146: a commit of 149 lost them for good."""
    ledger = OffsetLedger(137)
    assert ledger.fetched(137, range(137, 146), 146) == list(range(137, 146))
    ledger.lost_on_the_way()
    later = ledger.fetched(146, [146, 147, 148], 149)
    for offset in later:
        ledger.handed(offset)
    ledger.settle(later)
    assert ledger.committable == 137
    assert ledger.first_missing == 137


def test_a_position_that_moved_without_an_answer_is_asked_for() -> None:
    ledger = OffsetLedger(137)
    later = ledger.fetched(146, [146, 147], 148)
    for offset in later:
        ledger.handed(offset)
    ledger.settle(later)
    assert (ledger.committable, ledger.first_missing) == (137, 137)


def test_marks_and_compacted_offsets_are_settled_by_the_answer_that_passes_them() -> None:
    ledger = OffsetLedger(10)
    for offset in ledger.fetched(10, [11, 14], 16):
        ledger.handed(offset)
    ledger.settle([11, 14])
    assert ledger.committable == 16
    assert ledger.first_missing is None
    ledger.fetched(16, [], 17)
    assert ledger.committable == 17


def test_what_is_fetched_twice_is_handed_over_once() -> None:
    ledger = OffsetLedger(0)
    for offset in ledger.fetched(0, range(6), 6):
        ledger.handed(offset)
    ledger.settle([3, 4])
    ledger.lost([1])
    assert ledger.fetched(1, range(1, 8), 8) == [1, 6, 7]


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 40), st.integers(0, 12)), max_size=40),
    st.integers(0, 45),
)
def test_a_set_of_runs_is_a_set(changes: list[tuple[bool, int, int]], probe: int) -> None:
    runs, plain = OffsetSet(), set[int]()
    for adds, begin, length in changes:
        if adds:
            runs.add(begin, begin + length)
            plain |= set(range(begin, begin + length))
        else:
            runs.remove(begin, begin + length)
            plain -= set(range(begin, begin + length))
    assert {offset for offset in range(60) if offset in runs} == plain
    assert (probe in runs) == (probe in plain)
    assert runs.first == min(plain, default=None)
    assert bool(runs) == bool(plain)
    assert runs.run_end(probe) == next(offset for offset in range(probe, 100) if offset not in plain)
