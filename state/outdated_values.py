"""Values from before a rebuild: a copy deletes them, or keeps them for readers until newer values come."""

from __future__ import annotations

from collections.abc import Mapping

from state.database import Database
from state.stamp import Stamped, unstamp


def is_outdated(stamped: Stamped, incarnation: int) -> bool:
    """Whether the value is from before the rebuild that began the incarnation."""
    return stamped.revision.incarnation < incarnation


class OutdatedValues:
    """Counts them while records are applied, from `count` on; nothing is read where there are none."""

    def __init__(self, database: Database, count: int, *, are_kept: bool) -> None:
        self._database = database
        self._are_kept = are_kept
        self._unwritten: Mapping[bytes, bytes | None] = {}
        self.count = count

    def after_rebuild(self, changes: dict[bytes, bytes | None], keys: int) -> dict[bytes, bytes | None]:
        """A rebuild of a table with so many keys. Returns the changes to write instead of `changes`, those before it."""
        if not self._are_kept:
            return dict.fromkeys([key for key, _ in self._database.iterate()])
        self.count += keys
        self._unwritten = dict(changes)
        return changes

    def note_write(self, key: bytes, incarnation: int) -> None:
        """The first write or deletion of a key in its incarnation: it may replace a value from before."""
        if self.count:
            value = self._unwritten[key] if key in self._unwritten else self._database.get(key)
            self.count -= value is not None and is_outdated(unstamp(value), incarnation)
