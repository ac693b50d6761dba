"""A follower shows what its writer has written, whatever that does between two looks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from state.database import Database
from state.follower import Follower

KEYS = [b"AAA", b"BBB", b"CCC"]
SIZES = [1, 5_000, 40_000]
PUT = st.tuples(st.sampled_from(KEYS), st.sampled_from(SIZES))
FLUSH, REOPEN, LOOK = "flush", "reopen", "look"


def by_key(database: Database) -> dict[bytes, bytes]:
    """Found by RocksDB in another way than by a scan."""
    found = dict(zip(KEYS, database.get_many(KEYS), strict=True))
    return {key: value for key, value in found.items() if value is not None}


def looks(path: Path, steps: Iterable[object]) -> Iterable[tuple[dict[bytes, bytes], dict[bytes, bytes]]]:
    """What there is and what the follower shows, at each look and after the last step."""
    truth: dict[bytes, bytes] = {}
    writer = Database.open_writer(path, look=False)
    try:
        with Follower(path, refresh_seconds=0) as follower:
            for number, step in enumerate([*steps, LOOK]):
                if step == FLUSH:
                    writer.flush()
                elif step == REOPEN:
                    writer.close()
                    writer = Database.open_writer(path, look=False)
                elif step == LOOK:
                    yield truth, dict(follower.read(Database.scan))
                    yield truth, follower.read(by_key)
                else:
                    assert isinstance(step, tuple)
                    truth[step[0]] = b"%d " % number + b"." * step[1]
                    writer.write([(step[0], truth[step[0]])])
    finally:
        writer.close()


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(PUT, st.sampled_from([FLUSH, REOPEN, LOOK, LOOK])), max_size=25))
# A secondary that only catches up keeps the first of the two values for good.
@example([LOOK, (b"AAA", 5_000), LOOK, (b"AAA", 5_000), FLUSH, LOOK])
@example([(b"AAA", 1), LOOK, (b"BBB", 1), FLUSH, LOOK, (b"AAA", 1), (b"BBB", 5_000), REOPEN, LOOK])
def test_every_look_shows_what_is_written(steps: list[object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for there, shown in looks(Path(folder) / "table.db", steps):
            assert shown == there


@pytest.mark.parametrize("count", [1, 30])
def test_a_quiet_writer_is_not_opened_again_and_again(tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    original = Database.open_secondary

    def noting(path: Path, own_directory: Path, **options: bool) -> Database:
        opened.append(path)
        return original(path, own_directory, **options)

    monkeypatch.setattr(Database, "open_secondary", noting)
    with Database.open_writer(tmp_path / "table.db") as writer, Follower(tmp_path / "table.db", refresh_seconds=0) as follower:
        for number in range(count):
            writer.write([(b"AAA", b"%d" % number)])
            assert follower.read(lambda database: database.get(b"AAA")) == b"%d" % number
        assert len(opened) == 1


def test_the_generation_grows_when_another_database_takes_the_place_and_only_then(tmp_path: Path) -> None:
    for name, value in [("table.db", b"old"), ("other.db", b"new")]:
        with Database.open_writer(tmp_path / name) as writer:
            writer.write([(b"AAA", value)])
    with Follower(tmp_path / "table.db", refresh_seconds=0) as follower:
        assert follower.read(lambda database: database.get(b"AAA")) == b"old"
        first = follower.generation
        with Database.open_writer(tmp_path / "table.db") as writer:
            writer.write([(b"BBB", b"more")])
            writer.flush()
            assert follower.read(lambda database: database.get(b"BBB")) == b"more"
        assert follower.generation == first, "its writer only went on"
        (tmp_path / "table.db").rename(tmp_path / "away.db")
        (tmp_path / "other.db").rename(tmp_path / "table.db")
        assert follower.read(lambda database: database.get(b"AAA")) == b"new"
        assert follower.generation > first
