"""Later actions of a round, in the order of their times."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable


class Timer:
    """Actions with their times; `tick` runs due actions."""

    def __init__(self) -> None:
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def __len__(self) -> int:
        return len(self._later)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Run the action after this many seconds."""
        self._number += 1
        heapq.heappush(self._later, (time.monotonic() + seconds, self._number, action))

    def tick(self) -> None:
        """Run due actions."""
        while self._later and self._later[0][0] <= time.monotonic():
            heapq.heappop(self._later)[2]()

    def hurry(self) -> None:
        """Run all actions now. Actions that they add keep their times."""
        due, self._later = sorted(self._later), []
        for _, _, action in due:
            action()
