"""Opening one database: other options, and without the look before it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from errors import StateCorruptError, StateLockedError
from state.database import Database
from state.shared_memory import SharedMemory

REMEDY = "drop the copy"


@pytest.fixture(params=[True, False], ids=["look", "no look"])
def look(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_many_databases_share_one_memory_and_keep_what_is_written(tmp_path: Path, look: bool) -> None:
    memory = SharedMemory(cache_bytes=1 << 20)
    for value in (b"first", b"second"):  # made, then opened again
        databases = [Database.open_writer(tmp_path / f"{n}.db", options=memory.options(), look=look) for n in range(3)]
        for database in databases:
            database.write([(b"\0\1", value), (b"AAA", value)])
        assert [database.scan() for database in databases] == [[(b"AAA", value)]] * 3
        for database in databases:
            database.close()


def test_the_options_of_the_opening_count_not_those_that_it_was_made_with(tmp_path: Path, look: bool) -> None:
    Database.open_writer(tmp_path / "x.db").close()
    options = SharedMemory(cache_bytes=1 << 20).options()
    options.set_write_buffer_size(1234567)
    with Database.open_writer(tmp_path / "x.db", options=options, look=look):
        newest = max((tmp_path / "x.db").glob("OPTIONS-*"))
        assert "write_buffer_size=1234567" in newest.read_text().split()


def test_the_lock_is_kept_until_it_is_closed(tmp_path: Path, look: bool) -> None:
    with (
        Database.open_writer(tmp_path / "x.db", look=look),
        pytest.raises(StateLockedError, match=f"in process {os.getpid()}"),
    ):
        Database.open_writer(tmp_path / "x.db", look=look)
    Database.open_writer(tmp_path / "x.db", look=look).close()


@pytest.mark.parametrize("name", ["CURRENT", "MANIFEST-*", "*.sst"])
@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_a_cut_file_is_refused_with_the_remedy_and_leaves_nothing_open(
    tmp_path: Path, look: bool, name: str, kept: float
) -> None:
    with Database.open_writer(tmp_path / "x.db") as database:
        database.write([(b"AAA", b"value")])
        database.flush()
    for file in (tmp_path / "x.db").glob(name):
        os.truncate(file, int(file.stat().st_size * kept))
    for _ in range(2):
        with pytest.raises(StateCorruptError, match=rf"x\.db cannot be read .*{REMEDY}"):
            Database.open_writer(tmp_path / "x.db", remedy=REMEDY, look=look)
