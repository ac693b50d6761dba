from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from errors import NoDataError, StateLockedError
from state.cache import TwoLevelCache, cached, use_cache
from state.database import Database
from tests.made.clocks import Clock
from tests.state.processes import run
from tests.waiting import PATIENCE_SECONDS

PRICES = pd.DataFrame(
    {"AAPL": np.linspace(100, 200, 300), "MSFT": np.linspace(50, 40, 300)}, index=pd.date_range("2023-01-02", periods=300)
)


@pytest.fixture
def clock() -> Clock:
    return Clock(1_700_000_000.0)


@pytest.fixture
def cache(tmp_path: Path, clock: Clock) -> Iterator[TwoLevelCache]:
    with TwoLevelCache(tmp_path / "cache.db", clock=clock) as cache:
        yield cache


def counting(cache: TwoLevelCache, l1_ttl: float = 900, l2_ttl: float = 14_400, **options: Any) -> tuple[Any, list[Any]]:
    """A cached function of one argument that doubles it, and the arguments it was really called with."""
    calls: list[Any] = []

    @cache.cached(l1_ttl, l2_ttl, **options)
    def double(value: Any) -> Any:
        calls.append(value)
        return value * 2

    return double, calls


def test_a_result_is_computed_once(cache: TwoLevelCache) -> None:
    double, calls = counting(cache)
    assert [double(2), double(2), double(value=2), double(3)] == [4, 4, 4, 6]
    assert calls == [2, 3]


def test_a_corrected_price_in_the_middle_is_computed_again(cache: TwoLevelCache) -> None:
    double, calls = counting(cache)
    corrected = PRICES.copy()
    corrected.iloc[150, 1] += 0.01
    for frame in (PRICES, corrected, PRICES, corrected):
        pd.testing.assert_frame_equal(double(frame), frame * 2)
    assert len(calls) == 2


def test_memory_and_disk_each_serve_for_their_time(tmp_path: Path, clock: Clock) -> None:
    with TwoLevelCache(tmp_path / "cache.db", clock=clock) as cache:
        double, calls = counting(cache, 900, 14_400)
        double(2)
        clock.now += 899
        double(2)
        assert len(calls) == 1
    clock.now += 14_400 - 900
    with TwoLevelCache(tmp_path / "cache.db", clock=clock) as cache:  # as after a restart: the disk alone has it
        double, calls = counting(cache, 900, 14_400)
        assert double(2) == 4
        assert calls == []
        # What came from the disk a second before its end does not live on in memory.
        clock.now += 1
        assert double(2) == 4
        assert calls == [2]


def test_without_a_disk_the_end_of_memory_is_the_end(clock: Clock) -> None:
    double, calls = counting(TwoLevelCache(None, clock=clock), 900, 14_400)
    double(2)
    clock.now += 900
    double(2)
    assert calls == [2, 2]


def test_a_caller_cannot_change_the_result_of_the_next_call(cache: TwoLevelCache) -> None:
    @cache.cached(900, 14_400)
    def prices() -> dict[str, Any]:
        return {"frame": PRICES.copy(), "list": [1, 2]}

    @cache.cached(900, 14_400)
    def a_set() -> set[int]:  # has no exact encoding
        return {1, 2}

    for _ in range(3):
        result = prices()
        pd.testing.assert_frame_equal(result["frame"], PRICES, check_freq=True)
        assert result["list"] == [1, 2]
        result["frame"].iloc[0, 0] = -1.0
        result["list"].append(3)
        numbers = a_set()
        assert numbers == {1, 2}
        numbers.add(3)


def test_errors_are_not_cached(cache: TwoLevelCache) -> None:
    outcomes: list[Any] = [NoDataError("none yet"), ValueError("not yet either"), 5]

    @cache.cached(900, 14_400)
    def flaky() -> int:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return int(outcome)

    with pytest.raises(NoDataError):
        flaky()
    with pytest.raises(ValueError, match="not yet"):
        flaky()
    assert [flaky(), flaky()] == [5, 5]
    assert outcomes == []


@pytest.mark.parametrize("fails", [False, True])
def test_simultaneous_calls_share_a_computation(cache: TwoLevelCache, fails: bool) -> None:
    calls = []
    everyone_asks = threading.Barrier(8)
    released = threading.Event()

    @cache.cached(900, 14_400)
    def slow(value: int) -> list[int]:
        calls.append(value)
        assert released.wait(PATIENCE_SECONDS)
        if fails:
            raise NoDataError("none")
        return [value]

    def ask() -> list[int]:
        everyone_asks.wait(PATIENCE_SECONDS)
        return slow(1)

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(ask) for _ in range(7)]
        everyone_asks.wait(PATIENCE_SECONDS)
        # A caller of another key does not wait for the caller that computes.
        other, _ = counting(cache)
        assert other(3) == 6
        released.set()
        outcomes = [future.exception(PATIENCE_SECONDS) or future.result() for future in futures]
    if fails:
        assert all(isinstance(outcome, NoDataError) for outcome in outcomes)
    else:
        assert calls == [1]
        assert outcomes == [[1]] * 7
        assert len({id(outcome) for outcome in outcomes}) == 7
        assert slow(1) == [1]
        assert calls == [1]


def test_memory_is_bounded(clock: Clock) -> None:
    double, calls = counting(TwoLevelCache(None, max_entries=3, clock=clock))
    for value in (1, 2, 3, 1, 4):  # 2 is the least recently used when 4 comes
        double(value)
    assert calls == [1, 2, 3, 4]
    for value in (1, 3, 4, 2):
        double(value)
    assert calls == [1, 2, 3, 4, 2]


def test_expired_values_leave_the_disk(tmp_path: Path, clock: Clock) -> None:
    with TwoLevelCache(tmp_path / "cache.db", clock=clock) as cache:
        double, _ = counting(cache, 900, 14_400)
        for value in range(20):
            double(value)
        clock.now += 14_402
        double(99)
    with Database.open_writer(tmp_path / "cache.db") as database:
        assert len(database.scan()) == 2, "one value and its date"


def test_a_result_without_an_encoding_stays_in_memory_with_a_warning(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def make(cache: TwoLevelCache) -> Any:
        @cache.cached(900, 14_400)
        def numbers(value: int) -> set[int]:
            return {value}

        return numbers

    with TwoLevelCache(tmp_path / "cache.db", clock=clock) as cache, caplog.at_level(logging.WARNING):
        numbers = make(cache)
        assert [numbers(1), numbers(1), numbers(2)] == [{1}, {1}, {2}]
    assert len(caplog.records) == 1
    assert "problem=kept in memory only reason=no exact encoding for a builtins.set" in caplog.text
    with Database.open_writer(tmp_path / "cache.db") as database:
        assert database.scan() == []


def test_a_key_func_decides_alone(cache: TwoLevelCache) -> None:
    double, calls = counting(cache, key_func=lambda value: value % 10)
    assert [double(3), double(13), double(4)] == [6, 6, 8]
    assert calls == [3, 4]


def test_an_argument_that_no_key_can_cover_is_refused(cache: TwoLevelCache) -> None:
    double, calls = counting(cache)
    with pytest.raises(TypeError, match="cannot be part of a cache key"):
        double(object())
    assert calls == []


def test_two_functions_do_not_share_results(cache: TwoLevelCache) -> None:
    @cache.cached(900, 14_400, key_func=lambda value: value)
    def one(value: int) -> int:
        return value + 1

    @cache.cached(900, 14_400, key_func=lambda value: value)
    def two(value: int) -> int:
        return value + 2

    assert (one(1), two(1)) == (2, 3)


def test_unreadable_values_on_disk_are_computed_again(tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    for broken in (b"nonsense", b"", b"\x93\x01\xcb\x41\xd9\x54\xfc\x40\x00\x00\x00\xc4\x01\xc1"):
        with TwoLevelCache(tmp_path / "cache.db", clock=clock) as cache:
            counting(cache)[0](2)
        with Database.open_writer(tmp_path / "cache.db") as database:
            database.write([(key, broken) for key, _ in database.scan() if key.startswith(b"v")])
        with TwoLevelCache(tmp_path / "cache.db", clock=clock) as cache, caplog.at_level(logging.WARNING):
            double, calls = counting(cache)
            assert double(2) == 4
            assert calls == [2]
    assert len(caplog.records) == 3
    assert "computed again" in caplog.text


FULL_DISK = """
    import logging, resource, sys
    from pathlib import Path
    from state.cache import TwoLevelCache
    logging.basicConfig(level=logging.WARNING)
    cache = TwoLevelCache(Path(sys.argv[1]))
    @cache.cached(900, 14_400)
    def noise(seed):
        return bytes([seed]) * 100_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (250_000, 250_000))
    print([len(noise(seed)) for seed in range(10)], flush=True)
    print([len(noise(seed)) for seed in range(10)], flush=True)
"""


def test_a_full_disk_costs_the_disk_level_only(tmp_path: Path) -> None:
    finished = run(FULL_DISK, tmp_path / "cache.db")
    assert finished.stdout.splitlines() == [str([100_000] * 10)] * 2
    assert finished.stderr.count("noise problem=kept in memory only") == 1
    assert "File too large" in finished.stderr


def test_a_second_process_is_refused(tmp_path: Path, cache: TwoLevelCache) -> None:
    with pytest.raises(StateLockedError, match=r"cache\.db is open for writing"):
        TwoLevelCache(tmp_path / "cache.db")


@cached(900, 14_400)
def of_the_module(value: int) -> list[int]:
    COMPUTED.append(value)
    return [value]


COMPUTED: list[int] = []


def test_the_module_level_decorator_uses_the_processs_cache(tmp_path: Path, clock: Clock) -> None:
    COMPUTED.clear()
    with TwoLevelCache(tmp_path / "cache.db", clock=clock) as cache:
        previous = use_cache(cache)
        try:
            assert [of_the_module(1), of_the_module(1)] == [[1], [1]]
            assert COMPUTED == [1]
        finally:
            assert use_cache(previous) is cache
    with TwoLevelCache(tmp_path / "cache.db", clock=clock) as cache:
        previous = use_cache(cache)
        try:
            assert of_the_module(1) == [1]
            assert COMPUTED == [1]
        finally:
            use_cache(previous)
    assert of_the_module.__name__ == "of_the_module"
