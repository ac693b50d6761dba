"""The sweep over a damaged copy."""

from __future__ import annotations

import asyncio

from errors import StateCorruptError
from streams.kafka.agents.sweep import Sweep
from tests.kafka.consuming.queued import Simple, active


def test_a_sweep_over_a_damaged_copy_does_not_end_the_worker() -> None:
    def tickers() -> list[str]:
        raise StateCorruptError("block checksum mismatch")

    asyncio.run(Sweep(active(), Simple(), Simple(tickers=tickers), Simple(), Simple()).sweep(is_regular=True))
