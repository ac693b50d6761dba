"""Slices of long work on the event loop: heartbeats, health pages and other agents run in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import Final, TypeVar

Item = TypeVar("Item")

#: A task that waits for a few slices waits for less than 50 ms.
_SLICE_SECONDS: Final = 0.01


async def paced(items: Iterable[Item]) -> AsyncIterator[Item]:
    """The items one by one; other tasks run after each slice of time.

    Anything may change between two items: check again for each item.
    """
    began = time.perf_counter()
    for item in items:
        yield item
        if time.perf_counter() - began >= _SLICE_SECONDS:
            await asyncio.sleep(0)
            began = time.perf_counter()
