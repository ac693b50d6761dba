"""The sweep over a damaged copy."""

from __future__ import annotations

import asyncio

import pytest

from errors import StateCorruptError
from streams.kafka.agents.sweep import Sweep
from tests.kafka.consuming.queued import Simple, active


def test_a_sweep_over_a_damaged_copy_does_not_end_the_worker() -> None:
    def tickers() -> list[str]:
        raise StateCorruptError("block checksum mismatch")

    asyncio.run(Sweep(active(), Simple(), Simple(tickers=tickers), Simple(), Simple()).sweep(is_regular=True))


def test_a_damaged_copy_is_looked_at_once_and_then_by_regular_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at each look for partitions that are new: it would warn each second."""
    asked = []

    def tickers() -> list[str]:
        asked.append(1)
        raise StateCorruptError("block checksum mismatch")

    async def look() -> None:
        settings = Simple(sweep_seconds=60.0)
        task = asyncio.create_task(Sweep(active(), settings, Simple(tickers=tickers), Simple(), Simple()).run())
        await asyncio.sleep(0.2)
        task.cancel()

    monkeypatch.setattr("streams.kafka.agents.sweep._LOOK_SECONDS", 0.01)
    asyncio.run(look())
    assert len(asked) == 1
