"""The state folder: its databases, and opening them for writing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from errors import StateWriteError
from state.database import Database
from state.forecast_table import ForecastTable
from state.history_table import HistoryTable
from state.model_store import ModelStore

HISTORY: Final = "history.db"
FORECASTS: Final = "forecasts.db"
MODELS: Final = "models.db"
CACHE: Final = "cache.db"

#: Histories are never rebuilt automatically: bars that a source no longer has would be lost.
_HISTORY_REMEDY: Final = "put a backup of this folder in its place, or delete it and run again over all bars"


class StateWriter:
    """The folder's tables, open for writing in this process alone. Use it as a context manager, or call `close`."""

    def __init__(
        self, path: Path, *, model_memory_ttl_seconds: float, model_ttl_seconds: float, clock: Callable[[], float]
    ) -> None:
        with contextlib.ExitStack() as opened:
            history = opened.enter_context(Database.open_writer(path / HISTORY, remedy=_HISTORY_REMEDY, keep_tally=True))
            # Forecasts and models follow from the histories, so a damaged table is rebuilt.
            forecasts, models = (
                opened.enter_context(Database.open_writer(path / name, keep_tally=True, replace_damaged=True))
                for name in (FORECASTS, MODELS)
            )
            self._opened = opened.pop_all()
        self.history = HistoryTable(history)
        self.forecasts = ForecastTable(forecasts)
        self.models = ModelStore(
            models, memory_ttl_seconds=model_memory_ttl_seconds, ttl_seconds=model_ttl_seconds, clock=clock
        )

    def close(self) -> None:
        """Close all databases; idempotent. Raises StateWriteError if a last write fails."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        refused = kind is not None and issubclass(kind, StateWriteError)
        # A disk that refused one write refuses the last writes too: the first error says why.
        with contextlib.suppress(StateWriteError) if refused else contextlib.nullcontext():
            self.close()


class StateFolder:
    """The folder of the state, which may not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def open_writer(
        self,
        *,
        model_memory_ttl_seconds: float = 3600.0,
        model_ttl_seconds: float = 86400.0,
        clock: Callable[[], float] = time.time,
    ) -> StateWriter:
        """Open for writing; missing databases are created. The `clock` (seconds since 1970) is for the age of models alone.

        All tables are read whole. Damaged forecasts or models are renamed (`forecasts.damaged`), with a warning, and the next
        run rebuilds them from the histories.

        Raises StateLockedError if another process writes there, StateCorruptError for damaged histories, StateWriteError,
        StateError for files that this user may not read, or SchemaError for the folder of a newer version.
        """
        return StateWriter(
            self.path, model_memory_ttl_seconds=model_memory_ttl_seconds, model_ttl_seconds=model_ttl_seconds, clock=clock
        )
