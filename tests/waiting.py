"""Waiting on a condition, for tests of several processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

#: What a test waits for comes within seconds on a machine of its own. The limit only ends what would wait for ever: no test may
#: fail because a machine is slow or has other things to do.
PATIENCE_SECONDS: Final = 300.0


def until(condition: Callable[[], object], what: Callable[[], str] = lambda: "") -> None:
    """Wait until it holds; where it never does, fail with `what` was seen instead."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain {what()}"
        time.sleep(0.01)
