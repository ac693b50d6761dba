"""The state folder: which databases there are, and opening them for writing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from errors import StateWriteError
from state.database import Database
from state.forecasts import ForecastTable
from state.history import HistoryTable
from state.model_store import ModelStore

HISTORY: Final = "history.db"
FORECASTS: Final = "forecasts.db"
MODELS: Final = "models.db"
CACHE: Final = "cache.db"

#: Never made anew without being asked: bars that a source no longer has would be lost.
_HISTORY_REMEDY: Final = "put a backup of this folder in its place, or delete it and run again over all bars"


class StateWriter:
    """The folder's tables, open for writing in this process alone. A context manager; `close` it otherwise."""

    def __init__(
        self, path: Path, *, model_memory_ttl_seconds: float, model_ttl_seconds: float, clock: Callable[[], float]
    ) -> None:
        with contextlib.ExitStack() as opened:
            history = opened.enter_context(Database.open_writer(path / HISTORY, remedy=_HISTORY_REMEDY, keep_tally=True))
            # These two follow from the histories: a damaged one is made anew.
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
        """Close all databases; again does nothing. Raises StateWriteError when a last write fails."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        refused = kind is not None and issubclass(kind, StateWriteError)
        # A disk that refused a write refuses the last ones too: the first error is the one that says why.
        with contextlib.suppress(StateWriteError) if refused else contextlib.nullcontext():
            self.close()


class StateFolder:
    """A folder that holds, or will hold, the state."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def open_writer(
        self,
        *,
        model_memory_ttl_seconds: float = 3600.0,
        model_ttl_seconds: float = 86400.0,
        clock: Callable[[], float] = time.time,
    ) -> StateWriter:
        """Open for writing; what is missing is made. The `clock` (seconds since 1970) ages models and nothing else.

        All tables are read whole. Damaged forecasts or models are set aside (`forecasts.damaged`), with a warning: the next run
        makes them again from the histories.

        Raises StateLockedError when another process writes there, StateCorruptError for damaged histories, StateWriteError,
        StateError for files that this user may not read, or SchemaError for a folder that a newer version wrote.
        """
        return StateWriter(
            self.path, model_memory_ttl_seconds=model_memory_ttl_seconds, model_ttl_seconds=model_ttl_seconds, clock=clock
        )
