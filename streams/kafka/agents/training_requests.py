"""Which trainings are asked for, done, expired or failed: one answer for the agents and for the sweep."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from history.forecasting import is_current
from history.ticker_state import DueTraining
from models.results import TrainedTicker
from settings import Settings
from streams.kafka.consuming.membership import Membership
from streams.kafka.sending.outbox import Outbox
from streams.kafka.tables.ticker_tables import TickerTables

logger = logging.getLogger(__name__)

#: After the first failure, doubled after each further one: what kills processes (memory, an operator) passes within minutes.
FIRST_RETRY_SECONDS: Final = 2.0
#: Eight and a half minutes altogether. What fails then fails because of the bars, and the next window brings others.
MOST_ATTEMPTS: Final = 9
_LOOK_SECONDS: Final = 0.5


@dataclass(slots=True)
class _Failure:
    due: DueTraining
    reason: str
    attempts: int
    retry_at: float | None


class Trainings:
    """Remembers what this worker has asked for and what failed here; what is done stands in the tables.

    A failed training is tried again, MOST_ATTEMPTS times in all, with growing waits. A failure is forgotten when the training
    succeeds, when another one is due, and when partitions are dealt anew: its next owner may do better.
    """

    def __init__(
        self,
        settings: Settings,
        tables: TickerTables,
        outbox: Outbox,
        membership: Membership,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._tables = tables
        self._outbox = outbox
        self._membership = membership
        self._clock = clock
        self._monotonic = monotonic
        self._requested: dict[str, bytes] = {}
        self._failed: dict[str, _Failure] = {}

    @property
    def failed(self) -> dict[str, str]:
        """Why the newest training of a ticker failed, by ticker."""
        return {ticker: failure.reason for ticker, failure in self._failed.items()}

    def forget(self) -> None:
        """Partitions were dealt anew: what is missing has to be asked for again, and what failed may succeed elsewhere."""
        self._requested.clear()
        self._failed.clear()

    def request(self, ticker: str, due: DueTraining) -> None:
        """Ask for a training, unless it was the last that was asked for."""
        if self._requested.get(ticker) != due.digest:
            self.request_again(ticker, due)

    def request_again(self, ticker: str, due: DueTraining) -> None:
        """Ask for a training, whatever was asked for before."""
        self._requested[ticker] = due.digest
        self._outbox.request_training(self._tables.partition(ticker), ticker, due)

    def note_failure(self, ticker: str, due: DueTraining, reason: str) -> None:
        """The training failed; rows say so until it succeeds or another one is due."""
        former = self._failed.get(ticker)
        attempts = former.attempts + 1 if former is not None and former.due == due else 1
        wait = FIRST_RETRY_SECONDS * 2 ** (attempts - 1)
        retry_at = None if attempts >= MOST_ATTEMPTS else self._monotonic() + wait
        self._failed[ticker] = _Failure(due, reason, attempts, retry_at)
        outlook = "not tried again" if retry_at is None else f"tried again in {wait:g} s"
        logger.warning("training failed ticker=%s attempt=%d reason=%s outlook=%s", ticker, attempts, reason, outlook)

    def note_success(self, ticker: str) -> None:
        """The ticker was trained: what failed before is forgotten."""
        self._failed.pop(ticker, None)

    def failure(self, ticker: str, due: DueTraining | None) -> str | None:
        """Why this training failed, None if it did not."""
        failed = self._failed.get(ticker)
        return failed.reason if failed is not None and failed.due == due else None

    def is_done(self, ticker: str, due: DueTraining) -> bool:
        """Whether there is nothing to do: this training, or a later one that followed from it, was done lately.

        Or it failed and is not to be tried again now.
        """
        failed = self._failed.get(ticker)
        if failed is not None and failed.due == due:
            return failed.retry_at is None or self._monotonic() < failed.retry_at
        stored = self._tables.peek_model(ticker)
        return stored is not None and not self._has_expired(stored[1]) and self._covers(stored[0], due)

    async def run(self) -> None:
        """For ever: ask again for what failed, when its wait is over."""
        asked: dict[str, float] = {}
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self._membership.is_settled:
                continue
            now = self._monotonic()
            for ticker, failure in list(self._failed.items()):
                at = failure.retry_at
                if at is not None and at <= now and asked.get(ticker) != at:
                    asked[ticker] = at
                    self.request_again(ticker, failure.due)
            asked = {ticker: at for ticker, at in asked.items() if ticker in self._failed}

    def _covers(self, trained: TrainedTicker, due: DueTraining) -> bool:
        if DueTraining(trained.cutoff, trained.digest) == due:
            return True
        # A later one may be an early training, or one of bars that are no more: only the bars tell.
        state = self._tables.state(trained.ticker) if trained.cutoff >= due.cutoff else None
        return state is not None and is_current(trained, state, self._settings)

    def _has_expired(self, stored_at: float) -> bool:
        # A stamp from the future is a clock that was set back: as doubtful as an old one.
        return abs(self._clock() - stored_at) >= self._settings.model_ttl_seconds
