"""The consumer's wait for the hand-over of a message: as in mode, with fewer tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from faust.types import TP

from settings import load_settings
from streams.kafka.consuming.consumer import DeliveringConsumer
from streams.kafka.worker.app import build_app


def with_consumer(check: Callable[[DeliveringConsumer], Awaitable[None]], folder: Path) -> None:
    """Run a check on a consumer that is connected to nothing; no task may be left over."""

    async def run() -> None:
        consumer = build_app(load_settings(state_dir=folder), incarnation=0).app.consumer
        assert isinstance(consumer, DeliveringConsumer)
        others = asyncio.all_tasks()
        await check(consumer)
        await asyncio.sleep(0)  # what was cancelled ends
        assert asyncio.all_tasks() == others

    asyncio.run(run())


async def done(value: str) -> str:
    return value


async def failing() -> None:
    raise ValueError("not to be decoded")


def test_what_is_done_at_once_is_not_raced(tmp_path: Path) -> None:
    async def check(consumer: DeliveringConsumer) -> None:
        race = consumer.suspend_flow.wait()
        answer = await consumer.wait_first(done("handed over"), race)
        assert answer.results == ["handed over"]
        assert not answer.stopped
        with pytest.raises(RuntimeError, match="already awaited"):
            await race  # closed, so that Python does not warn of a forgotten await

    with_consumer(check, tmp_path)


def test_what_fails_at_once_says_so(tmp_path: Path) -> None:
    async def check(consumer: DeliveringConsumer) -> None:
        with pytest.raises(ValueError, match="not to be decoded"):
            await consumer.wait_first(failing(), consumer.suspend_flow.wait())

    with_consumer(check, tmp_path)


def test_what_waits_goes_on_where_it_was(tmp_path: Path) -> None:
    async def check(consumer: DeliveringConsumer) -> None:
        room, steps = asyncio.Event(), []

        async def hand_over() -> None:
            steps.append("begun")
            await room.wait()
            steps.append("handed over")

        waiting = asyncio.create_task(consumer.wait_first(hand_over(), consumer.suspend_flow.wait()))
        while not steps:
            await asyncio.sleep(0)
        room.set()
        await waiting
        assert steps == ["begun", "handed over"]

    with_consumer(check, tmp_path)


def test_faust_looks_for_no_stalls(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def check(consumer: DeliveringConsumer) -> None:
        consumer.verify_event_path(1e9, TP("bars", 0))  # Faust's check asks the thread, which is not connected

    with_consumer(check, tmp_path)
    assert not caplog.records


def test_a_suspended_flow_ends_what_waits(tmp_path: Path) -> None:
    async def check(consumer: DeliveringConsumer) -> None:
        full: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def hand_over() -> None:
            await full

        consumer.stop_flow()
        await consumer.wait_first(hand_over(), consumer.suspend_flow.wait())
        await asyncio.sleep(0)
        assert full.cancelled()

    with_consumer(check, tmp_path)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_whoever_waits_can_be_cancelled_at_any_step(steps: int, tmp_path: Path) -> None:
    async def check(consumer: DeliveringConsumer) -> None:
        full: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def hand_over() -> None:
            await full

        waiting = asyncio.create_task(consumer.wait_first(hand_over(), consumer.suspend_flow.wait()))
        for _ in range(steps):
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.sleep(0)

    with_consumer(check, tmp_path)
