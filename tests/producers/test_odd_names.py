"""Files whose names are not UTF-8, as archives from other systems leave them: read, listed, and never a traceback."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from errors import SettingsError
from producers.__main__ import cli
from settings import load_settings
from streams.__main__ import cli as streams
from tests.producers.files import HEADER, LINES, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd\xff"))
    odd.mkdir()
    write(odd / "AAPL.csv", HEADER, *LINES)
    for name in (b"B\xfeB.csv", b"notes\xfe.docx"):
        Path(os.fsdecode(os.fsencode(odd) + b"/" + name)).write_bytes(b"")
    return odd


def test_a_check_lists_them(folder: Path) -> None:
    result = CliRunner().invoke(cli, ["check", "--source", "file", "--path", str(folder), "--format", "json"])
    found = json.loads(result.stdout)
    assert found["accepted"] == len(LINES)
    (bar,) = found["rejected"]
    assert "B\\udcfeB.csv: has no bars" in bar["reason"]
    assert [one["where"].rpartition("/")[2] for one in found["passed_over"]] == ["notes\\udcfe.docx"]
    assert all("odd\\udcff" in where for files in found["forms"].values() for where in files)


def test_a_run_keeps_them_among_the_rejected(folder: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    given = ["run", "--source", "file", "--path", str(folder), "--state", str(state), "--no-train"]
    result = CliRunner().invoke(streams, given)
    assert result.exit_code == 0, result.output
    assert "has no bars" in json.loads((state / "rejected.jsonl").read_text())["reason"]


def test_a_state_folder_of_such_a_name_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="STATE_DIR: has a name that is not UTF-8, which the database"):
        load_settings(state_dir=folder)
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError, match="STATE_DIR: is a file, and a state is a folder: name another"):
        load_settings(state_dir=tmp_path / "file")
