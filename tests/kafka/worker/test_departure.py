"""A worker that cannot stop in order ends nevertheless."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading

import pytest

from streams.kafka.worker.departure import Departure
from tests.waiting import PATIENCE_SECONDS


def test_the_first_signal_asks_and_the_second_leaves() -> None:
    left: list[int] = []

    async def stopping() -> None:
        departure = Departure(deadline_seconds=PATIENCE_SECONDS, leave=left.append)
        departure.listen()
        os.kill(os.getpid(), signal.SIGTERM)
        await departure.asked()
        assert (departure.is_asked, left) == (True, [])
        os.kill(os.getpid(), signal.SIGINT)
        while not left:
            await asyncio.sleep(0.01)
        departure.cancel()

    asyncio.run(stopping())
    assert left == [0]


@pytest.mark.parametrize(("asked", "code"), [(True, 0), (False, 1)])
def test_a_stop_that_hangs_ends_at_the_deadline(asked: bool, code: int, caplog: pytest.LogCaptureFixture) -> None:
    left: list[int] = []
    gone = threading.Event()

    def leave(exit_code: int) -> None:
        left.append(exit_code)
        gone.set()

    async def hanging() -> None:
        departure = Departure(deadline_seconds=0.01, leave=leave)
        if asked:
            departure.ask()
        departure.begin()
        departure.begin()
        assert gone.wait(PATIENCE_SECONDS), "the event loop hangs, as it does here"

    with caplog.at_level(logging.ERROR):
        asyncio.run(hanging())
    assert left == [code]
    assert "left before the stop was done" in caplog.text


@pytest.mark.parametrize(("deadline", "hurry"), [(PATIENCE_SECONDS, 0.01), (0.01, PATIENCE_SECONDS)])
def test_a_stop_without_kafka_has_little_time_and_never_more(deadline: float, hurry: float) -> None:
    left: list[int] = []
    gone = threading.Event()

    async def hanging() -> None:
        departure = Departure(deadline_seconds=deadline, leave=lambda code: (left.append(code), gone.set()))
        departure.ask()
        departure.hurry(hurry)
        assert gone.wait(PATIENCE_SECONDS / 2)
        departure.cancel()

    asyncio.run(hanging())
    assert left == [0]


def test_a_cancelled_departure_ends_nothing() -> None:
    left: list[int] = []

    async def going_on() -> threading.Timer:
        departure = Departure(deadline_seconds=0.05, leave=left.append)
        departure.begin()
        departure.cancel()
        return departure._timer

    asyncio.run(going_on()).join(PATIENCE_SECONDS)
    assert left == []
