"""The one correction to Faust's consumer: after a rebalance, partitions without a committed offset are read from the start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import faust
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP


class SeekingConsumer(Consumer):
    """Seeks where aiokafka does not.

    After partitions were dealt anew Faust drops what had been fetched and seeks to the committed offsets. aiokafka's
    `seek_to_committed` leaves a partition alone that has none, or 0: what had been fetched of it was never seen again.
    """

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """As in Faust; streams' partitions without a committed offset go to their beginning, changelogs stay where they are."""
        offsets = await super().seek_to_committed()
        changelogs = self.app.tables.changelog_topics
        unread: dict[Any, int] = {tp: 0 for tp, offset in offsets.items() if not offset and tp.topic not in changelogs}
        if unread:
            await self.seek_wait(unread)
        return offsets


def use_seeking_consumer(app: faust.App) -> None:
    """Must be called before the application starts."""
    app.transport.Consumer = SeekingConsumer  # type: ignore[misc]  # of this application's transport alone
