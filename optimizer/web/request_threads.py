"""The threads that answer requests: as many as are busy at once, and the thread that ended its work last is the next to work.

A thread keeps memory: its stack, and blocks that it has freed. By default waitress starts all threads that are allowed, some
hundreds since each progress stream holds one, and they work in turn. So memory grew by 24 MB within twelve minutes, until every
thread had answered every kind of request.
"""

from __future__ import annotations

import threading
from typing import Final, Protocol

from waitress.task import ThreadedTaskDispatcher

#: A thread that has had nothing to do for this long ends.
IDLE_SECONDS: Final = 30.0


class Task(Protocol):
    """A request to answer."""

    def service(self) -> None:
        """Answer it."""

    def cancel(self) -> None:
        """It will not be answered."""


class RequestThreads(ThreadedTaskDispatcher):  # type: ignore[misc]
    """waitress's dispatcher, with threads that start when they are needed and end when they are not. Thread-safe."""

    def __init__(self, most: int, idle_seconds: float = IDLE_SECONDS) -> None:
        """At most `most` threads; further requests wait in a queue."""
        super().__init__()
        self._most = most
        self._idle_seconds = idle_seconds
        self._started = 0
        #: What each idle thread waits for, in the order in which they became idle.
        self._idle: list[threading.Condition] = []

    @property
    def idle(self) -> int:
        """How many threads wait for a request."""
        return len(self._idle)

    def add_task(self, task: Task) -> None:
        """Give the task to an idle thread, or start a further thread."""
        with self.lock:
            self.queue.append(task)
            if self._idle:
                self._idle.pop().notify()
            elif len(self.threads) < self._most:
                self._start_thread()
            else:
                self.queue_logger.warning("all threads for requests are busy count=%d", len(self.queue))

    def handler_thread(self, thread_no: int) -> None:
        """Answer requests until there have been none for some time."""
        own = threading.Condition(self.lock)
        while (task := self._next(own, thread_no)) is not None:
            try:
                task.service()
            except BaseException:  # RocksDB's panics are no Exception, and the place of a thread that ends here would be lost
                self.logger.exception("a request could not be answered")

    def set_thread_count(self, count: int) -> None:
        """The most threads from now on; with 0 all end, a busy thread after its request."""
        with self.lock:
            self._most = count
            while self._idle and not count:
                self._idle.pop().notify()

    def _start_thread(self) -> None:
        """One more thread. If the system gives none, the task waits for the others.

        Raises RuntimeError if there are no others; then the task is taken back.
        """
        try:
            self.start_new_thread(self.handler_thread, self._started + 1)
        except RuntimeError:
            if not self.threads:
                self.queue.pop()
                raise
            self.queue_logger.warning("the system starts no further thread for requests count=%d", len(self.threads))
        else:
            self._started += 1
            self.threads.add(self._started)

    def _next(self, own: threading.Condition, thread_no: int) -> Task | None:
        """The next task; None if the thread must end, which is noted."""
        with self.lock:
            while not self.queue and self._most:
                self._idle.append(own)
                own.wait(self._idle_seconds)
                if own in self._idle:  # nobody has called
                    self._idle.remove(own)
                    break
            if self.queue and self._most:
                task: Task = self.queue.popleft()
                return task
            self.threads.discard(thread_no)
            self.thread_exit_cv.notify()
            return None
