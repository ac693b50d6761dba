"""Faust's consumer: it begins at the beginning, tells where it began, and takes a fraction of the time for a message."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import faust
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP
from mode.services import WaitResults


class SeekingConsumer(Consumer):
    """Seeks where aiokafka does not.

    After partitions were dealt anew Faust drops what had been fetched and seeks to the committed offsets. aiokafka's
    `seek_to_committed` leaves a partition alone that has none, or 0: what had been fetched of it was never seen again.
    """

    committed_before: Mapping[TP, int] = {}

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """As in Faust; streams' partitions without a committed offset go to their beginning, changelogs stay where they are."""
        offsets = await super().seek_to_committed()
        changelogs = self.app.tables.changelog_topics
        streams = {TP(tp.topic, tp.partition): offset for tp, offset in offsets.items() if tp.topic not in changelogs}
        unread = [tp for tp, offset in streams.items() if not offset]
        if unread:
            beginnings = await self.earliest_offsets(*unread)
            starts: dict[Any, int] = {TP(tp.topic, tp.partition): offset for tp, offset in beginnings.items()}
            await self.seek_wait(starts)
            streams |= starts
        self.committed_before = streams
        return offsets

    async def wait_first(self, *awaited: Any, timeout: Any = None) -> WaitResults:
        """As in mode, which makes four tasks for each message; here it is one where the message's queue has room for it."""
        first, *others = awaited
        if not asyncio.iscoroutine(first):
            return await super().wait_first(*awaited, timeout=timeout)
        begun = asyncio.create_task(first)
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            begun.cancel()
            _discard(others)
            raise
        if not begun.done():
            return await super().wait_first(begun, *others, timeout=timeout)
        _discard(others)
        return WaitResults([begun], [begun.result()], stopped=False)


def _discard(awaited: Iterable[Any]) -> None:
    """What was never begun is no coroutine that somebody forgot to await."""
    for coroutine in filter(asyncio.iscoroutine, awaited):
        coroutine.close()


def use_seeking_consumer(app: faust.App) -> None:
    """Must be called before the application starts."""
    app.transport.Consumer = SeekingConsumer  # type: ignore[misc]  # of this application's transport alone


def committed_before(app: faust.App) -> Mapping[TP, int]:
    """First offset, by partition of the streams, to be read since partitions were last dealt; empty before that."""
    consumer = app.consumer
    return consumer.committed_before if isinstance(consumer, SeekingConsumer) else {}


def forget_committed(app: faust.App) -> None:
    """Partitions are being dealt anew: what was read from where is no longer true."""
    if isinstance(app.consumer, SeekingConsumer):
        app.consumer.committed_before = {}
