"""Threads for requests start when they are needed, the last that worked works again, and idle threads end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from optimizer.web.request_threads import RequestThreads
from tests.waiting import until


class Work:
    """A request that is answered when `go` is set; it notes the thread that answers."""

    def __init__(self, *, ready: bool = True, fails: type[BaseException] | None = None) -> None:
        self.go = threading.Event()
        self.begun = threading.Event()
        self.done = threading.Event()
        self.cancelled = False
        self.thread = 0
        self._fails = fails
        if ready:
            self.go.set()

    def service(self) -> None:
        self.thread = threading.get_ident()
        self.begun.set()
        self.go.wait(60)
        self.done.set()
        if self._fails is not None:
            raise self._fails("it fails")

    def cancel(self) -> None:
        self.cancelled = True


@contextmanager
def threads(most: int, idle_seconds: float = 60.0, kind: type[RequestThreads] = RequestThreads) -> Iterator[RequestThreads]:
    running = kind(most, idle_seconds)
    try:
        yield running
    finally:
        running.shutdown(timeout=10)
        assert not running.threads


def one(running: RequestThreads) -> Work:
    """A request, answered."""
    work = Work()
    running.add_task(work)
    assert work.done.wait(60)
    return work


def all_idle(running: RequestThreads, count: int) -> bool:
    with running.lock:
        return len(running.threads) == count == running.idle


def test_one_request_after_another_takes_one_thread() -> None:
    with threads(100) as running:
        used = set()
        for _ in range(50):
            used.add(one(running).thread)
            until(lambda: all_idle(running, 1))
        assert len(used) == 1


def test_as_many_threads_as_requests_at_once_and_no_more_than_allowed() -> None:
    with threads(3) as running:
        busy = [Work(ready=False) for _ in range(5)]
        for work in busy:
            running.add_task(work)
        until(lambda: sum(work.begun.is_set() for work in busy) == 3)
        assert len(running.threads) == 3
        for work in busy:
            work.go.set()
        assert all(work.done.wait(60) for work in busy)


def test_the_thread_that_ended_its_work_last_is_the_next_to_work() -> None:
    with threads(10) as running:
        busy = [Work(ready=False) for _ in range(4)]
        for work in busy:
            running.add_task(work)
            assert work.begun.wait(60)
        for number, work in enumerate(busy, 1):
            work.go.set()
            until(lambda number=number: running.idle == number)
        for _ in range(20):
            assert one(running).thread == busy[-1].thread
            until(lambda: all_idle(running, 4))


def test_idle_threads_end_and_others_start_again() -> None:
    with threads(10, idle_seconds=0.05) as running:
        busy = [Work(ready=False) for _ in range(5)]
        for work in busy:
            running.add_task(work)
        for work in busy:
            work.go.set()
        until(lambda: not running.threads)
        for _ in range(200):  # some of them meet a thread that is about to end
            one(running)


class Panic(BaseException):
    """As RocksDB's, which is no Exception."""


@pytest.mark.parametrize("failure", [ValueError, Panic])
def test_a_failure_ends_no_thread(failure: type[BaseException]) -> None:
    with threads(1) as running:
        first = Work(fails=failure)
        running.add_task(first)
        assert first.done.wait(60)
        assert one(running).thread == first.thread


class Scarce(RequestThreads):
    """A system that gives the service two threads."""

    def start_new_thread(self, target: Callable[[int], None], thread_no: int) -> None:
        if len(self.threads) == 2:
            raise RuntimeError("can't start new thread")
        super().start_new_thread(target, thread_no)


def test_what_the_system_starts_no_thread_for_waits_and_costs_no_place() -> None:
    with threads(10, kind=Scarce) as running:
        busy = [Work(ready=False) for _ in range(30)]
        for work in busy:
            running.add_task(work)
        assert len(running.threads) == 2
        for work in busy:
            work.go.set()
        assert all(work.done.wait(60) for work in busy)


class Refusing(RequestThreads):
    """A system that gives no thread at all."""

    def start_new_thread(self, target: Callable[[int], None], thread_no: int) -> None:
        raise RuntimeError("can't start new thread")


def test_without_any_thread_the_request_is_refused_at_once() -> None:
    with threads(10, kind=Refusing) as running:
        with pytest.raises(RuntimeError, match="can't start"):
            running.add_task(Work())
        assert not running.queue


def test_the_end_waits_for_busy_threads_and_cancels_what_waits() -> None:
    running = RequestThreads(1)
    busy, waiting = Work(ready=False), Work()
    running.add_task(busy)
    assert busy.begun.wait(60)
    running.add_task(waiting)
    threading.Timer(0.1, busy.go.set).start()
    running.shutdown(timeout=10)
    assert busy.done.is_set()
    assert waiting.cancelled
    assert not waiting.begun.is_set()
    assert not running.threads
