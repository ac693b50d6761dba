"""Damage to the cache costs a warning and the time to compute its values again, never an error or a wrong value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from state.cache import TwoLevelCache
from state.database import Database
from tests.state.damage import CASES, DAMAGES, WITH_VALUES


def counting(cache: TwoLevelCache) -> tuple[Callable[[int], int], list[int]]:
    """A cached function, and the values that it was computed for."""
    calls: list[int] = []

    @cache.cached(900, 14_400)
    def double(value: int) -> int:
        calls.append(value)
        return 2 * value

    return double, calls


@pytest.mark.parametrize(("kind", "damage"), CASES)
def test_damage_costs_a_warning_and_never_a_wrong_value(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, damage: str
) -> None:
    with TwoLevelCache(tmp_path / "cache.db") as cache:
        double, _ = counting(cache)
        assert [double(value) for value in range(20)] == list(range(0, 40, 2))
    for file in (tmp_path / "cache.db").glob(kind):
        DAMAGES[damage](file)
    with TwoLevelCache(tmp_path / "cache.db") as cache:
        double, calls = counting(cache)
        assert [double(value) for value in range(20)] == list(range(0, 40, 2))
    lost = list(range(20)) if kind in WITH_VALUES and caplog.records else []
    # The log of a cache that was closed may have nothing that is not in table files as well.
    assert calls == lost or (kind == "*.log" and not calls)
    with TwoLevelCache(tmp_path / "cache.db") as cache:
        double, calls = counting(cache)
        assert [double(value) for value in range(20)] == list(range(0, 40, 2))
    assert not calls, "what was computed again is on disk"


@pytest.mark.parametrize("damage", ["flip-middle", "half", "empty", "random"])
def test_damage_while_it_is_open_costs_no_more(tmp_path: Path, damage: str) -> None:
    with TwoLevelCache(tmp_path / "cache.db") as cache:
        counting(cache)[0](2)
    with TwoLevelCache(tmp_path / "cache.db") as cache:
        for file in (tmp_path / "cache.db").iterdir():
            DAMAGES[damage](file)
        double, _ = counting(cache)
        assert [double(value) for value in range(20)] == list(range(0, 40, 2))
    with TwoLevelCache(tmp_path / "cache.db") as cache:
        double, _ = counting(cache)
        assert [double(value) for value in range(20)] == list(range(0, 40, 2))


def test_another_value_than_was_written_is_computed_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with TwoLevelCache(tmp_path / "cache.db") as cache:
        assert counting(cache)[0](2) == 4
    with Database.open_writer(tmp_path / "cache.db") as database:
        database.write([(key, value.replace(b"\x04", b"\x05")) for key, value in database.scan(b"v")])
    with TwoLevelCache(tmp_path / "cache.db") as cache:
        assert counting(cache)[0](2) == 4
    assert "its checksum does not match" in caplog.text
