"""The bars of a test of faults, and the expected state."""

from __future__ import annotations

import pytest

from records import BarBatch
from tests.kafka.cluster import Cluster, Expected, by_date
from tests.made.bars import made_bars


@pytest.fixture
def bars(request: pytest.FixtureRequest) -> list[BarBatch]:
    """Bars of TICKERS tickers, by date."""
    return by_date(made_bars(request.module.TICKERS, 400, size=20))


@pytest.fixture
def expected(cluster: Cluster, bars: list[BarBatch]) -> Expected:
    return cluster.embedded(sorted(bars, key=lambda batch: (batch.ticker, batch.date[0])))
