"""Changelogs of which a worker has every partition."""

from __future__ import annotations

from pathlib import Path

import pytest

from settings import Settings
from tests.made.traded import CHOSEN
from tests.state.replica.topics import Topics


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return CHOSEN.model_copy(update={"state_dir": tmp_path / "state"})


@pytest.fixture
def topics(settings: Settings) -> Topics:
    """All logs claimed by a worker."""
    made = Topics(settings)
    for _, logs in made.topics.values():
        for log in logs:
            log.claim()
    return made
