"""Which trainings are asked for, done, expired or were tried in vain: one answer for the agents and for the sweep."""

from __future__ import annotations

from collections.abc import Callable

from models.results import TrainedTicker
from settings import Settings
from state.ticker_state import DueTraining
from streams.forecasting import is_current
from streams.kafka.outbox import Outbox
from streams.kafka.tables import TickerTables


class Trainings:
    """Remembers what this worker has asked for and what failed here; what is done stands in the tables."""

    def __init__(self, settings: Settings, tables: TickerTables, outbox: Outbox, *, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._tables = tables
        self._outbox = outbox
        self._clock = clock
        self._requested: dict[str, bytes] = {}
        self._failed: dict[str, tuple[DueTraining, str]] = {}

    def forget_requests(self) -> None:
        """Partitions were dealt anew: what is missing has to be asked for again."""
        self._requested.clear()

    def request(self, partition: int, ticker: str, due: DueTraining) -> None:
        """Ask for a training, unless it was the last that was asked for."""
        if self._requested.get(ticker) != due.digest:
            self.request_again(partition, ticker, due)

    def request_again(self, partition: int, ticker: str, due: DueTraining) -> None:
        """Ask for a training, whatever was asked for before."""
        self._requested[ticker] = due.digest
        self._outbox.request_training(partition, ticker, due)

    def note_failure(self, ticker: str, due: DueTraining, reason: str) -> None:
        """The training failed for good; rows say so until another one is due."""
        self._failed[ticker] = (due, reason)

    def failure(self, ticker: str, due: DueTraining | None) -> str | None:
        """Why this training was tried in vain, None if it was not."""
        failed = self._failed.get(ticker)
        return failed[1] if failed is not None and failed[0] == due else None

    def is_done(self, ticker: str, due: DueTraining) -> bool:
        """Whether this training, or a later one that followed from it, was done lately or was tried in vain."""
        if self.failure(ticker, due) is not None:
            return True
        stored = self._tables.peek_model(ticker)
        return stored is not None and not self._has_expired(stored[1]) and self._covers(stored[0], due)

    def _covers(self, trained: TrainedTicker, due: DueTraining) -> bool:
        if DueTraining(trained.cutoff, trained.digest) == due:
            return True
        # A later one may be an early training, or one of bars that are no more: only the bars tell.
        state = self._tables.state(trained.ticker) if trained.cutoff >= due.cutoff else None
        return state is not None and is_current(trained, state, self._settings)

    def _has_expired(self, stored_at: float) -> bool:
        # A stamp from the future is a clock that was set back: as doubtful as an old one.
        return abs(self._clock() - stored_at) >= self._settings.model_ttl_seconds
