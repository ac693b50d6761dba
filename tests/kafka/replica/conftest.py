"""The settings of a replica whose topics exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.topics import ensure_topics
from settings import Settings
from tests.kafka.cluster import Cluster


@pytest.fixture
def settings(cluster: Cluster, tmp_path: Path) -> Settings:
    made = cluster.settings().model_copy(update={"state_dir": tmp_path / "replica"})
    ensure_topics(made)
    return made
