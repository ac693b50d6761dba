"""How much happens at once: optimizations, and the streams of all browsers and of each."""

from __future__ import annotations

import threading
from typing import Final

from optimizer.web.jobs import Listener

#: A browser opens at most six connections to one address: a seventh tab's request would wait for a stream of another to end.
STREAMS_OF_A_BROWSER: Final = 5


class TooManyError(Exception):
    """As much is under way as the settings allow; asking again later will do."""


class Slots:
    """At most `count` of something at once. Thread-safe."""

    def __init__(self, count: int) -> None:
        self._semaphore = threading.BoundedSemaphore(count)

    def acquire(self) -> None:
        """Take one. Raises TooManyError when all are taken."""
        if not self._semaphore.acquire(blocking=False):
            raise TooManyError

    def release(self) -> None:
        """Give it back."""
        self._semaphore.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class BrowserStreams:
    """The streams of each browser, oldest first. Thread-safe.

    Of more than STREAMS_OF_A_BROWSER the oldest is ended. The browser opens it again after some seconds and misses nothing;
    meanwhile a connection is free for the requests of other tabs.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._held: dict[object, list[Listener]] = {}

    def add(self, browser: object, listener: Listener) -> None:
        """Count a stream of a browser, and end its oldest if it has too many."""
        with self._mutex:
            held = self._held.setdefault(browser, [])
            held.append(listener)
            oldest = [held.pop(0)] if len(held) > STREAMS_OF_A_BROWSER else []
        for each in oldest:
            each.leave()

    def remove(self, browser: object, listener: Listener) -> None:
        """Count a stream no more."""
        with self._mutex:
            held = self._held.get(browser, [])
            if listener in held:
                held.remove(listener)
            if not held:
                self._held.pop(browser, None)
