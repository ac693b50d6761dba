from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from state import reader_folder
from state.reader_folder import ReaderFolder, remove_abandoned
from tests.conftest import ROOT

KILLED = """
import os, signal
from state.reader_folder import ReaderFolder
folder = ReaderFolder()
print(folder.name, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(reader_folder.tempfile, "tempdir", str(tmp_path))


def test_the_folder_of_a_killed_reader_is_removed_and_that_of_a_living_one_is_not(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", KILLED],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        check=False,
    )
    killed, unlocked, other = Path(run.stdout.decode().strip()), tmp_path / "tidecast-reader-old", tmp_path / "other"
    assert killed.parent == tmp_path
    unlocked.mkdir()
    other.mkdir()
    living = ReaderFolder()
    remove_abandoned()
    assert killed.exists(), "it may be a moment old"
    for folder in (killed, unlocked, other, Path(living.name)):
        os.utime(folder, (0, 0))
    remove_abandoned()
    assert sorted(tmp_path.iterdir()) == sorted([other, Path(living.name)])
    living.cleanup()
    living.cleanup()
    assert list(tmp_path.iterdir()) == [other]
