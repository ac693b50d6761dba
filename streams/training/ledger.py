"""The ledger of trainings: which are requested, running, failed, and when a failed training is tried again. Pure.

Both engines use it. A due training follows from a ticker's bars and a finished training from the stored results: neither is in
the memory of a process. The ledger holds the rest:

- *requested*: the ticker's last request. A training is not requested twice in a row.
- *running*: handed to a training process.
- *failed*: tried again after a wait that doubles, `most_attempts` times in all.

A training is *superseded* if the ticker's bars call for another training now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from history.forecasting import is_current
from history.ticker_state import DueTraining, TickerState
from models.results import TrainedTicker
from settings import Settings


@dataclass(frozen=True, slots=True)
class Failure:
    """The last failure of a ticker's training. `retry_at` is None if no retry is open; `is_final`: no retry follows."""

    due: DueTraining
    reason: str
    attempts: int
    wait_seconds: float
    retry_at: float | None
    is_final: bool


class TrainingLedger:
    """Times (`now`) are seconds of a monotonic clock. The first wait is `first_retry_seconds`."""

    def __init__(self, *, most_attempts: int = 1, first_retry_seconds: float = 0.0) -> None:
        self._most_attempts = most_attempts
        self._first_retry_seconds = first_retry_seconds
        self._requested: dict[str, DueTraining] = {}
        self._running: dict[str, DueTraining] = {}
        self._failures: dict[str, Failure] = {}

    # -- Requests -------------------------------------------------------------------------------------------------------

    def request(self, ticker: str, due: DueTraining) -> bool:
        """Note a request. False if the ticker's last request was the same: do not send it again."""
        if self._requested.get(ticker) == due:
            return False
        self._requested[ticker] = due
        return True

    def request_again(self, ticker: str, due: DueTraining) -> None:
        """Note a request, even if the ticker's last request was the same."""
        self._requested[ticker] = due

    def withdraw(self, ticker: str) -> None:
        """Forget the ticker's request."""
        self._requested.pop(ticker, None)

    def forget(self) -> None:
        """Forget everything: other workers may have trained meanwhile, or may succeed where this worker failed."""
        self._requested.clear()
        self._running.clear()
        self._failures.clear()

    # -- Attempts -------------------------------------------------------------------------------------------------------

    def begin(self, ticker: str, due: DueTraining) -> None:
        """A process has the training."""
        self._running[ticker] = due

    def supersede(self, ticker: str, due: DueTraining) -> None:
        """The request or the result was dropped. If the training is due again later, it can be requested again."""
        self._ended(ticker, due)
        if self._requested.get(ticker) == due:
            del self._requested[ticker]

    def succeed(self, ticker: str, due: DueTraining) -> None:
        """The result is stored. Earlier failures of the ticker are forgotten."""
        self._ended(ticker, due)
        self._failures.pop(ticker, None)

    def fail(self, ticker: str, due: DueTraining, reason: str, now: float) -> Failure:
        """The training failed. Rows give the reason until the training succeeds or another training is due."""
        self._ended(ticker, due)
        former = self._failures.get(ticker)
        attempts = former.attempts + 1 if former is not None and former.due == due else 1
        wait = self._first_retry_seconds * 2.0 ** (attempts - 1)
        is_final = attempts >= self._most_attempts
        failure = Failure(due, reason, attempts, wait, None if is_final else now + wait, is_final)
        self._failures[ticker] = failure
        return failure

    def take_retries(self, now: float) -> list[tuple[str, DueTraining]]:
        """The failed trainings whose waits are over; each failure is returned once."""
        found = [
            (ticker, failure.due)
            for ticker, failure in self._failures.items()
            if failure.retry_at is not None and failure.retry_at <= now
        ]
        for ticker, _ in found:
            self._failures[ticker] = replace(self._failures[ticker], retry_at=None)
        return found

    # -- Questions ------------------------------------------------------------------------------------------------------

    def is_running(self, ticker: str, due: DueTraining) -> bool:
        """Whether a process has this training."""
        return self._running.get(ticker) == due

    def failure(self, ticker: str, due: DueTraining | None) -> str | None:
        """Why this training failed, None if it did not."""
        failure = self._failures.get(ticker)
        return failure.reason if failure is not None and failure.due == due else None

    def is_done(self, ticker: str, due: DueTraining, now: float, covered: Callable[[], bool]) -> bool:
        """Whether there is nothing to do now: the training failed and no retry is open, or the training is `covered`.

        `covered`: whether a stored result that has not expired covers the training. It is called only if it has not failed.
        """
        failure = self._failures.get(ticker)
        if failure is not None and failure.due == due:
            return failure.is_final or (failure.retry_at is not None and now < failure.retry_at)
        return covered()

    def _ended(self, ticker: str, due: DueTraining) -> None:
        if self._running.get(ticker) == due:
            del self._running[ticker]


def covers(trained: TrainedTicker, due: DueTraining, state: Callable[[], TickerState | None], settings: Settings) -> bool:
    """Whether a usable result is that of a training, or of a later training that followed from it.

    A result with a later cut-off may be that of an early training, or of bars that have been corrected since. Only the bars can
    tell, so `state` is called in this case only.
    """
    if DueTraining(trained.cutoff, trained.digest) == due:
        return True
    held = state() if trained.cutoff >= due.cutoff else None
    return held is not None and is_current(trained, held, settings)
