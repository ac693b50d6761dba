"""What is to happen later in a round, in the order of its moments."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable


class Timer:
    """Actions with their moments; `tick` does those that are due."""

    def __init__(self) -> None:
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def __len__(self) -> int:
        return len(self._later)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do it in so many seconds."""
        self._number += 1
        heapq.heappush(self._later, (time.monotonic() + seconds, self._number, action))

    def tick(self) -> None:
        """Do what is due."""
        while self._later and self._later[0][0] <= time.monotonic():
            heapq.heappop(self._later)[2]()

    def hurry(self) -> None:
        """Do everything now; what that calls for in its turn keeps its moment."""
        due, self._later = sorted(self._later), []
        for _, _, action in due:
            action()
