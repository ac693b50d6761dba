"""Events of the last minutes: how often the training pool died, which trainings failed."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

#: What is older says nothing about now.
RECENT_SECONDS: Final = 600.0
#: One death may be an operator or the system short of memory once.
MOST_DEATHS: Final = 3
#: One odd ticker must not make a worker red: so many tickers fail, and at least half of all trainings.
LEAST_FAILED_TICKERS: Final = 3


class Ended(NamedTuple):
    """A training that ended at a moment (seconds of a monotonic clock); `reason` is None if it succeeded."""

    at: float
    ticker: str
    reason: str | None


class Outcomes:
    """The deaths of training processes and the ends of trainings within `RECENT_SECONDS`."""

    def __init__(self) -> None:
        self._deaths: deque[float] = deque()
        self._trainings: deque[Ended] = deque()

    def note_death(self, at: float) -> None:
        """A training process died."""
        self._deaths.append(at)

    def note_training(self, training: Ended) -> None:
        """A training ended."""
        self._trainings.append(training)

    def deaths(self, now: float) -> int:
        """Deaths of training processes lately."""
        while self._deaths and self._deaths[0] < now - RECENT_SECONDS:
            self._deaths.popleft()
        return len(self._deaths)

    def failed(self, now: float) -> dict[str, str]:
        """Why the newest training of a ticker failed lately, by ticker."""
        found = {ticker: reason for ticker, reason in self._newest(now).items() if reason is not None}
        # A training's error names the ticker and says that it failed, as the readers of these reasons do.
        return {
            ticker: reason.removeprefix(f"{ticker}: ").removeprefix("training failed: ") for ticker, reason in found.items()
        }

    def failing(self, now: float) -> dict[str, str]:
        """The same if trainings fail by and large, else empty."""
        newest, failed = self._newest(now), self.failed(now)
        return failed if len(failed) >= LEAST_FAILED_TICKERS and 2 * len(failed) >= len(newest) else {}

    def _newest(self, now: float) -> dict[str, str | None]:
        while self._trainings and self._trainings[0].at < now - RECENT_SECONDS:
            self._trainings.popleft()
        return {training.ticker: training.reason for training in self._trainings}
