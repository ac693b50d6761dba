"""A partition that is read again from its beginning: earlier messages and commits do not count."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from faust.types import TP

from streams.kafka.consuming.consumer import DeliveringConsumer
from streams.kafka.consuming.deliveries import Deliveries
from tests.kafka.consuming.queued import BARS, active, handed, reading


def test_queued_messages_of_a_former_log_do_not_settle_those_of_the_new_one() -> None:
    membership = active()
    deliveries, queued = reading(membership, 500, 510)
    deliveries.rewind(BARS, 0)
    deliveries.begin(queued)
    deliveries.end(queued, done=queued)
    new = handed(deliveries, membership, 0, 510)
    assert [event.message.offset for event in new] == list(range(510))


class Thread:
    """The consumer's thread: each commit takes a moment, and commits do not overlap."""

    def __init__(self) -> None:
        self.committed: list[dict[TP, int]] = []
        self._one = asyncio.Lock()

    async def beginning(self, _: TP) -> int:
        return 0

    async def move(self, _: dict[TP, int]) -> None:
        pass

    async def commit(self, offsets: dict[TP, int]) -> bool:
        async with self._one:
            await asyncio.sleep(0.01)
            self.committed.append(dict(offsets))
            await asyncio.sleep(0)
            return True


@pytest.mark.parametrize("commit", [DeliveringConsumer.commit, DeliveringConsumer.commit_last])
def test_no_later_offset_is_committed_behind_the_beginning(commit: Callable[[DeliveringConsumer], Awaitable[object]]) -> None:
    async def scene() -> None:
        membership = active()
        consumer = object.__new__(DeliveringConsumer)
        deliveries = Deliveries(membership, shared={"bars"})
        deliveries.restart({BARS: 400}, membership.epoch)
        deliveries._ledgers[BARS].settle(range(400, 500))
        thread = Thread()
        consumer.membership, consumer.deliveries, consumer._thread = membership, deliveries, thread  # type: ignore[assignment]
        forgotten: list[bool] = []

        async def timer() -> None:
            await asyncio.sleep(0.005)
            await commit(consumer)

        task = asyncio.create_task(timer())
        await consumer.read_again(BARS, lambda: forgotten.append(True))
        await task
        assert forgotten
        assert thread.committed[-1][BARS] == 0

    asyncio.run(scene())
