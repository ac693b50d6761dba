"""Faust's manager of tables, without its changelogs in the group's subscription and with a restoration of our own."""

from __future__ import annotations

from typing import Any

import faust
from faust.tables.manager import TableManager

from streams.kafka.tables.restoration import Restoration


class ProvenTableManager(TableManager):
    """All tables are defined before the application starts, so it begins at once; Faust sleeps a second."""

    restoration: Restoration

    @property
    def recovery(self) -> Any:
        """What brings tables and streams to where they should be whenever partitions are dealt anew."""
        return self.restoration

    async def on_start(self) -> None:
        """As in Faust, but for the sleep."""
        await self._update_channels()
        await self.recovery.start()

    async def on_stop(self) -> None:
        """As in Faust, in another order: what restores must not start the fetcher again."""
        await self.recovery.stop()
        app: Any = self.app
        await app._fetcher.stop()  # noqa: SLF001 - as in Faust
        for table in self.values():
            await table.stop()

    async def _update_channels(self) -> None:
        self._tables_finalized.set()
        for table in self.values():
            await table.maybe_start()
        self._tables_registered.set()


def use_restoration(app: faust.App, restoration: Restoration) -> None:
    """Must be called before the application starts."""
    manager: Any = app.tables
    manager.restoration = restoration
