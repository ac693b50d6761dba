"""A few threads for all optimizations, none of which holds up the end of the process."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any, TypeVar

Result = TypeVar("Result")


class StoppingError(Exception):
    """The service is being stopped: nothing more is started, and nobody waits any longer."""


class Workers:
    """Runs work in at most `count` daemon threads, in the order given. Thread-safe.

    The executors of the standard library are joined at the interpreter's end, so a provider that hangs would hold it up.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._mutex = threading.Lock()
        self._queue: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._threads = 0
        self._idle = 0
        self._waiting: set[Future[Any]] = set()
        self._closed = False

    def submit(self, work: Callable[[], object]) -> None:
        """Run `work`, which must not raise, in the background. Raises StoppingError after `close`."""
        with self._mutex:
            if self._closed:
                raise StoppingError
            self._queue.put(work)
            if self._idle < self._queue.qsize() and self._threads < self._count:
                self._threads += 1
                threading.Thread(target=self._work, name=f"optimization_{self._threads}", daemon=True).start()

    def run(self, work: Callable[[], Result]) -> Result:
        """The result of `work`, or what it raises; StoppingError if the service is stopped meanwhile."""
        answer: Future[Result] = Future()

        def settle() -> None:
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - raised again where the answer is waited for
                self._settle(answer.set_exception, error)
            else:
                self._settle(answer.set_result, result)

        with self._mutex:
            self._waiting.add(answer)
        try:
            self.submit(settle)
            return answer.result()
        finally:
            with self._mutex:
                self._waiting.discard(answer)

    def close(self) -> None:
        """Start nothing more; callers that wait in `run` get StoppingError. Work under way ends by itself."""
        with self._mutex:
            self._closed = True
            waiting = list(self._waiting)
            for _ in range(self._threads):
                self._queue.put(None)
        for answer in waiting:
            self._settle(answer.set_exception, StoppingError())

    def _work(self) -> None:
        while True:
            with self._mutex:
                self._idle += 1
            work = self._queue.get()
            with self._mutex:
                self._idle -= 1
                closed = self._closed
            if work is None or closed:
                return
            work()

    @staticmethod
    def _settle(method: Callable[[Any], None], value: object) -> None:
        # The answer may have been settled by `close` already.
        with contextlib.suppress(InvalidStateError):
            method(value)
