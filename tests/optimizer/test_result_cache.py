"""Results are found by their whole inputs, and computed once for all threads that need them at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from optimizer.result_cache import ResultCache
from tests.waiting import PATIENCE_SECONDS, until


def test_only_the_last_results_are_kept_each_for_exactly_its_inputs():
    cache: ResultCache[int] = ResultCache(2)
    computed: list[int] = []

    def result(number: int) -> int:
        return cache.get(([number],), lambda: computed.append(number) or number)

    assert [result(number) for number in (1, 1, 2, 1, 3, 2, 1)] == [1, 1, 2, 1, 3, 2, 1]
    assert computed == [1, 2, 3, 1]


def test_threads_with_equal_inputs_share_a_computation():
    cache: ResultCache[str] = ResultCache(2, one_at_a_time=True)
    started, finish = threading.Event(), threading.Event()
    computed: list[str] = []

    def compute() -> str:
        computed.append("once")
        started.set()
        assert finish.wait(PATIENCE_SECONDS)
        return "result"

    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(cache.get, ("a",), compute)
        assert started.wait(PATIENCE_SECONDS)
        others = [threads.submit(cache.get, ("a",), compute) for _ in range(3)]
        until(lambda: sum(other.running() for other in others) == 3)
        finish.set()
        assert [each.result(PATIENCE_SECONDS) for each in (first, *others)] == ["result"] * 4
    assert computed == ["once"]


def test_a_computation_that_fails_is_tried_again():
    cache: ResultCache[None] = ResultCache(1, one_at_a_time=True)
    outcomes = iter([ValueError("first"), None])

    def compute() -> None:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome

    with pytest.raises(ValueError, match="first"):
        cache.get((1,), compute)
    for _ in range(2):
        assert cache.get((1,), compute) is None


def test_a_result_that_may_not_be_kept_is_computed_again():
    cache: ResultCache[int] = ResultCache(2)
    numbers = iter(range(9))
    assert [cache.get(("a",), lambda: next(numbers), may_keep=lambda: False) for _ in range(2)] == [0, 1]
    assert [cache.get(("a",), lambda: next(numbers)) for _ in range(2)] == [2, 2]
