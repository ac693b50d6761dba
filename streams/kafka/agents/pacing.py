"""Long work on the event loop, cut into slices: heartbeats, health pages and other agents are not kept waiting for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import Final, TypeVar

Item = TypeVar("Item")

#: What waits behind a few slices has still waited for less than 50 ms.
_SLICE_SECONDS: Final = 0.01


async def paced(items: Iterable[Item]) -> AsyncIterator[Item]:
    """The items one by one, giving way to the event loop whenever those before took a slice of time.

    Between two of them anything may happen: what was true of the first has to be asked again for the second.
    """
    began = time.perf_counter()
    for item in items:
        yield item
        if time.perf_counter() - began >= _SLICE_SECONDS:
            await asyncio.sleep(0)
            began = time.perf_counter()
