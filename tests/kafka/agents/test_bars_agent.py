"""A turn that is cancelled: its messages come again."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest

from streams.kafka.agents.bars_agent import BarsAgent
from tests.kafka.consuming.queued import BARS, Simple, active, reading


def test_a_turn_that_is_cancelled_while_it_waits_for_the_one_before_is_put_down(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        membership = active()
        deliveries, events = reading(membership, 0, 2)
        never, waiting = asyncio.Event(), asyncio.Event()

        class Ownership:
            sent = 1

            async def delivered(self, _: int) -> None:
                waiting.set()
                await never.wait()

            async def until_active(self) -> None:
                pass

            def ours(self, found: list[Any]) -> list[Any]:
                return list(found)

            def is_behind(self, _: object) -> bool:
                return False

        parts: Any = Simple(settings=Simple(worker_batch_messages=1), ownership=Ownership(), deliveries=deliveries)
        agent = BarsAgent(parts, today=dt.date.today)

        async def take(turn: list[Any]) -> list[Any]:
            return list(turn)

        monkeypatch.setattr(agent, "_take", take)

        class Source:
            channel = Simple(queue=asyncio.Queue())

            async def events(self) -> AsyncIterator[Any]:
                for event in events:
                    yield event
                await never.wait()

        actor = asyncio.create_task(agent.run(Simple(noack=Source)))
        await waiting.wait()
        for _ in range(10):  # the second turn comes to wait as well
            await asyncio.sleep(0)
        actor.cancel()
        await asyncio.gather(actor, return_exceptions=True)
        assert not agent.busy
        assert deliveries.missing() == {BARS: 0}
        assert deliveries.describe()["bars-0"]["out"] == 0

    asyncio.run(scene())
