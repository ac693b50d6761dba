"""When writes count as arrived."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from errors import BrokerError
from streams.kafka.agents.ownership import Ownership
from streams.kafka.consuming.membership import Membership
from streams.kafka.sending.sender import Sender
from tests.waiting import PATIENCE_SECONDS


class Topic:
    """Messages that the test acknowledges."""

    def __init__(self) -> None:
        self.sent: list[asyncio.Future[Any]] = []

    def send_soon(self, **_: Any) -> asyncio.Future[Any]:
        self.sent.append(asyncio.get_running_loop().create_future())
        return self.sent[-1]


def send(sender: Sender, topic: Topic, count: int) -> None:
    for _ in range(count):
        sender.send(topic, 0, b"AAA", b"a row")


async def is_pending(task: asyncio.Task[Any]) -> bool:
    await asyncio.sleep(0.02)
    return not task.done()


def test_later_messages_are_not_waited_for() -> None:
    async def scene() -> None:
        sender, topic = Sender(), Topic()
        send(sender, topic, 3)
        first = asyncio.create_task(sender.delivered(sender.sent))
        await asyncio.sleep(0)
        send(sender, topic, 1)
        everything = asyncio.create_task(sender.delivered())
        topic.sent[2].set_result(None)
        topic.sent[0].set_result(None)
        assert await is_pending(first)
        topic.sent[1].set_result(None)
        await asyncio.wait_for(first, PATIENCE_SECONDS)
        assert await is_pending(everything)
        topic.sent[3].set_result(None)
        await asyncio.wait_for(everything, PATIENCE_SECONDS)

    asyncio.run(scene())


def test_what_the_broker_refuses_is_no_delivery() -> None:
    async def scene() -> None:
        sender, topic = Sender(), Topic()
        send(sender, topic, 2)
        topic.sent[1].set_exception(OSError("too large"))
        with pytest.raises(BrokerError, match="too large"):
            await asyncio.wait_for(sender.delivered(), PATIENCE_SECONDS)

    asyncio.run(scene())


@pytest.mark.parametrize(
    "before", [SimpleNamespace(is_flushed=False, is_ours=True), SimpleNamespace(is_flushed=True, is_ours=False)]
)
def test_what_is_not_in_the_copy_or_void_is_no_delivery(before: SimpleNamespace) -> None:
    """Records that are acknowledged after another worker's claim are void, until the epoch ends."""

    async def scene() -> None:
        membership = Membership(10.0)
        membership.activate(0, [])
        parts = cast("Any", SimpleNamespace())
        ownership = Ownership(parts, parts, membership, parts, Sender(), cast("Any", [before]))
        waiting = asyncio.create_task(ownership.delivered())
        assert await is_pending(waiting)
        membership.begin_epoch()
        await asyncio.wait_for(waiting, PATIENCE_SECONDS)

    asyncio.run(scene())
