"""The ledger of trainings: which are requested, running, failed, and when a failed training is tried again. Pure.

Both engines ask it the same questions. What is due follows from a ticker's bars, and what is done from the stored results, so
that neither depends on what a process remembers; the ledger holds the rest:

- *requested*: asked for, and not superseded since. A training is not asked for twice in a row.
- *running*: handed to a training process.
- *failed*: by its own error. It is tried again after a wait that doubles, `most_attempts` times in all.

A training is *superseded* if the ticker's bars call for another training by now.
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
    """The last failure of a ticker's training. `retry_at` is None if it is not tried again, or has been asked for again."""

    due: DueTraining
    reason: str
    attempts: int
    wait_seconds: float
    retry_at: float | None
    is_final: bool


class TrainingLedger:
    """Times (`now`) are seconds of any clock that does not go back. The first wait is `first_retry_seconds`."""

    def __init__(self, *, most_attempts: int = 1, first_retry_seconds: float = 0.0) -> None:
        self._most_attempts = most_attempts
        self._first_retry_seconds = first_retry_seconds
        self._requested: dict[str, DueTraining] = {}
        self._running: dict[str, DueTraining] = {}
        self._failures: dict[str, Failure] = {}

    # -- Requests -------------------------------------------------------------------------------------------------------

    def request(self, ticker: str, due: DueTraining) -> bool:
        """Note a request. False if this training was the last that was requested: there is no need to ask again."""
        if self._requested.get(ticker) == due:
            return False
        self._requested[ticker] = due
        return True

    def request_again(self, ticker: str, due: DueTraining) -> None:
        """Note a request, whatever was requested before."""
        self._requested[ticker] = due

    def withdraw(self, ticker: str) -> None:
        """Forget the ticker's request."""
        self._requested.pop(ticker, None)

    def forget(self) -> None:
        """Forget everything: others may have trained meanwhile, and what failed here may succeed with them."""
        self._requested.clear()
        self._running.clear()
        self._failures.clear()

    # -- Attempts -------------------------------------------------------------------------------------------------------

    def begin(self, ticker: str, due: DueTraining) -> None:
        """The training was handed to a process."""
        self._running[ticker] = due

    def supersede(self, ticker: str, due: DueTraining) -> None:
        """The request, or the result, was dropped: if the training should be due once more, it is requested anew."""
        self._ended(ticker, due)
        if self._requested.get(ticker) == due:
            del self._requested[ticker]

    def succeed(self, ticker: str, due: DueTraining) -> None:
        """The training's result is stored: earlier failures of the ticker are forgotten."""
        self._ended(ticker, due)
        self._failures.pop(ticker, None)

    def fail(self, ticker: str, due: DueTraining, reason: str, now: float) -> Failure:
        """The training failed. Returns what follows; rows give the reason until it succeeds or another training is due."""
        self._ended(ticker, due)
        former = self._failures.get(ticker)
        attempts = former.attempts + 1 if former is not None and former.due == due else 1
        wait = self._first_retry_seconds * 2.0 ** (attempts - 1)
        is_final = attempts >= self._most_attempts
        failure = Failure(due, reason, attempts, wait, None if is_final else now + wait, is_final)
        self._failures[ticker] = failure
        return failure

    def take_retries(self, now: float) -> list[tuple[str, DueTraining]]:
        """The failed trainings whose wait is over, each once for each failure."""
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
        """Whether there is nothing to do now: the training failed and is not to be tried yet or again, or it is `covered`.

        `covered` says whether a stored result that has not expired covers it; it is called only if the training has not failed.
        """
        failure = self._failures.get(ticker)
        if failure is not None and failure.due == due:
            return failure.is_final or (failure.retry_at is not None and now < failure.retry_at)
        return covered()

    def _ended(self, ticker: str, due: DueTraining) -> None:
        if self._running.get(ticker) == due:
            del self._running[ticker]


def covers(trained: TrainedTicker, due: DueTraining, state: Callable[[], TickerState | None], settings: Settings) -> bool:
    """Whether a usable result is that of a training, or of a later one that followed from it.

    A result with a later cut-off may be an early training, or one of bars that have been corrected since: only the bars of
    the `state` tell, which is asked for only then.
    """
    if DueTraining(trained.cutoff, trained.digest) == due:
        return True
    held = state() if trained.cutoff >= due.cutoff else None
    return held is not None and is_current(trained, held, settings)
