"""A worker's training requests: it sends and repeats them as the ledger of trainings says."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from history.ticker_state import DueTraining
from monitoring.outcomes import Ended, Outcomes
from settings import Settings
from streams.kafka.consuming.membership import Membership
from streams.kafka.sending.outbox import Outbox
from streams.kafka.tables.ticker_tables import TickerTables
from streams.training.ledger import TrainingLedger, covers

logger = logging.getLogger(__name__)

#: The wait after the first failure, doubled after each further one: causes outside the training (memory, an operator) pass
#: within minutes.
FIRST_RETRY_SECONDS: Final = 2.0
#: Within eight and a half minutes. After that the bars must be the cause, and the next period has others.
MOST_ATTEMPTS: Final = 9
_LOOK_SECONDS: Final = 0.5


class TrainingRequests:
    """Requests and failures of this worker are in the ledger; finished trainings are in the tables.

    A failed training is tried MOST_ATTEMPTS times in all, with growing waits. A failure is forgotten when the training
    succeeds, when another training is due, and after a rebalance: another owner may succeed.
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
        self._ledger = TrainingLedger(most_attempts=MOST_ATTEMPTS, first_retry_seconds=FIRST_RETRY_SECONDS)
        self.outcomes = Outcomes()
        self.failed = self.superseded = 0

    def forget(self) -> None:
        """After a rebalance missing trainings have to be requested again, and failed trainings may succeed at another owner."""
        self._ledger.forget()

    def request(self, ticker: str, due: DueTraining) -> None:
        """Request a training, unless the ticker's last request was the same."""
        if self._ledger.request(ticker, due):
            self._send(ticker, due)

    def request_again(self, ticker: str, due: DueTraining) -> None:
        """Request a training, even if the ticker's last request was the same."""
        self._ledger.request_again(ticker, due)
        self._send(ticker, due)

    def note_failure(self, ticker: str, due: DueTraining, reason: str) -> None:
        """The training failed; rows give the reason until it succeeds or another training is due."""
        self.failed += 1
        self.outcomes.note_training(Ended(self._monotonic(), ticker, reason))
        failure = self._ledger.fail(ticker, due, reason, self._monotonic())
        outlook = "not tried again" if failure.is_final else f"tried again in {failure.wait_seconds:g} s"
        logger.warning("training failed ticker=%s attempt=%d reason=%s outlook=%s", ticker, failure.attempts, reason, outlook)

    def note_success(self, ticker: str, due: DueTraining) -> None:
        """The result is stored: earlier failures of the ticker are forgotten."""
        self.outcomes.note_training(Ended(self._monotonic(), ticker, None))
        self._ledger.succeed(ticker, due)

    def note_superseded(self, ticker: str, due: DueTraining) -> None:
        """A request was dropped, because the ticker's bars call for another training by now."""
        self.superseded += 1
        self._ledger.supersede(ticker, due)

    def failure(self, ticker: str, due: DueTraining | None) -> str | None:
        """Why this training failed, None if it did not."""
        return self._ledger.failure(ticker, due)

    def is_done(self, ticker: str, due: DueTraining) -> bool:
        """Whether there is nothing to do: a stored result that has not expired covers the training, or it failed.

        A failed training is not done any more once its wait is over. Raises StateCorruptError.
        """
        return self._ledger.is_done(ticker, due, self._monotonic(), partial(self._is_covered, ticker, due))

    async def run(self) -> None:
        """Run for ever: request failed trainings again when their waits are over."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._membership.is_active:
                for ticker, due in self._ledger.take_retries(self._monotonic()):
                    self.request_again(ticker, due)

    def _send(self, ticker: str, due: DueTraining) -> None:
        self._outbox.request_training(self._tables.partition(ticker), ticker, due)

    def _is_covered(self, ticker: str, due: DueTraining) -> bool:
        stored = self._tables.peek_model(ticker)
        if stored is None or self._has_expired(stored[1]):
            return False
        return covers(stored[0], due, partial(self._tables.state, ticker), self._settings)

    def _has_expired(self, stored_at: float) -> bool:
        # A time in the future means that a clock was set back: treat it as an old time.
        return abs(self._clock() - stored_at) >= self._settings.model_ttl_seconds
