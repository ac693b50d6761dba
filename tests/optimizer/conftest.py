from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from optimizer.market import Market
from optimizer.request import AllocationRequest, parse_request
from optimizer.service import Optimizer
from settings import Settings
from tests.made.market import MemoryForecasts, MemoryHistories, made_bars, made_rows


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(_env_file=None, state_dir=tmp_path / "state", price_provider="none", port=0, bars_due_hours=0)


@pytest.fixture
def optimizer_of(settings: Settings) -> Callable[..., Optimizer]:
    """An optimizer over bars and rows in memory."""

    def build(bars=None, rows=None, *, provider=None, **changes) -> Optimizer:
        bars = made_bars() if bars is None else bars
        rows = made_rows(bars) if rows is None else rows
        rows = rows.values() if isinstance(rows, Mapping) else rows
        market = Market(MemoryHistories(bars), provider)
        return Optimizer(MemoryForecasts(rows), market, settings.model_copy(update=changes))

    return build


@pytest.fixture
def asked() -> Callable[..., AllocationRequest]:
    """A request for the made-up market, changed as named."""

    def ask(bars=None, **changes) -> AllocationRequest:
        bars = made_bars() if bars is None else bars
        first = next(iter(bars.values()))
        body = {
            "start_date": first.first_date.isoformat(), "end_date": first.last_date.isoformat(), "risk_free_rate": 0.02,
            "tickers": list(bars),
        }  # fmt: skip
        return parse_request(body | changes)

    return ask


@pytest.fixture
def closing() -> Iterator[Callable]:
    """Closes what a test opens."""
    opened = []

    def keep(thing):
        opened.append(thing)
        return thing

    yield keep
    for thing in reversed(opened):
        thing.close()
