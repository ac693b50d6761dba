"""The fence: a process that was frozen ends before it writes."""

from __future__ import annotations

import threading
import time

import pytest

from streams.kafka.consuming.fence import Fence, boot_seconds


class Leaving(Exception):  # noqa: N818 - not an error
    pass


def test_a_process_that_was_frozen_leaves() -> None:
    now = 0.0

    def leave() -> None:
        raise Leaving

    fence = Fence(10.0, clock=lambda: now, leave=leave)
    now = 5.9
    fence.check()
    now = 6.1
    with pytest.raises(Leaving):
        fence.check()


def test_a_process_whose_machine_was_suspended_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a machine is suspended CLOCK_MONOTONIC stops, CLOCK_BOOTTIME runs."""
    suspended = 0.0
    real = time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda clock: real(clock) + (suspended if clock == time.CLOCK_BOOTTIME else 0.0))
    left = threading.Event()
    with Fence(10.0, leave=left.set) as fence:
        fence.check()
        assert not left.is_set()
        suspended = 3600.0
        fence.check()
        assert left.is_set()


def test_the_fence_has_a_clock_on_every_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    before = time.monotonic()
    assert before <= boot_seconds() <= time.monotonic()
