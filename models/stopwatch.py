"""How long the parts of a training take, by model: measured beside the result, so that equal jobs keep equal bytes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_spent: ContextVar[dict[str, float] | None] = ContextVar("spent", default=None)


@contextmanager
def stopwatch() -> Iterator[dict[str, float]]:
    """Seconds (wall clock) of each `span` within the block, by name."""
    seconds: dict[str, float] = {}
    token = _spent.set(seconds)
    try:
        yield seconds
    finally:
        _spent.reset(token)


@contextmanager
def span(name: str) -> Iterator[None]:
    """Adds the block's time to the stopwatch that runs, if any does; a block that fails counts as well."""
    seconds = _spent.get()
    if seconds is None:
        yield
        return
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started
