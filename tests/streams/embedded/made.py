"""The embedded engine under test."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from records import BarBatch, RejectedBar
from settings import Settings
from state.folder import StateFolder
from streams.embedded.engine import EmbeddedEngine
from streams.embedded.summary import Summary
from streams.training.pool import TrainingPool
from tests.made.bars import TODAY
from tests.streams.scenarios import (
    CHEAP,
    silent,
)


class Embedded:
    """The embedded engine; keeps the summary of its last run."""

    def __init__(self, pool: TrainingPool) -> None:  # type: ignore[type-arg]
        self.pool = pool
        self.summary = Summary()

    def run(
        self,
        items: Iterable[BarBatch | RejectedBar],
        state_dir: Path,
        settings: Settings = CHEAP,
        *,
        train: bool = True,
        ttl_seconds: float = 86400.0,
    ) -> None:
        with StateFolder(state_dir).open_writer(model_ttl_seconds=ttl_seconds) as writer:
            engine = EmbeddedEngine(
                writer, settings, state_dir=state_dir, today=TODAY, pool=self.pool if train else None, progress=silent
            )
            self.summary = engine.run(items)
