"""A copy that its worker has open, as another process reads it from disk: damage shows there first."""

from __future__ import annotations

from pathlib import Path

import pytest

from errors import StateError
from state.database import Database
from state.follower import Follower
from state.partition_copy import PartitionCopy, Record, problem_on_disk
from state.shared_memory import SharedMemory
from tests.kafka.storm.damage import FILES, WAYS

#: What a reader needs of a database that was closed and opened once more.
NEEDED = ("CURRENT", "MANIFEST-*")


def record(number: int) -> Record:
    """Of one of fifty keys, under the claim of the first record."""
    return Record(number, b"key %02d" % (number % 50), b"%d " % number + b"." * 500, None)


def seen(path: Path) -> dict[bytes, bytes] | None:
    """What a reader that opens it now sees, None if it cannot be read."""
    with Follower(path, refresh_seconds=0) as follower:
        try:
            return dict(follower.read(Database.scan))
        except StateError:
            return None


def filled(path: Path) -> PartitionCopy:
    """A copy with a table file, a log, and values in both."""
    memory = SharedMemory(cache_bytes=1 << 20)
    first = PartitionCopy(path, "id", memory.options())
    first.apply([record(number) for number in range(60)], up_to=60)
    first.close()
    again = PartitionCopy(path, "id", memory.options())
    again.apply([record(number) for number in range(60, 90)], up_to=90)
    return again


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("pattern", FILES)
def test_what_readers_do_not_see_is_found_and_only_that(tmp_path: Path, pattern: str, way: str) -> None:
    path = tmp_path / "history-0.db"
    copy = filled(path)
    whole = seen(path)
    assert whole is not None
    assert len(whole) == 50
    assert problem_on_disk(path, at_least=90) is None
    (file, *_) = sorted(path.glob(pattern))
    content = file.read_bytes()
    if way == "delete":
        file.unlink()
    elif way == "flip":
        middle = len(content) // 2
        file.write_bytes(content[:middle] + bytes(255 - byte for byte in content[middle : middle + 1]) + content[middle + 1 :])
    else:
        file.write_bytes(content[: len(content) // 2] if way == "cut" else b"")
    problem = problem_on_disk(path, at_least=90)
    assert (problem is None) == (seen(path) == whole), problem
    assert problem or pattern not in NEEDED
    assert copy.get(b"key 07") == record(57).value
    copy.close()


def test_a_copy_that_is_written_meanwhile_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "history-0.db"
    copy = filled(path)
    for number in range(90, 140):
        copy.apply([record(number)], up_to=number + 1)
        if number % 10 == 0:
            assert problem_on_disk(path, at_least=copy.next_offset) is None
    assert "readers see it as of offset 140" in str(problem_on_disk(path, at_least=141))
    copy.close()


def test_a_copy_that_is_missing_is_a_problem(tmp_path: Path) -> None:
    assert "no state" in str(problem_on_disk(tmp_path / "history-0.db", at_least=0))
