"""`python -m benchmarks.bare_worker --id NAME`: a worker without the parts that are named in $WITHOUT.

`metrics`: it does not watch itself and its group. `inspection`: it does not read its own copies from the disk.
"""

from __future__ import annotations

from commands import startup

if __name__ == "__main__":
    startup.begin()

import asyncio
import os
from typing import Any

from commands.console import run_cli
from streams.kafka.tables.inspection import Inspection
from streams.kafka.worker.observation import Observation
from streams.worker_command import worker


async def _watch_nothing(_self: Any) -> None:
    await asyncio.Event().wait()


async def _inspect_nothing(_self: Any) -> None:
    return


if __name__ == "__main__":
    without = os.environ["WITHOUT"].split(",")
    if "metrics" in without:
        setattr(Observation, "run", _watch_nothing)  # noqa: B010 - it is put in the place of a method
    if "inspection" in without:
        setattr(Inspection, "look", _inspect_nothing)  # noqa: B010
    startup.loaded()
    run_cli(worker)
