"""The service over a damaged state: it says so, and serves again by itself once that is repaired."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from state.folder import FORECASTS, HISTORY, StateFolder
from tests.made.market import write_state
from tests.optimizer.samples import BARS, REQUEST, ROWS
from tests.optimizer.serving import Service
from tests.state.damage import DAMAGES
from tests.waiting import until

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("kind", "damage"), [("MANIFEST-*", "half"), ("CURRENT", "folder"), ("*.sst", "flip-middle")])
def test_a_damaged_state_is_said_and_its_repair_noticed(tmp_path: Path, kind: str, damage: str) -> None:
    folder, backup = tmp_path / "state", tmp_path / "backup"
    write_state(folder, BARS, ROWS.values())
    shutil.copytree(folder, backup)
    for name in (HISTORY, FORECASTS):
        for file in (folder / name).glob(kind):
            DAMAGES[damage](file)
    with Service(folder) as service:
        refused = service.post(REQUEST)
        assert refused.status == 503
        assert "cannot be read" in str(refused.json)
        assert service.get("/api/forecasts").status == 503
        assert service.get("/readyz").status == 503
        assert service.get("/readyz").json["reason"]
        shutil.rmtree(folder / HISTORY)
        shutil.copytree(backup / HISTORY, folder / HISTORY)
        with StateFolder(folder).open_writer() as writer:  # as `streams run` does
            for row in ROWS.values():
                writer.forecasts.put(row)
        until(lambda: service.post(REQUEST).status == 200)
        until(lambda: service.get("/readyz").status == 200)
        assert len(service.get("/api/forecasts").json["forecasts"]) == len(ROWS)
    assert f"{folder}/{FORECASTS}" in service.log
    assert f"{folder}/{HISTORY}" in service.log
    assert "Traceback" not in service.log
