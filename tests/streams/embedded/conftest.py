"""The embedded engine with one and two processes, and the state of a whole run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.training.pool import TrainingPool
from tests.streams.embedded.made import Embedded
from tests.streams.scenarios import (
    Engine,
    batches,
    market,
    train_or_fail,
)


@pytest.fixture(
    scope="module",
    params=[pytest.param(2, id="embedded-2-jobs"), pytest.param(1, id="embedded-1-job", marks=pytest.mark.slow)],
)
def embedded(request: pytest.FixtureRequest) -> Iterator[Embedded]:
    with TrainingPool(train_or_fail, jobs=request.param, deadline_seconds=60, preload=()) as pool:
        yield Embedded(pool)


@pytest.fixture
def engine(embedded: Embedded) -> Engine:
    return embedded


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of an uninterrupted run over the whole market."""
    folder = tmp_path_factory.mktemp("whole")
    with TrainingPool(train_or_fail, jobs=2, deadline_seconds=60, preload=()) as pool:
        Embedded(pool).run(batches(market()), folder)
    return folder
