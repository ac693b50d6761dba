"""A worker's folder at its start: usable tables are kept, others are removed."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from errors import StateWriteError
from streams.kafka.worker.folder import keep_tables_of, own_folder, remove_old_tables


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A worker's folder, with a table."""
    with own_folder(tmp_path / "workers" / "w1") as made:
        (made / "tables" / "history-0.db").mkdir(parents=True)
    return made


def has_tables(folder: Path) -> bool:
    return (folder / "tables" / "history-0.db").exists()


def test_tables_of_the_same_incarnation_are_kept(folder: Path) -> None:
    keep_tables_of(folder, 0)
    assert has_tables(folder), "tables without a mark are of before the first rebuild"
    keep_tables_of(folder, 4)
    assert not has_tables(folder)
    (folder / "tables" / "history-0.db").mkdir(parents=True)
    keep_tables_of(folder, 4)
    assert has_tables(folder)


@pytest.mark.parametrize("mark", [b"", b"4", b"06", b"\xff", b"another"])
def test_tables_of_another_incarnation_are_removed(folder: Path, mark: bytes, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "incarnation").write_bytes(mark)
    with caplog.at_level(logging.INFO):
        keep_tables_of(folder, 6)
    assert not has_tables(folder)
    assert caplog.text.count("tables of another incarnation removed") == 1
    keep_tables_of(folder, 6)
    assert (folder / "incarnation").read_text() == "6"


def test_a_mark_that_cannot_be_made_is_an_error(folder: Path) -> None:
    (folder / "incarnation").mkdir()
    with pytest.raises(StateWriteError, match="w1"):
        keep_tables_of(folder, 1)


def test_tables_of_an_older_version_are_removed_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "v1" / "tables" / "history-0.db").mkdir(parents=True)
    with caplog.at_level(logging.INFO):
        remove_old_tables(folder)
        remove_old_tables(folder)
    assert not (folder / "v1").exists()
    assert has_tables(folder)
    assert caplog.text.count("tables of an older version removed") == 1
