"""The ledger of trainings under every interleaving of bars, requests, results, crashes and time."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from history.ticker_state import DueTraining
from streams.training.ledger import TrainingLedger

TICKER = "ABC"
MOST, FIRST = 4, 2.0


def due(number: int) -> DueTraining:
    return DueTraining(number, f"digest {number}".encode())


@dataclass
class Worker:
    """An engine as the ledger sees it: requests that wait, at most one job, and a store that outlives crashes."""

    most: int
    ledger: TrainingLedger = field(init=False)
    wanted: DueTraining = field(default_factory=lambda: due(0))
    waiting: list[DueTraining] = field(default_factory=list)
    job: DueTraining | None = None
    stored: DueTraining | None = None
    now: float = 0.0
    #: When each training may begin again, and how often it has failed in a row, since the last crash.
    earliest: dict[DueTraining, float] = field(default_factory=dict)
    failures: dict[DueTraining, int] = field(default_factory=dict)
    trained: list[DueTraining] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = TrainingLedger(most_attempts=self.most, first_retry_seconds=FIRST)

    def is_done(self, training: DueTraining) -> bool:
        return self.ledger.is_done(TICKER, training, self.now, lambda: self.stored == training)

    def look(self) -> None:
        """A row is made: its missing training is requested, once."""
        if not self.is_done(self.wanted) and self.ledger.request(TICKER, self.wanted):
            self.waiting.append(self.wanted)

    def sweep(self) -> None:
        """A request may have been lost."""
        if not self.is_done(self.wanted):
            self.ledger.request_again(TICKER, self.wanted)
            self.waiting.append(self.wanted)

    def begin(self) -> None:
        if self.job is not None or not self.waiting:
            return
        training = self.waiting.pop(0)
        if training != self.wanted:
            self.ledger.supersede(TICKER, training)
            return
        if self.is_done(training):
            return
        assert self.now >= self.earliest.get(training, 0.0), "tried again before its wait was over"
        assert self.failures.get(training, 0) < self.most, "tried too often"
        self.ledger.begin(TICKER, training)
        self.job = training

    def end(self, *, well: bool) -> None:
        if self.job is None:
            return
        training, self.job = self.job, None
        assert self.ledger.is_running(TICKER, training)
        if training != self.wanted:
            self.ledger.supersede(TICKER, training)
        elif well:
            self.stored = training
            self.trained.append(training)
            self.ledger.succeed(TICKER, training)
            self.failures.clear()
        else:
            failure = self.ledger.fail(TICKER, training, f"failure of {training.cutoff}", self.now)
            others = {name for name in self.failures if name != training}
            for name in others:  # the ledger remembers only the ticker's last failure
                del self.failures[name]
                self.earliest.pop(name, None)
            self.failures[training] = self.failures.get(training, 0) + 1
            assert failure.attempts == self.failures[training]
            self.earliest[training] = self.now + FIRST * 2.0 ** (failure.attempts - 1)
            assert self.ledger.failure(TICKER, training) == f"failure of {training.cutoff}"
        assert not self.ledger.is_running(TICKER, training)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        for ticker, training in self.ledger.take_retries(self.now):
            assert (ticker, self.now >= self.earliest[training]) == (TICKER, True)
            self.ledger.request_again(ticker, training)
            self.waiting.append(training)
        assert self.ledger.take_retries(self.now) == []

    def crash(self) -> None:
        """The process, or its ownership of the ticker, ends: only what is stored stays."""
        self.ledger.forget()
        self.waiting.clear()
        self.earliest.clear()
        self.failures.clear()
        self.job = None

    def apply(self, move: tuple[str, float]) -> None:
        name, value = move
        match name:
            case "bars":
                self.wanted = due(int(value))
            case "ends well" | "fails":
                self.end(well=name == "ends well")
            case "wait":
                self.wait(value)
            case _:
                getattr(self, name)()


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("bars"), st.integers(0, 3)),
        st.tuples(st.sampled_from(["look", "sweep", "begin", "begin", "ends well", "fails", "fails", "crash"]), st.just(0)),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 2.0, 5.0, 60.0])),
    ),
    max_size=60,
)


@pytest.mark.parametrize("most", [1, MOST])
@settings(max_examples=300, deadline=None)
@example(moves=[("look", 0), ("begin", 0), ("bars", 1), ("ends well", 0), ("bars", 0)])
@example(moves=[("look", 0), ("begin", 0), ("fails", 0), ("wait", 2.0), ("sweep", 0), ("begin", 0), ("fails", 0)])
@given(moves=MOVES)
def test_whatever_happens_the_due_training_ends_up_stored_or_has_failed_for_good(
    moves: list[tuple[str, float]], most: int
) -> None:
    worker = Worker(most)
    for move in moves:
        worker.apply(move)
    # From now on nothing goes wrong any more.
    for _ in range(3):
        worker.wait(FIRST * 2.0**most)
        worker.look()
        for _ in range(len(worker.waiting) + 2):
            worker.begin()
            worker.end(well=True)
    assert worker.is_done(worker.wanted)
    if worker.stored != worker.wanted:
        assert worker.ledger.failure(TICKER, worker.wanted) is not None
        assert worker.failures[worker.wanted] == most


@settings(max_examples=100, deadline=None)
@given(moves=MOVES)
def test_nothing_is_trained_twice_in_a_row_without_a_crash_or_another_training(moves: list[tuple[str, float]]) -> None:
    worker = Worker(MOST)
    for move in moves:
        worker.apply(move)
    pairs = zip(worker.trained, worker.trained[1:], strict=False)
    assert all(first != second for first, second in pairs)


def test_a_superseded_training_that_is_due_once_more_is_requested_anew() -> None:
    """The embedded engine took it for done, although its result was dropped."""
    ledger = TrainingLedger()
    assert ledger.request(TICKER, due(1))
    assert not ledger.request(TICKER, due(1))
    ledger.begin(TICKER, due(1))
    ledger.supersede(TICKER, due(1))
    assert not ledger.is_running(TICKER, due(1))
    assert not ledger.is_done(TICKER, due(1), 0.0, lambda: False)
    assert ledger.request(TICKER, due(1))


def test_a_failure_is_that_of_its_training_alone() -> None:
    ledger = TrainingLedger(most_attempts=2, first_retry_seconds=2.0)
    failure = ledger.fail(TICKER, due(1), "too few bars", 10.0)
    assert (failure.attempts, failure.retry_at, failure.is_final) == (1, 12.0, False)
    assert ledger.failure(TICKER, due(1)) == "too few bars"
    assert ledger.failure(TICKER, due(2)) is None
    assert ledger.failure(TICKER, None) is None
    assert ledger.failure("XYZ", due(1)) is None
    assert ledger.is_done(TICKER, due(1), 11.9, lambda: False)
    assert not ledger.is_done(TICKER, due(1), 12.0, lambda: True)
    assert ledger.fail(TICKER, due(1), "too few bars", 12.0).is_final
    assert ledger.is_done(TICKER, due(1), 1e9, lambda: False)
    ledger.succeed(TICKER, due(2))
    assert ledger.failure(TICKER, due(1)) is None
